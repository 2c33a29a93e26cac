package firmwareconfigs_test

import (
	"bytes"
	"database/sql"
	"image"
	"image/color"
	"image/draw"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"citygate/internal/avi"
	"citygate/internal/qrcode"
)

// This file is what the test of installed packages brings along: the packages of two versions, a film, and how it looks
// at what the programs have stored.

// packages copies the packages into the root, changed by change.
func packages(t *testing.T, from, to string, change func(t *testing.T, tree string)) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"citygate", "cityfleet", "cityregistry", "citygate-broker"} {
		found, err := filepath.Glob(filepath.Join(from, name+"_*_a[ml]*.deb"))
		if err != nil || len(found) != 1 {
			t.Fatalf("want one package %s for this machine in %s, found %v", name, from, found)
		}
		tree := filepath.Join(t.TempDir(), name)
		if out, err := exec.Command("dpkg-deb", "-R", found[0], tree).CombinedOutput(); err != nil {
			t.Fatalf("unpack %s: %v: %s", found[0], err, out)
		}
		if change != nil {
			change(t, tree)
		}
		if out, err := exec.Command("dpkg-deb", "-Znone", "-b", tree, filepath.Join(to, name+".deb")).CombinedOutput(); err != nil {
			t.Fatalf("pack %s: %v: %s", name, err, out)
		}
	}
}

// newer makes the next version of a package: a higher number, and another default in the gateway's configuration.
func newer(t *testing.T, tree string) {
	t.Helper()
	control := filepath.Join(tree, "DEBIAN", "control")
	b, err := os.ReadFile(control)
	if err == nil {
		err = os.WriteFile(control, bytes.Replace(b, []byte("\nVersion: "), []byte("\nVersion: 1:"), 1), 0o644)
	}
	if conf := filepath.Join(tree, etc, "citygate.toml"); err == nil {
		if b, err = os.ReadFile(conf); err == nil {
			err = os.WriteFile(conf, append(b, "\n# of the next version\n"...), 0o644)
		} else if os.IsNotExist(err) {
			err = nil
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// valid counts accepted scans at the fleet, stored all its events, waiting those that the gateway still holds.
func (w *town) valid() int {
	return w.count("/var/lib/cityfleet/fleet.db", "SELECT count(*) FROM events WHERE verdict = 'valid'")
}
func (w *town) stored() int {
	return w.count("/var/lib/cityfleet/fleet.db", "SELECT count(*) FROM events")
}
func (w *town) waiting() int {
	return w.count("/var/lib/citygate/outbox.db", `SELECT coalesce(sum(span), 0) FROM item AS i JOIN epoch AS e ON e.ord = i.id >> 40
		WHERE i.id - (e.ord << 40) > e.acked`)
}

func (w *town) count(file, query string) (n int) {
	w.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+w.path(file)+"?mode=ro&_busy_timeout=5000")
	if err == nil {
		defer db.Close()
		err = db.QueryRow(query).Scan(&n)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", file, err)
	}
	return n
}

// listens says whether something listens on a port of 127.0.0.1 in the root's network.
func (w *town) listens(port int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(w.net) + "/net/tcp")
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Contains(string(b), " 0100007F:"+strings.ToUpper(strconv.FormatInt(int64(port), 16))+" 00000000:0000 0A")
}

func (w *town) await(what string, done func() bool) {
	w.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(90 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			for _, s := range []*service{w.gateway, w.fleet} {
				if s != nil {
					w.t.Logf("%s:\n%s", s.name, s.log())
				}
			}
			w.t.Fatalf("waited 90 s for %s", what)
		}
	}
}

// film writes a code that comes and goes, with a little grain, so that no frame is like the last.
func film(t *testing.T, path, text string) {
	t.Helper()
	m, err := qrcode.Encode(text, qrcode.M)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const width, height, rate = 640, 480, 10
	out, err := avi.NewWriter(f, width, height, avi.Options{Rate: rate, Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 * rate {
		frame := image.NewGray(image.Rect(0, 0, width, height))
		for i := range frame.Pix {
			frame.Pix[i] = uint8(150 + (i*7+n*13)%23)
		}
		if n < 2*rate {
			code := m.Image(4)
			at := image.Pt((width-code.Bounds().Dx())/2+n%3, (height-code.Bounds().Dy())/2)
			draw.Draw(frame, code.Bounds().Add(at), code, image.Point{}, draw.Src)
		} else {
			draw.Draw(frame, image.Rect(20+n, 20, 120+n, 90), image.NewUniform(color.Gray{60}), image.Point{}, draw.Src)
		}
		if err := out.WriteImage(frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
