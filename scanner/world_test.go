package scanner_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"citygate/internal/scene"
	"citygate/scanner"
)

// fine draws each module of m as k x k, and asks ink for those of the finder patterns, given the distance from the pattern's centre in modules across and down.
func fine(m scene.Matrix, k int, ink func(x, y float64) bool) scene.Matrix {
	return scene.NewMatrix(m.W*k, m.H*k, func(x, y int) bool {
		for _, c := range [...][2]float64{{3.5, 3.5}, {float64(m.W) - 3.5, 3.5}, {3.5, float64(m.H) - 3.5}} {
			dx, dy := (float64(x)+0.5)/float64(k)-c[0], (float64(y)+0.5)/float64(k)-c[1]
			if max(math.Abs(dx), math.Abs(dy)) < 3.5 {
				return ink(dx, dy)
			}
		}
		return m.At(x/k, y/k)
	})
}

// finderMiddle is where one of the three finder patterns is, as a share of the symbol.
func finderMiddle(c *scene.Code, rng *rand.Rand) (x, y float64) {
	near, far := 3.5/float64(c.Matrix.W), 1-3.5/float64(c.Matrix.W)
	k := [...][2]float64{{near, near}, {far, near}, {near, far}}[rng.IntN(3)]
	return k[0], k[1]
}

// TestWorld is a ratchet over what people do to codes: cover a finder pattern, print them without a quiet zone or with round finder patterns, put half of them into
// the shadow, or let them fill the picture.
func TestWorld(t *testing.T) {
	const frames = 6
	for _, c := range []struct {
		name    string
		atLeast int // of six
		spoil   func(s *scene.Scene, c *scene.Code, rng *rand.Rand)
	}{
		{"hidden finder", 6, func(_ *scene.Scene, c *scene.Code, rng *rand.Rand) {
			x, y := finderMiddle(c, rng)
			d := in(rng, 6, 9) / float64(c.Matrix.W)
			c.Cover = []scene.Cover{{X: x, Y: y, W: d, H: d, Color: scene.Gray(in(rng, 20, 230))}}
		}},
		{"round finders", 6, func(_ *scene.Scene, c *scene.Code, _ *rand.Rand) {
			const k = 6
			c.Matrix = fine(c.Matrix, k, func(x, y float64) bool { d := math.Hypot(x, y); return d < 1.5 || d > 2.5 && d < 3.5 })
			c.Module, c.Quiet = c.Module/k, 4*k
		}},
		{"no quiet zone", 6, func(_ *scene.Scene, c *scene.Code, _ *rand.Rand) { c.Quiet = -1 }},
		{"no quiet zone, inverted", 6, func(_ *scene.Scene, c *scene.Code, _ *rand.Rand) { c.Quiet, c.Inverted = -1, true }},
		{"fills the frame", 6, func(s *scene.Scene, c *scene.Code, _ *rand.Rand) {
			s.Width, s.Height, c.Quiet, c.Rotate = 400, 400, -1, 0
			c.Module, c.Center = 398/float64(c.Matrix.W), scene.Point{X: 200, Y: 200}
		}},
		{"edge of a shadow", 5, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
			s.Shadow = scene.Shadow{Depth: in(rng, 0.6, 0.85), Angle: in(rng, 0, 360), Soft: in(rng, 1, 12), At: c.Center}
		}},
		{"bent", 5, func(_ *scene.Scene, c *scene.Code, rng *rand.Rand) { c.Bend, c.BendAxis = 80, in(rng, 0, 180) }},
		{"blurred by half a module", 6, func(s *scene.Scene, c *scene.Code, _ *rand.Rand) { s.Defocus = 0.55 * c.Module }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var renderer scene.Renderer
			s := scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.QR)})
			read := 0
			for i := range frames {
				rng := rand.New(rand.NewPCG(5, uint64(i)))
				code := scene.Code{Matrix: qrMatrix(t, kioskText, 3+i%3), Module: in(rng, 4.5, 7), Rotate: in(rng, -25, 25), Center: scene.Point{X: 320, Y: 240}}
				sc := scene.Scene{Width: 640, Height: 480, Seed: rng.Uint64(), Backdrop: scene.Street, Noise: 3, Defocus: 0.6}
				c.spoil(&sc, &code, rng)
				sc.Codes = []scene.Code{code}
				for _, f := range s.Scan(frameOf(&renderer, sc)) {
					if f.Text != kioskText {
						t.Errorf("frame %d: wrong text %q", i, f.Text)
					}
					read++
				}
			}
			if read < c.atLeast {
				t.Errorf("read %d of %d, want %d", read, frames, c.atLeast)
			}
			t.Logf("read %d of %d", read, frames)
		})
	}
}

// TestManyCodes: where sixty codes lie side by side, with and without much between them, all are read.
func TestManyCodes(t *testing.T) {
	const columns, rows, module, version = 10, 6, 3.5, 2
	for _, quiet := range [...]float64{2, 4} {
		rng := rand.New(rand.NewPCG(6, uint64(quiet)))
		pitch := module * (17 + 4*version + 1.9*quiet)
		s := scene.Scene{Width: int(pitch*columns) + 80, Height: int(pitch*rows) + 80, Seed: 8, Noise: 3, Defocus: 0.6, Backdrop: scene.Wall}
		want := map[string]bool{}
		for i := range columns * rows {
			text := fmt.Sprintf("GATE %d", i)
			want[text] = true
			s.Codes = append(s.Codes, scene.Code{Matrix: qrMatrix(t, text, version), Module: module, Quiet: quiet, Rotate: in(rng, -1, 1),
				Center: scene.Point{X: 40 + pitch*(float64(i%columns)+0.5), Y: 40 + pitch*(float64(i/columns)+0.5)}})
		}
		var renderer scene.Renderer
		found := scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.QR)}).Scan(frameOf(&renderer, s))
		for _, f := range found {
			if !want[f.Text] {
				t.Errorf("quiet zones of %g: wrong text, or one that was read before: %q", quiet, f.Text)
			}
			delete(want, f.Text)
		}
		if len(want) > 0 {
			t.Errorf("quiet zones of %g: %d of %d codes were not read", quiet, len(want), columns*rows)
		}
	}
}
