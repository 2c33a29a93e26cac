package scanner_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"citygate/internal/scene"
	"citygate/scanner"
	"citygate/scanner/zinttest"
)

// printed is a Data Matrix or Aztec symbol that zint draws.
type printed struct {
	format    scanner.Format
	symbology string
	width     int // 0 for a square one
	text      string
	version   int
}

var printedSymbols = []printed{
	{scanner.DataMatrix, "DATAMATRIX", 10, "A1", 1},
	{scanner.DataMatrix, "DATAMATRIX", 14, "LAMP42", 3},
	{scanner.DataMatrix, "DATAMATRIX", 18, "LAMP.000421", 5},
	{scanner.DataMatrix, "DATAMATRIX", 22, "LAMP.000421/156", 7},
	{scanner.DataMatrix, "DATAMATRIX", 26, "id.sjz.example/156.1301.01", 9},
	{scanner.DataMatrix, "DATAMATRIX", 32, "https://id.sjz.example/156.1301.01/LAMP.000421", 10},
	{scanner.DataMatrix, "DATAMATRIX", 48, "https://id.sjz.example/156.1301.01/LAMP.000421", 14},
	{scanner.DataMatrix, "DATAMATRIX", 18, "LAMP", 25},
	{scanner.DataMatrix, "DATAMATRIX", 32, "LAMP42", 26},
	{scanner.DataMatrix, "DATAMATRIX", 36, "LAMP.000421/156", 28},
	{scanner.DataMatrix, "DATAMATRIX", 48, "id.sjz.example/156.1301.01", 30},
	{scanner.Aztec, "AZTEC", 0, "LAMP", 1},
	{scanner.Aztec, "AZTEC", 0, "LAMP.000421/156", 3},
	{scanner.Aztec, "AZTEC", 0, "LAMP.000421/156.1301", 6},
	{scanner.Aztec, "AZTEC", 0, "https://id.sjz.example/156.1301.01/LAMP.000421", 9},
	{scanner.Aztec, "AZRUNE", 0, "142", 0},
}

func (p *printed) matrix(t testing.TB) scene.Matrix {
	t.Helper()
	var args []string
	if p.version > 0 {
		args = append(args, fmt.Sprintf("--vers=%d", p.version))
	}
	m, err := zinttest.Draw(p.symbology, p.width, p.text, args...)
	if err != nil {
		t.Fatal(err)
	}
	return scene.NewMatrix(m.W, m.H, m.Dark)
}

// printConditions are what spoils printed symbols, and how many in a hundred of each format have to be read at least.
var printConditions = []struct {
	name          string
	matrix, aztec int
	spoil         func(s *scene.Scene, c *scene.Code, rng *rand.Rand)
}{
	{"clean", 100, 100, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {}},
	{"mirrored", 100, 100, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { c.Mirrored = true }},
	{"inverted", 100, 100, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { c.Inverted = true }},
	{"tilted", 90, 100, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
		c.Tilt, c.TiltAxis = in(rng, 20, 40), in(rng, 0, 180)
	}},
	{"bent", 90, 100, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
		c.Bend, c.BendAxis = in(rng, 30, 60), 90*float64(rng.IntN(2))
	}},
	{"small", 72, 100, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { c.Module = in(rng, 2, 2.6) }},
	{"defocus", 90, 100, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { s.Defocus = c.Module * in(rng, 0.25, 0.4) }},
	{"spot", 100, 100, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
		c.Cover = []scene.Cover{{X: in(rng, 0, 1), Y: in(rng, 0, 1), W: 0.12, H: 0.12, Color: scene.Gray(in(rng, 10, 240))}}
	}},
}

// printedScene is a frame of a symbol that lies anywhere, turned by any angle, under a condition.
func printedScene(m scene.Matrix, rng *rand.Rand, spoil func(s *scene.Scene, c *scene.Code, rng *rand.Rand)) scene.Scene {
	s := scene.Scene{Width: 640, Height: 480, Seed: rng.Uint64(), Noise: in(rng, 0.5, 3), Defocus: 0.6}
	s.Backdrop = [...]scene.Backdrop{scene.Plain, scene.Street, scene.Wall, scene.Page}[rng.IntN(4)]
	c := scene.Code{Matrix: m, Module: in(rng, 4, 6), Quiet: in(rng, 1.5, 4), Rotate: in(rng, 0, 360)}
	c.Dark, c.Light = scene.Gray(in(rng, 10, 60)), scene.Gray(in(rng, 160, 240))
	spoil(&s, &c, rng)
	room := math.Hypot(float64(m.W+2), float64(m.H+2)) / 2 * c.Module
	c.Center = scene.Point{X: in(rng, min(room, 320), max(640-room, 320)), Y: in(rng, min(room, 240), max(480-room, 240))}
	s.Codes = []scene.Code{c}
	return s
}

// TestPrinted is the ratchet of Data Matrix and Aztec symbols in drawn frames, and no text may be wrong.
func TestPrinted(t *testing.T) {
	zinttest.Need(t)
	s := scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.DataMatrix, scanner.Aztec)})
	var renderer scene.Renderer
	got := score{read: map[string]int{}, drawn: map[string]int{}}
	for k := range printedSymbols {
		p := &printedSymbols[k]
		m := p.matrix(t)
		for j, c := range printConditions {
			rng := rand.New(rand.NewPCG(uint64(k), uint64(j)))
			hit := false
			for _, sym := range s.Scan(frameOf(&renderer, printedScene(m, rng, c.spoil))) {
				if sym.Text != p.text || sym.Format != p.format {
					t.Errorf("%s of %s %d: wrong text %q", c.name, p.symbology, p.version, sym.Text)
					continue
				}
				hit = true
			}
			if got.add(hit, p.format.String()+" "+c.name); !hit {
				t.Logf("lost: %s of %s %d", c.name, p.symbology, p.version)
			}
		}
	}
	for _, c := range printConditions {
		for format, least := range map[scanner.Format]int{scanner.DataMatrix: c.matrix, scanner.Aztec: c.aztec} {
			key := format.String() + " " + c.name
			t.Logf("%-20s %2d of %2d", key, got.read[key], got.drawn[key])
			if 100*got.read[key] < least*got.drawn[key] {
				t.Errorf("%s: read %d of %d, want %d in a hundred", key, got.read[key], got.drawn[key], least)
			}
		}
	}
}
