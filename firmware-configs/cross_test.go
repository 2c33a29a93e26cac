package firmwareconfigs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/internal/qrcode"
	"citygate/internal/scene"
	"citygate/scanner"
	"citygate/trust/cache"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// board is a build of cross.sh and how it runs on this machine.
type board struct {
	target string
	wants  string // file without which it cannot run
	qemu   []string
}

func boards() []board {
	const blas = "LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu/blas:/usr/lib/aarch64-linux-gnu/lapack"
	root := filepath.FromSlash("../var/sysroot/arm64")
	return []board{
		{"arm64-static", "", []string{"qemu-aarch64-static"}},
		{"armhf-static", "", []string{"qemu-arm-static"}},
		{"arm64", root + ".done", []string{"qemu-aarch64-static", "-L", root, "-E", blas}},
	}
}

// The builds for boards, run by an emulator, see in the same pictures the same codes as this machine does, and give the
// same verdicts on them.
func TestCrossBuilds(t *testing.T) {
	cross := os.Getenv("CITYGATE_CROSS") // not simply var/cross: an old build there would be compared with new code
	if cross == "" {
		t.Skip("CITYGATE_CROSS is not set: `make cross` builds and runs this")
	}
	exhibits := newExhibition(t)
	for _, b := range boards() {
		t.Run(b.target, func(t *testing.T) {
			program := filepath.Join(cross, b.target, "citygate")
			for _, file := range []string{program, b.wants} {
				if _, err := os.Stat(file); file != "" && err != nil {
					t.Skipf("%s is not there: `make cross` builds it", filepath.Base(file))
				}
			}
			if _, err := exec.LookPath(b.qemu[0]); err != nil {
				t.Skipf("no %s on this machine (package qemu-user-static)", b.qemu[0])
			}
			run := func(args ...string) (string, int) { return b.run(t, program, args...) }
			if out, status := run("version"); status != 0 || !strings.Contains(out, " linux/arm") {
				t.Fatalf("version: status %d, %q", status, out)
			}
			exhibits.check(t, run)
		})
	}
}

func (b board) run(t *testing.T, program string, args ...string) (string, int) {
	t.Helper()
	var out, problems bytes.Buffer
	c := exec.CommandContext(t.Context(), b.qemu[0], append(append(b.qemu[1:len(b.qemu):len(b.qemu)], program), args...)...)
	c.Stdout, c.Stderr = &out, &problems
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || c.ProcessState.ExitCode() > 2 || problems.Len() > 0 {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, &problems)
	}
	return out.String(), c.ProcessState.ExitCode()
}

// exhibition is pictures of codes, what this machine sees in them, and a gateway's trust database.
type exhibition struct {
	trust string
	all   []exhibit
}

type exhibit struct {
	verdict, text, picture string
	seen                   []scanner.Symbol
}

func newExhibition(t *testing.T) *exhibition {
	t.Helper()
	dir := t.TempDir()
	x := &exhibition{trust: filepath.Join(dir, "trust.db"), all: codes(t, filepath.Join(dir, "trust.db"))}
	looks := []func(*scene.Scene){
		func(s *scene.Scene) { s.Codes[0].Rotate, s.Codes[0].Tilt, s.Noise = 12, 20, 3 },
		func(s *scene.Scene) { s.Codes[0].Phone, s.Defocus, s.Noise = scene.Phone{Pitch: 6}, 0.8, 3 },
		func(s *scene.Scene) { s.Codes[0].Bend, s.Codes[0].Rotate, s.Shot = 18, -25, 0.2 },
	}
	eye := scanner.New(scanner.Options{})
	for i := range x.all {
		e := &x.all[i]
		m, err := qrcode.Encode(e.text, qrcode.M)
		if err != nil {
			t.Fatal(err)
		}
		s := scene.Scene{Width: 960, Height: 540, Seed: uint64(i + 1), Backdrop: scene.Street,
			Codes: []scene.Code{{Matrix: scene.NewMatrix(m.Size(), m.Size(), m.At), Module: 5, Center: scene.Point{X: 470, Y: 270}}}}
		looks[i%len(looks)](&s)
		g := scene.Luma(s).Luma
		e.picture = filepath.Join(dir, e.verdict+".pgm")
		pgm := append(fmt.Appendf(nil, "P5\n%d %d\n255\n", s.Width, s.Height), g.Pix...)
		if err := os.WriteFile(e.picture, pgm, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, sym := range eye.Scan(scanner.Frame{Pix: g.Pix, Stride: g.Stride, Width: s.Width, Height: s.Height}) {
			sym.Bytes = bytes.Clone(sym.Bytes)
			e.seen = append(e.seen, sym)
		}
		if len(e.seen) != 1 || e.seen[0].Text != e.text {
			t.Fatalf("%s: this machine does not read its own picture", e.verdict)
		}
	}
	return x
}

// codes makes a ledger with codes of several verdicts, and the trust database of a gateway that has read it.
func codes(t *testing.T, file string) []exhibit {
	t.Helper()
	const host = "ID.SJZ.EXAMPLE"
	n := ledgertest.NewNation()
	n.Time = time.Now().UTC().Truncate(time.Second)
	r := n.AddRegistry("MA.156.1301", "sjz")
	issuer := n.AddIssuer(r, host)
	var all []exhibit
	var sealed []code.Code
	for i, e := range []struct {
		verdict  string
		notAfter int64
	}{{"valid", 0}, {"expired", n.Time.Unix() - 60}, {"revoked", 0}} {
		body, err := code.EncodeBody(false, code.Claims{Nodes: "156.1301.01", Object: fmt.Sprintf("LAMP.%06d", i),
			Kind: code.KindStreetAsset, NotAfter: e.notAfter})
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, code.Code{Key: issuer.Index, Body: body, Index: r.Records.Append(code.EntryOf(body))})
		all = append(all, exhibit{verdict: e.verdict})
	}
	r.Records.Pad()
	n.SetStatus(r, sealed[2].Index, ledger.Revoked)
	for i := range sealed {
		sealed[i].Path = r.Records.Path(sealed[i].Index)
		var err error
		if all[i].text, err = code.Text(host, sealed[i]); err != nil {
			t.Fatal(err)
		}
	}
	c, err := cache.Open(file, cache.Options{Root: n.Root})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sync(t.Context(), ledgertest.NewSource(n)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// check compares what a build sees and judges with what this machine does. Corners may differ by a fraction of a pixel,
// as processors differ in how they round products and sums.
func (x *exhibition) check(t *testing.T, run func(args ...string) (string, int)) {
	t.Helper()
	args := []string{"scan", "--json"}
	for _, e := range x.all {
		args = append(args, e.picture)
	}
	out, status := run(args...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != 0 || len(lines) != len(x.all) {
		t.Fatalf("scan: status %d, %q", status, out)
	}
	for i, e := range x.all {
		var got struct {
			Symbols []struct {
				Format, Text string
				Bytes        []byte
				Corners      [4][2]float64
			}
		}
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Symbols) != len(e.seen) {
			t.Errorf("%s: %d codes, this machine sees %d", e.verdict, len(got.Symbols), len(e.seen))
			continue
		}
		for j, s := range got.Symbols {
			want := e.seen[j]
			if s.Format != want.Format.String() || s.Text != want.Text || !bytes.Equal(s.Bytes, want.Bytes) {
				t.Errorf("%s: %s %q, this machine reads %s %q", e.verdict, s.Format, s.Text, want.Format, want.Text)
			}
			for k, c := range s.Corners {
				if math.Hypot(c[0]-want.Corners[k].X, c[1]-want.Corners[k].Y) > 0.5 {
					t.Errorf("%s: corner %d at %v, this machine sees it at %v", e.verdict, k, c, want.Corners[k])
				}
			}
		}
		verdict, _ := run("verify", "--trust", x.trust, e.text)
		if word, _, _ := strings.Cut(strings.TrimSpace(verdict), " "); word != e.verdict {
			t.Errorf("verdict %s, want %s", word, e.verdict)
		}
	}
}
