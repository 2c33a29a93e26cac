package scanner_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"citygate/internal/scene"
	"citygate/scanner"
	"citygate/scanner/zinttest"
)

// board is a processor of boards, and the emulator that runs its programs here.
type board struct {
	name, qemu string
	env        []string
}

func boards() []board {
	return []board{
		{"arm64", "qemu-aarch64-static", []string{"GOARCH=arm64"}},
		{"armhf", "qemu-arm-static", []string{"GOARCH=arm", "GOARM=7"}},
	}
}

// aSymbol is one of each symbology.
type aSymbol struct {
	format scanner.Format
	matrix scene.Matrix
}

func symbologies(t *testing.T) (all []aSymbol) {
	t.Helper()
	zinttest.Need(t)
	for _, s := range []struct {
		format scanner.Format
		name   string
		width  int
		text   string
		args   []string
	}{
		{scanner.QR, "QRCODE", 0, kioskText, []string{"--vers=4"}},
		{scanner.MicroQR, "MICROQR", 0, "LAMP.000421", []string{"--vers=4", "--secure=3"}},
		{scanner.RMQR, "RMQR", 43, "LAMP.000421/156.1301", []string{"--vers=18", "--secure=2"}},
		{scanner.DataMatrix, "DATAMATRIX", 0, kioskText, []string{"--square"}},
		{scanner.Aztec, "AZTEC", 0, kioskText, nil},
	} {
		m, err := zinttest.Draw(s.name, s.width, s.text, s.args...)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, aSymbol{s.format, scene.NewMatrix(m.W, m.H, m.Dark)})
	}
	return all
}

// thorough is what `make cross` asks for: all boards and all conditions, which takes minutes.
func thorough() bool { return os.Getenv("CITYGATE_CROSS") != "" }

// exhibits draws each symbology under the generator's conditions: under some of them, or under all.
func exhibits(t *testing.T) (frames []scanner.Frame, names []string) {
	t.Helper()
	var draw scene.Renderer
	for k, s := range symbologies(t) {
		for i, c := range conditions() {
			if (i+k)%13 != 0 && !thorough() {
				continue
			}
			rng := rand.New(rand.NewPCG(uint64(i), uint64(k)))
			side := int(c.module*float64(max(s.matrix.W, s.matrix.H)+14)*1.2) &^ 7
			sc := scene.Scene{Width: side + 40, Height: side, Seed: rng.Uint64(), Backdrop: scene.Street, Noise: 2}
			code := scene.Code{Matrix: s.matrix, Module: c.module, Center: scene.Point{X: float64(side)/2 + in(rng, -3, 30), Y: float64(side)/2 + in(rng, -3, 3)}}
			c.spoil(&sc, &code, rng)
			sc.Codes = []scene.Code{code}
			f := frameOf(&draw, sc)
			f.Pix = bytes.Clone(f.Pix)
			frames, names = append(frames, f), append(names, fmt.Sprintf("%s %s", s.format, c.name))
		}
	}
	return frames, names
}

// TestBoardsReadTheSame holds the symbols of the processors of boards equal to this machine's, over all symbologies and the generator's conditions. Where a processor
// fuses multiply and add the last bits of places differ, so corners may by a little; what is read may not.
func TestBoardsReadTheSame(t *testing.T) {
	frames, names := exhibits(t)
	dir := t.TempDir()
	s := scanner.New(scanner.Options{})
	var args []string
	var want [][]scanner.Symbol
	read := 0
	for i, f := range frames {
		file := filepath.Join(dir, fmt.Sprint(i))
		var rows []byte
		for y := range f.Height {
			rows = append(rows, f.Pix[y*f.Stride:][:f.Width]...)
		}
		if err := os.WriteFile(file, rows, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, fmt.Sprintf("%s:%dx%d", file, f.Width, f.Height))
		want = append(want, append([]scanner.Symbol{}, s.Scan(scanner.Frame{Pix: rows, Stride: f.Width, Width: f.Width, Height: f.Height})...))
		read += len(want[i])
	}
	if 3*read < 2*len(frames) {
		t.Fatalf("this machine reads %d symbols in %d pictures", read, len(frames))
	}
	for _, b := range boards() {
		t.Run(b.name, func(t *testing.T) {
			b.compare(t, dir, args, names, want)
		})
	}
}

// compare runs the scanner on a board and compares what it reads.
func (b board) compare(t *testing.T, dir string, args, names []string, want [][]scanner.Symbol) {
	if b.name != "arm64" && !thorough() {
		t.Skip("CITYGATE_CROSS is not set: `make cross` tries this board too")
	}
	qemu, err := exec.LookPath(b.qemu)
	if err != nil {
		t.Skipf("no %s on this machine (Debian package qemu-user-static)", b.qemu)
	}
	program := filepath.Join(dir, b.name)
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "nogocv", "-o", program, "./testdata/symbols")
	build.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), b.env...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	var problems bytes.Buffer
	run := exec.CommandContext(t.Context(), qemu, append([]string{program}, args...)...)
	run.Stderr = &problems
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &problems)
	}
	lines := json.NewDecoder(bytes.NewReader(out))
	var arch string
	if err := lines.Decode(&arch); err != nil || "GOARCH="+arch != b.env[0] {
		t.Fatalf("it runs on %s: %v", arch, err)
	}
	worst := 0.0
	for i, name := range names {
		var got []scanner.Symbol
		if err := lines.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want[i]) {
			t.Errorf("%s: %d symbols, here %d", name, len(got), len(want[i]))
			continue
		}
		for k, g := range got {
			w := want[i][k]
			if g.Format != w.Format || g.Text != w.Text || !bytes.Equal(g.Bytes, w.Bytes) {
				t.Errorf("%s: %s %q, here %s %q", name, g.Format, g.Text, w.Format, w.Text)
			}
			for j := range g.Corners {
				worst = max(worst, math.Hypot(g.Corners[j].X-w.Corners[j].X, g.Corners[j].Y-w.Corners[j].Y))
			}
		}
	}
	t.Logf("%d pictures; corners differ by %.2g pixels at most", len(names), worst)
	if worst > 0.25 {
		t.Errorf("corners differ by %g pixels", worst)
	}
}
