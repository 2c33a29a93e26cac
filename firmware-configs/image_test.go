package firmwareconfigs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tryboot is a Raspberry Pi's first partition with the backend that changes it.
type tryboot struct {
	t   *testing.T
	dir string
}

func (b tryboot) run(args ...string) string {
	b.t.Helper()
	c := exec.Command("./image/rauc-tryboot", args...)
	c.Env = append(os.Environ(), "AUTOBOOT="+b.dir)
	out, err := c.Output()
	if err != nil {
		b.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// stands says which slot the firmware starts, and which one after a reboot into tryboot.
func (b tryboot) stands() (always, once string) {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, "autoboot.txt"))
	if err != nil {
		b.t.Fatal(err)
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		if n, ok := strings.CutPrefix(line, "boot_partition="); ok && section == "[all]" {
			always = n
		} else if ok && section == "[tryboot]" {
			once = n
		}
	}
	return always, once
}

// The firmware's standing choice changes only when the new version has been marked good.
func TestTryboot(t *testing.T) {
	b := tryboot{t, t.TempDir()}
	first, err := os.ReadFile("boards/rpi4/autoboot.txt")
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, "autoboot.txt"), first, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := func(when, primary, a, slotB, always, once string) {
		t.Helper()
		gotAlways, gotOnce := b.stands()
		if p, sa, sb := b.run("get-primary"), b.run("get-state", "A"), b.run("get-state", "B"); p != primary || sa != a || sb != slotB || gotAlways != always || gotOnce != once {
			t.Errorf("%s: primary %s, A %s, B %s, starts %s, tries %s; want %s, %s, %s, %s, %s", when, p, sa, sb, gotAlways, gotOnce, primary, a, slotB, always, once)
		}
	}
	want("at first", "A", "good", "good", "2", "3")
	b.run("set-state", "B", "bad") // an installation begins
	want("while it is written", "A", "good", "bad", "2", "3")
	b.run("set-state", "B", "good")
	b.run("set-primary", "B")
	want("installed", "B", "good", "good", "2", "3")
	b.run("set-state", "A", "good") // the old version, still running, marks itself
	want("before the reboot", "B", "good", "good", "2", "3")
	b.run("set-state", "B", "good")
	want("proved", "B", "good", "good", "3", "2")
	b.run("set-primary", "A")
	b.run("set-state", "A", "bad") // the next one fails
	want("failed", "B", "bad", "good", "3", "2")
	b.run("set-state", "B", "bad")
	want("both bad: what stands goes on standing", "B", "bad", "bad", "3", "2")
	for _, args := range [][]string{{}, {"get-state", "C"}, {"set-primary"}, {"set-state", "A", "fine"}} {
		c := exec.Command("./image/rauc-tryboot", args...)
		c.Env = append(os.Environ(), "AUTOBOOT="+b.dir)
		if err := c.Run(); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

// A bundle of the recipe is taken with the right key; one with another key, or with a changed byte anywhere, is not.
func TestUpdateBundle(t *testing.T) {
	for _, program := range []string{"rauc", "mksquashfs", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s on this machine", program)
		}
	}
	tree := t.TempDir()
	sh := func(script string) (string, error) {
		c := exec.Command("sh", "-euc", script)
		c.Dir = tree
		out, err := c.CombinedOutput()
		return string(out), err
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	out, err := sh(`ln -s '` + here + `' here && mkdir -p firmware-configs/image firmware-configs/build var/image
cp here/image/* firmware-configs/image/; cp here/build/need.sh firmware-configs/build/
for k in ours other; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $k.key -out $k.pem -days 2 -subj /CN=$k; done
head -c 300000 /dev/urandom >var/image/rpi4.ext4; echo boot >var/image/rpi4.boot.vfat
firmware-configs/image/bundle.sh rpi4 7 "$PWD/ours.pem" "$PWD/ours.key"`)
	if err != nil {
		t.Fatalf("make a bundle: %v\n%s", err, out)
	}
	const bundle = "var/image/rpi4-7.raucb"
	out, err = sh("rauc info --keyring=ours.pem " + bundle)
	if err != nil || !strings.Contains(out, "citygate-rpi4") || !strings.Contains(out, "rootfs") || !strings.Contains(out, "boot.vfat") {
		t.Errorf("info: %v\n%s", err, out)
	}
	if out, err := sh("rauc info --keyring=other.pem " + bundle); err == nil {
		t.Errorf("a foreign key's bundle was taken:\n%s", out)
	}
	if out, err := sh("rauc extract --keyring=ours.pem " + bundle + " whole && cmp whole/rootfs.ext4 var/image/rpi4.ext4"); err != nil {
		t.Errorf("extract: %v\n%s", err, out)
	}
	// One changed byte in the content, which info does not read, and in the signature.
	for name, seek := range map[string]string{"content": "100000", "signature": "$(($(stat -c %s changed) - 400))"} {
		if out, err := sh("cp " + bundle + " changed; printf '\\377\\000\\377\\000' | dd of=changed bs=1 seek=" + seek + " conv=notrunc; rm -rf part; rauc extract --keyring=ours.pem changed part"); err == nil {
			t.Errorf("a bundle with changed %s was taken:\n%s", name, out)
		}
	}
}
