package scanner_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

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

// TestSingles prints what is read of each symbol and under each condition, in full with KIOSK=frames-per-symbol-and-condition.
func TestSingles(t *testing.T) {
	zinttest.Need(t)
	n := 1
	if _, err := fmt.Sscan(os.Getenv("KIOSK"), &n); err != nil && os.Getenv("KIOSK") != "" {
		t.Fatal(err)
	}
	var renderer scene.Renderer
	s := scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.QR, scanner.MicroQR, scanner.RMQR)})
	byName, frames := map[string]int{}, map[string]int{}
	var spent time.Duration
	all := conditions()
	for k := range singles {
		c := &singles[k]
		m := c.matrix(t)
		for _, cond := range all {
			for i := range n {
				f := frameOf(&renderer, singleScene(m, cond, i, 1))
				start := time.Now()
				found := s.Scan(f)
				spent += time.Since(start)
				for _, key := range [...]string{c.name, c.format.String() + " " + cond.name, "all " + c.format.String()} {
					frames[key]++
					if len(found) > 0 && found[0].Text == c.text && found[0].Format == c.format {
						byName[key]++
					}
				}
				for _, sym := range found {
					if sym.Text != c.text {
						t.Errorf("%s %s %d: wrong text %q (%v)", c.name, cond.name, i, sym.Text, sym.Format)
					}
				}
			}
		}
	}
	for k := range singles {
		t.Logf("%-22s %3d of %3d", singles[k].name, byName[singles[k].name], frames[singles[k].name])
	}
	for _, format := range [...]string{"microqr", "rmqr"} {
		for _, cond := range all {
			key := format + " " + cond.name
			t.Logf("%-22s %3d of %3d", key, byName[key], frames[key])
		}
		t.Logf("%-22s %3d of %3d", format, byName["all "+format], frames["all "+format])
	}
	t.Logf("%.2f ms in the mean", spent.Seconds()*1e3/float64(frames["all microqr"]+frames["all rmqr"]))
}
