package lone_test

import (
	"testing"

	"citygate/internal/scene"
	"citygate/scanner/lone"
	"citygate/scanner/luma"
)

// TestCorners finds the corners of a finder pattern at all turns and tilts to a third of a module, and its seeds where timing patterns begin at it.
func TestCorners(t *testing.T) {
	m := scene.NewMatrix(13, 13, func(x, y int) bool {
		if x > 7 || y > 7 {
			return (x == 0 && y%2 == 0) || (y == 0 && x%2 == 0)
		}
		d := max(x-3, 3-x, y-3, 3-y)
		return d != 2 && d != 4
	})
	var renderer scene.Renderer
	var look luma.Look
	for turn := 0.0; turn < 360; turn += 29 {
		for _, tilt := range []float64{0, 30, 50} {
			frame := renderer.Luma(scene.Scene{Width: 320, Height: 240, Seed: 1, Noise: 2, Defocus: 0.6, Codes: []scene.Code{
				{Matrix: m, Module: 5, Center: scene.Point{X: 160, Y: 120}, Rotate: turn, Tilt: tilt, TiltAxis: 70}}})
			g := frame.Luma
			look.At(luma.Image{Pix: g.Pix, Stride: g.Stride, W: 320, H: 240}, 1, false)
			finders := luma.Finders{Work: 1 << 20}
			finders.Collect(&look)
			if len(finders.Found) != 1 {
				t.Fatalf("turn %g tilt %g: %d finder patterns", turn, tilt, len(finders.Found))
			}
			var placed luma.Quad
			for i, p := range frame.Codes[0].Corners {
				placed[i] = luma.Point(p)
			}
			h, _ := luma.Map(luma.Rect(0, 0, 13, 13), placed)
			l := lone.Locator{Look: &look, Work: 1 << 20}
			q, ok := l.Corners(&finders.Found[0])
			for _, c := range luma.Rect(0, 0, 7, 7) {
				off := 99.0
				for _, p := range q {
					off = min(off, p.Sub(h.At(c)).Len())
				}
				if !ok || off > 5.0/3 {
					t.Errorf("turn %g tilt %g: corner %v is %.1f pixels off", turn, tilt, c, off)
				}
			}
			seeds := lone.Seeds{}
			seeds.Work = 1 << 20
			seeds.Collect(&look, finders.Found)
			hit := false
			for _, s := range seeds.Found {
				hit = hit || (!s.Mirrored && s.Column && s.Place.Map.At(luma.Point{}).Sub(h.At(luma.Point{})).Len() < 5)
			}
			if !hit {
				t.Errorf("turn %g tilt %g: none of %d seeds is in place", turn, tilt, len(seeds.Found))
			}
		}
	}
}
