package scene_test

import (
	"bytes"
	"math"
	"testing"

	"citygate/internal/scene"

	"rsc.io/qr/coding"

	"pgregory.net/rapid"
)

// symbol returns the matrix of a QR code of version 3.
func symbol(t testing.TB) scene.Matrix {
	t.Helper()
	plan, err := coding.NewPlan(3, coding.M, 2)
	if err != nil {
		t.Fatal(err)
	}
	code, err := plan.Encode(coding.Alpha("MA.156.1301.01/LAMP.000421"))
	if err != nil {
		t.Fatal(err)
	}
	return scene.NewMatrix(code.Size, code.Size, code.Black)
}

func TestCleanModulesAreExact(t *testing.T) {
	m := symbol(t)
	f := scene.Luma(scene.Scene{Width: 400, Height: 300,
		Codes: []scene.Code{{Matrix: m, Module: 5, Center: scene.Point{X: 200.5, Y: 150.5}}}})
	got := f.Codes[0]
	half := 2.5 * float64(m.W)
	for i, want := range [4]scene.Point{{-half, -half}, {half, -half}, {half, half}, {-half, half}} {
		if d := math.Hypot(got.Corners[i].X-200.5-want.X, got.Corners[i].Y-150.5-want.Y); d > 1e-6 {
			t.Errorf("corner %d is off by %g", i, d)
		}
	}
	for y := range m.H {
		for x := range m.W {
			px := int(got.Corners[0].X) + x*5 + 2
			py := int(got.Corners[0].Y) + y*5 + 2
			want := uint8(235)
			if m.At(x, y) {
				want = 20
			}
			if level := f.Luma.GrayAt(px, py).Y; level != want {
				t.Fatalf("module %d,%d shows level %d, not %d", x, y, level, want)
			}
		}
	}
}

// lone is a matrix with one dark module in a corner, whose picture's centre of
// mass therefore says where that module was drawn.
func lone(size int) scene.Matrix {
	return scene.NewMatrix(size, size, func(x, y int) bool { return x == 0 && y == 0 })
}

func TestCornersAreWhereInkIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := scene.Code{Matrix: lone(9), Module: 8, Center: scene.Point{X: 105, Y: 95},
			Rotate:   rapid.Float64Range(-180, 180).Draw(t, "rotate"),
			Tilt:     rapid.Float64Range(-50, 50).Draw(t, "tilt"),
			TiltAxis: rapid.Float64Range(-90, 90).Draw(t, "axis"),
			Bend:     rapid.Float64Range(-60, 60).Draw(t, "bend"),
			BendAxis: rapid.Float64Range(-90, 90).Draw(t, "bend axis"),
			Dark:     scene.Gray(1), Light: scene.Gray(255)}
		f := scene.Luma(scene.Scene{Width: 210, Height: 190, Backdrop: scene.Plain,
			Codes: []scene.Code{code}})
		blank := code
		blank.Matrix = scene.NewMatrix(9, 9, func(int, int) bool { return false })
		empty := scene.Luma(scene.Scene{Width: 210, Height: 190, Codes: []scene.Code{blank}})
		var mass, sx, sy float64
		for i, v := range f.Luma.Pix {
			ink := float64(empty.Luma.Pix[i]) - float64(v)
			mass += ink
			sx += ink * (float64(i%f.Luma.Stride) + 0.5)
			sy += ink * (float64(i/f.Luma.Stride) + 0.5)
		}
		if mass == 0 {
			t.Fatal("no ink was drawn")
		}
		// The module's middle lies half a module inside the corner, seen
		// from it towards the opposite corner.
		c := f.Codes[0].Corners
		d := math.Hypot(sx/mass-c[0].X, sy/mass-c[0].Y)
		if d > 9 || d < 1 {
			t.Fatalf("the corner module's ink is %.2f pixels from the corner", d)
		}
		for _, far := range c[1:] {
			if math.Hypot(sx/mass-far.X, sy/mass-far.Y) < d {
				t.Fatal("another corner is nearer to the ink")
			}
		}
	})
}

func hard(m scene.Matrix, seed uint64) scene.Scene {
	return scene.Scene{Seed: seed, Backdrop: scene.Street, Gamma: 2.2, Noise: 4, Shot: 0.1, Defocus: 1, Motion: 3,
		MotionAngle: 20, Exposure: 0.8, Gradient: 0.4, GradientAngle: 30, Flicker: 0.1,
		Shadow: scene.Shadow{Depth: 0.4, Angle: 50, At: scene.Point{X: 640, Y: 360}, Soft: 8},
		Glare:  []scene.Glare{{At: scene.Point{X: 700, Y: 300}, Radius: 80, Level: 120}},
		Codes: []scene.Code{{Matrix: m, Module: 7, Center: scene.Point{X: 640, Y: 360}, Rotate: 12, Tilt: 30, TiltAxis: 70,
			Bend: 30, Wear: 0.1, Phone: scene.Phone{Pitch: 6.7}, Cover: []scene.Cover{{X: 0.7, Y: 0.7, W: 0.1, H: 0.1}}}}}
}

func TestSeedDecides(t *testing.T) {
	m := symbol(t)
	var used scene.Renderer
	used.Luma(hard(m, 3)) // what a renderer drew before must not matter
	a, b, other := used.Luma(hard(m, 7)), scene.Luma(hard(m, 7)), scene.Luma(hard(m, 8))
	if !bytes.Equal(a.Luma.Pix, b.Luma.Pix) {
		t.Error("one scene gave two frames")
	}
	if bytes.Equal(a.Luma.Pix, other.Luma.Pix) {
		t.Error("two seeds gave one frame")
	}
}

func TestNoiseIsAsAsked(t *testing.T) {
	f := scene.Luma(scene.Scene{Width: 640, Height: 480, Seed: 1, Noise: 10})
	var sum, square float64
	for _, v := range f.Luma.Pix {
		sum += float64(v)
		square += float64(v) * float64(v)
	}
	n := float64(len(f.Luma.Pix))
	mean := sum / n
	if sigma := math.Sqrt(square/n - mean*mean); math.Abs(sigma-10) > 0.2 || math.Abs(mean-150) > 0.2 {
		t.Errorf("mean %.2f and deviation %.2f, not 150 and 10", mean, sigma)
	}
}

func TestBlurKeepsLight(t *testing.T) {
	m := symbol(t)
	mean := func(s scene.Scene) float64 {
		s.Width, s.Height = 320, 240
		s.Codes = []scene.Code{{Matrix: m, Module: 4, Center: scene.Point{X: 160, Y: 120}}}
		sum := 0.0
		for _, v := range scene.Luma(s).Luma.Pix {
			sum += float64(v)
		}
		return sum / 320 / 240
	}
	want := mean(scene.Scene{})
	for name, s := range map[string]scene.Scene{"defocus": {Defocus: 2}, "disc": {Disc: 3}, "motion": {Motion: 8, MotionAngle: 33}} {
		if got := mean(s); math.Abs(got-want) > 0.3 {
			t.Errorf("%s changed the mean level from %.2f to %.2f", name, want, got)
		}
	}
}

func TestOddScenes(t *testing.T) {
	m := symbol(t)
	for name, s := range map[string]scene.Scene{
		"one pixel":         {Width: 1, Height: 1, Codes: []scene.Code{{Matrix: m, Module: 3}}},
		"out of the frame":  {Codes: []scene.Code{{Matrix: m, Module: 3, Center: scene.Point{X: -900, Y: 9000}}}},
		"edge on":           {Codes: []scene.Code{{Matrix: m, Module: 3, Tilt: 90, Center: scene.Point{X: 640, Y: 360}}}},
		"from behind":       {Codes: []scene.Code{{Matrix: m, Module: 3, Tilt: 180, Center: scene.Point{X: 640, Y: 360}}}},
		"closer than focal": {Codes: []scene.Code{{Matrix: m, Module: 300, Tilt: 80, Center: scene.Point{X: 640, Y: 360}}}},
		"tiny":              {Codes: []scene.Code{{Matrix: m, Module: 0.05, Center: scene.Point{X: 640, Y: 360}}}},
		"rolled up":         {Codes: []scene.Code{{Matrix: m, Module: 6, Bend: 300, Center: scene.Point{X: 640, Y: 360}}}},
		"no matrix":         {Codes: []scene.Code{{Module: 6, Center: scene.Point{X: 640, Y: 360}}}},
		"far pan":           {Backdrop: scene.Wall, Pan: scene.Point{X: 1e9, Y: -1e9}},
	} {
		t.Run(name, func(t *testing.T) { scene.Luma(s) })
	}
}

func BenchmarkLuma720(b *testing.B) {
	m := symbol(b)
	var r scene.Renderer
	for name, s := range map[string]scene.Scene{
		"clean":  {Backdrop: scene.Street, Codes: hard(m, 1).Codes[:1]},
		"kiosk":  {Backdrop: scene.Street, Defocus: 0.8, Noise: 4, Shot: 0.05, Codes: []scene.Code{{Matrix: m, Module: 6, Center: scene.Point{X: 640, Y: 360}, Tilt: 20}}},
		"street": {Backdrop: scene.Street},
		"hard":   hard(m, 1),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Seed++
				s.BackdropSeed = 9
				if name == "street" {
					s.BackdropSeed = s.Seed
				}
				r.Luma(s)
			}
		})
	}
}
