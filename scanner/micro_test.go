package scanner_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"citygate/internal/scene"
	"citygate/scanner"
	"citygate/scanner/zinttest"
)

// single is a symbol with one finder pattern, as zint draws it.
type single struct {
	name   string
	format scanner.Format
	text   string
	width  int
	args   []string
}

// singles are versions of Micro QR Code and rMQR, at all levels, from the smallest to the largest.
var singles = []single{
	{"M1", scanner.MicroQR, "12345", 0, []string{"--vers=1"}},
	{"M2-L", scanner.MicroQR, "LAMP7", 0, []string{"--vers=2", "--secure=1"}},
	{"M2-M", scanner.MicroQR, "LAMP7", 0, []string{"--vers=2", "--secure=2"}},
	{"M3-L", scanner.MicroQR, "CITYGATE 00421", 0, []string{"--vers=3", "--secure=1"}},
	{"M3-M", scanner.MicroQR, "GATE 00421", 0, []string{"--vers=3", "--secure=2"}},
	{"M4-L", scanner.MicroQR, "LAMP.000421/156.13", 0, []string{"--vers=4", "--secure=1"}},
	{"M4-M", scanner.MicroQR, "LAMP.000421/156", 0, []string{"--vers=4", "--secure=2"}},
	{"M4-Q", scanner.MicroQR, "LAMP.000421", 0, []string{"--vers=4", "--secure=3"}},
	{"R7x43-M", scanner.RMQR, "LAMP.42", 43, []string{"--vers=1", "--secure=2"}},
	{"R7x77-H", scanner.RMQR, "LAMP.000421", 77, []string{"--vers=3", "--secure=4"}},
	{"R7x139-M", scanner.RMQR, "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421", 139, []string{"--vers=5", "--secure=2"}},
	{"R9x59-M", scanner.RMQR, "LAMP.000421/156.1301", 59, []string{"--vers=7", "--secure=2"}},
	{"R11x27-H", scanner.RMQR, "LAMP", 27, []string{"--vers=11", "--secure=4"}},
	{"R11x99-H", scanner.RMQR, "HTTPS://ID.SJZ.EXAMPLE/156.1301.01", 99, []string{"--vers=15", "--secure=4"}},
	{"R13x43-M", scanner.RMQR, "LAMP.000421/156.1301", 43, []string{"--vers=18", "--secure=2"}},
	{"R13x139-H", scanner.RMQR, "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421", 139, []string{"--vers=22", "--secure=4"}},
	{"R15x77-M", scanner.RMQR, "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421", 77, []string{"--vers=25", "--secure=2"}},
	{"R17x43-M", scanner.RMQR, "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.0", 43, []string{"--vers=28", "--secure=2"}},
	{"R17x139-H", scanner.RMQR, "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421", 139, []string{"--vers=32", "--secure=4"}},
}

// matrix draws the symbol.
func (s *single) matrix(t testing.TB) scene.Matrix {
	t.Helper()
	m, err := zinttest.Draw(map[scanner.Format]string{scanner.MicroQR: "MICROQR", scanner.RMQR: "RMQR"}[s.format], s.width, s.text, s.args...)
	if err != nil {
		t.Fatal(err)
	}
	return scene.NewMatrix(m.W, m.H, m.Dark)
}

// singleScene is frame i of a condition, on a street.
func singleScene(m scene.Matrix, c condition, i int, seed uint64) scene.Scene {
	rng := rand.New(rand.NewPCG(seed, uint64(i)*1000+uint64(len(c.name))))
	s := scene.Scene{Width: 1280, Height: 720, Seed: rng.Uint64(), Backdrop: scene.Street, Noise: 2}
	code := scene.Code{Matrix: m, Module: c.module}
	room := c.module * float64(max(m.W, m.H)+8) * 0.55
	code.Center = scene.Point{X: in(rng, min(room, 600), max(1280-room, 680)), Y: in(rng, min(room, 330), max(720-room, 390))}
	code.Dark, code.Light = scene.Gray(in(rng, 15, 50)), scene.Gray(in(rng, 180, 240))
	c.spoil(&s, &code, rng)
	s.Codes = []scene.Code{code}
	return s
}

// spoiled are the conditions beyond what a symbol with a single finder pattern is read under: their frames are not counted.
var spoiled = map[string]bool{"defocus-2.5@4": true, "motion-8@4": true, "bend-100": true, "worn": true, "hard": true, "glare-220": true}

// score counts the frames read and drawn by what they show.
type score struct {
	read, drawn map[string]int
	order       []string
}

func (s *score) add(hit bool, keys ...string) {
	for _, key := range keys {
		if s.drawn[key]++; s.drawn[key] == 1 {
			s.order = append(s.order, key)
		}
		if hit {
			s.read[key]++
		}
	}
}

// TestSingles is the ratchet of street frames: of each symbology at least so many in a hundred are read, and none wrong. Every symbol is drawn under an eighth of
// the conditions; KIOSK=frames-of-each draws all, and prints them by symbol and by condition.
func TestSingles(t *testing.T) {
	zinttest.Need(t)
	n, all := 1, os.Getenv("KIOSK") != ""
	if _, err := fmt.Sscan(os.Getenv("KIOSK"), &n); all && err != nil {
		t.Fatal(err)
	}
	s := scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.QR, scanner.MicroQR, scanner.RMQR)})
	var renderer scene.Renderer
	got := score{read: map[string]int{}, drawn: map[string]int{}}
	for k := range singles {
		c := &singles[k]
		m := c.matrix(t)
		for j, cond := range conditions() {
			for i := range n {
				if (j+k)%8 != 0 && !all {
					continue
				}
				hit := c.in(t, s.Scan(frameOf(&renderer, singleScene(m, cond, i, 1))), cond.name)
				got.add(hit, c.name, c.format.String()+" "+cond.name)
				if !spoiled[cond.name] {
					got.add(hit, c.format.String())
				}
			}
		}
	}
	for _, key := range got.order {
		if all || key == "microqr" || key == "rmqr" {
			t.Logf("%-22s %3d of %3d", key, got.read[key], got.drawn[key])
		}
	}
	for format, least := range map[string]int{"microqr": 93, "rmqr": 93} {
		if 100*got.read[format] < least*got.drawn[format] {
			t.Errorf("%s: read %d of %d, want %d in a hundred", format, got.read[format], got.drawn[format], least)
		}
	}
}

// in reports whether the symbol was found; any other one is an error.
func (s *single) in(t *testing.T, found []scanner.Symbol, where string) (hit bool) {
	t.Helper()
	for _, sym := range found {
		if sym.Text != s.text || sym.Format != s.format {
			t.Errorf("%s %s: wrong text %q (%v)", s.name, where, sym.Text, sym.Format)
			continue
		}
		hit = true
	}
	return hit
}

// TestSinglesSmall reads frames that hold nothing but a symbol and its quiet zone, of one to twelve pixels a module, in all turns, of every version of Micro QR Code
// and rMQR at hand.
func TestSinglesSmall(t *testing.T) {
	zinttest.Need(t)
	s := scanner.New(scanner.Options{Formats: singleFormats})
	for k := range singles {
		c := &singles[k]
		m := c.matrix(t)
		for _, side := range []int{1, 2, 3, 5, 12} {
			w, h := (m.W+4)*side, (m.H+4)*side
			f := scanner.Frame{Pix: make([]byte, w*h), Stride: w, Width: w, Height: h}
			for i := range f.Pix {
				f.Pix[i] = 230
				if m.At(i%w/side-2, i/w/side-2) {
					f.Pix[i] = 20
				}
			}
			for q := range 4 {
				found := s.Scan(turned(f, q))
				if side == 1 && len(found) == 0 {
					continue // below what is promised
				}
				if len(found) != 1 || found[0].Text != c.text {
					t.Errorf("%s of %d pixels at %d degrees: %d symbols", c.name, side, 90*q, len(found))
				}
			}
		}
	}
}

// TestSinglesEveryVersion reads a frame of each version of rMQR at both levels, three pixels a module.
func TestSinglesEveryVersion(t *testing.T) {
	zinttest.Need(t)
	s := scanner.New(scanner.Options{Formats: singleFormats})
	widths := [...]int{43, 59, 77, 99, 139, 43, 59, 77, 99, 139, 27, 43, 59, 77, 99, 139, 27, 43, 59, 77, 99, 139, 43, 59, 77, 99, 139, 43, 59, 77, 99, 139}
	for v, width := range widths {
		for _, level := range []string{"2", "4"} {
			m, err := zinttest.Draw("RMQR", width, "421", fmt.Sprintf("--vers=%d", v+1), "--secure="+level)
			if err != nil {
				t.Fatal(err)
			}
			w, h := 3*(m.W+4), 3*(m.H+4)
			f := scanner.Frame{Pix: make([]byte, w*h), Stride: w, Width: w, Height: h}
			for i := range f.Pix {
				f.Pix[i] = 200
				if x, y := i%w/3-2, i/w/3-2; x >= 0 && y >= 0 && x < m.W && y < m.H && m.Dark(x, y) {
					f.Pix[i] = 50
				}
			}
			if found := s.Scan(f); len(found) != 1 || found[0].Text != "421" || found[0].Format != scanner.RMQR {
				t.Errorf("version %d, level %s: %+v", v+1, level, found)
			}
		}
	}
}
