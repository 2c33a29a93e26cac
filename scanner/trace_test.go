package scanner_test

import (
	"reflect"
	"strings"
	"testing"

	"citygate/internal/scene"
	"citygate/scanner"
)

// TestTraceTellsWhatBecameOfACode: one that is read, one that a thumb covers. The trace changes nothing of the scan.
func TestTraceTellsWhatBecameOfACode(t *testing.T) {
	s := scanner.New(scanner.Options{})
	for _, c := range []struct {
		name  string
		cover scene.Cover
		fate  string // of the attempt that came farthest
		told  string
	}{
		{"plain", scene.Cover{}, "read", "version 3-M"},
		{"covered", scene.Cover{X: 0.6, Y: 0.62, W: 0.6, H: 0.55, Color: scene.Gray(120)}, "modules do not decode", "wrong codewords"},
	} {
		sc := street(t, "HTTPS://ID.SJZ.EXAMPLE/LAMP.000421")
		if c.cover.W > 0 {
			sc.Codes[0].Cover = []scene.Cover{c.cover}
		}
		var draw scene.Renderer
		f := frameOf(&draw, sc)
		want := append([]scanner.Symbol{}, s.Scan(f)...)
		got := s.Trace(f)
		if !reflect.DeepEqual(append([]scanner.Symbol{}, got.Symbols...), want) || !reflect.DeepEqual(append([]scanner.Symbol{}, s.Scan(f)...), want) {
			t.Errorf("%s: a traced scan reads %v, others %v", c.name, got.Symbols, want)
		}
		if len(got.Attempts) == 0 {
			t.Fatalf("%s: no attempts", c.name)
		}
		a := got.Attempts[0]
		if a.Fate != c.fate || !strings.Contains(a.Detail, c.told) || a.Format != "qr" || a.W != 29 || len(a.Gray) != 29*29 || len(a.Soft) != 29*29 {
			t.Errorf("%s: %s %s: %s, %dx%d", c.name, a.Format, a.Fate, a.Detail, a.W, a.H)
		}
		if x := (a.Corners[0].X + a.Corners[2].X) / 2; x < 295 || x > 305 {
			t.Errorf("%s: at %v", c.name, a.Corners)
		}
		near := 0
		for _, p := range got.Finders {
			if dx, dy := p.Center.X-300, p.Center.Y-300; dx*dx+dy*dy < 80*80 && p.Clean > 0.8 {
				near++
			}
		}
		if near < 3 || len(got.Levels) < 3 || len(got.Levels[0].Bits) != 1280*720 || got.Levels[0].Bits[300*1280+300] == scanner.Flat {
			t.Errorf("%s: %d finders, %d levels", c.name, near, len(got.Levels))
		}
	}
	if got := s.Trace(scanner.Frame{Width: 5}); len(got.Levels) != 0 || len(got.Attempts) != 0 {
		t.Errorf("of no frame: %+v", got)
	}
}
