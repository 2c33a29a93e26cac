package scanner_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"rsc.io/qr/coding"

	"citygate/internal/scene"
	"citygate/scanner"
)

// qrMatrix draws the QR code of text in a version at level M.
func qrMatrix(t testing.TB, text string, version int) scene.Matrix {
	t.Helper()
	plan, err := coding.NewPlan(coding.Version(version), coding.M, coding.Mask(version%8))
	if err != nil {
		t.Fatal(err)
	}
	code, err := plan.Encode(coding.Alpha(text))
	if err != nil {
		t.Fatal(err)
	}
	return scene.NewMatrix(code.Size, code.Size, code.Black)
}

// condition is one way in which a street makes a code hard to read.
type condition struct {
	name   string
	module float64 // pixels
	spoil  func(s *scene.Scene, c *scene.Code, rng *rand.Rand)
}

func in(rng *rand.Rand, a, b float64) float64 { return a + (b-a)*rng.Float64() }

// conditions are the buckets of the kiosk's ratchet.
func conditions() (all []condition) {
	add := func(name string, module float64, spoil func(s *scene.Scene, c *scene.Code, rng *rand.Rand)) {
		all = append(all, condition{name, module, spoil})
	}
	for _, m := range []float64{1.5, 2, 2.5, 3, 4, 6, 8} {
		add(fmt.Sprintf("module-%g", m), m, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {})
	}
	for _, d := range []float64{15, 30, 45, 55} {
		add(fmt.Sprintf("tilt-%g", d), 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
			c.Tilt, c.TiltAxis, c.Rotate = d, in(rng, 0, 180), in(rng, 0, 360)
		})
	}
	for _, d := range []float64{1, 1.5, 2, 2.5} {
		add(fmt.Sprintf("defocus-%g@4", d), 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { s.Defocus = d })
	}
	for _, d := range []float64{4, 6, 8} {
		add(fmt.Sprintf("motion-%g@4", d), 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
			s.Motion, s.MotionAngle = d, in(rng, 0, 180)
		})
	}
	for _, d := range []float64{10, 25, 40} {
		add(fmt.Sprintf("noise-%g@4", d), 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { s.Noise = d })
	}
	for _, d := range []float64{40, 24} {
		add(fmt.Sprintf("lowlight-%g", d), 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
			s.Exposure, s.Noise = d/235, 1.5
		})
	}
	for _, d := range []float64{120, 220} {
		add(fmt.Sprintf("glare-%g", d), 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
			at := scene.Point{X: c.Center.X + in(rng, -60, 60), Y: c.Center.Y + in(rng, -60, 60)}
			s.Glare = []scene.Glare{{At: at, Radius: in(rng, 40, 90), Level: d}}
		})
	}
	add("gradient", 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
		s.Gradient, s.GradientAngle = 0.85, in(rng, 0, 360)
	})
	add("inverted", 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { c.Inverted = true })
	add("mirrored", 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { c.Mirrored = true })
	for _, d := range []float64{60, 100} {
		add(fmt.Sprintf("bend-%g", d), 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { c.Bend, c.BendAxis = d, in(rng, 0, 180) })
	}
	add("phone", 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
		c.Phone = scene.Phone{Pitch: in(rng, 3, 9), Contrast: 0.4}
		c.Rotate, s.Defocus, s.Noise = in(rng, -20, 20), 0.6, 4
	})
	add("worn", 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) { c.Wear, s.Defocus, s.Noise = 0.35, 0.7, 4 })
	add("thumb", 4, func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
		c.Cover = []scene.Cover{{X: in(rng, 0.6, 0.9), Y: in(rng, 0.6, 0.9), W: 0.24, H: 0.2, Color: scene.Color{R: 200, G: 150, B: 130}}}
	})
	mix := func(hard float64) func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
		return func(s *scene.Scene, c *scene.Code, rng *rand.Rand) {
			c.Tilt, c.TiltAxis, c.Rotate = in(rng, 10, 25)*hard, in(rng, 0, 180), in(rng, 0, 360)
			s.Defocus, s.Motion, s.MotionAngle = in(rng, 0.5, 1.1)*hard, in(rng, 0, 3)*hard, in(rng, 0, 180)
			s.Noise, s.Exposure, s.Gradient, s.GradientAngle = in(rng, 3, 9)*hard, in(rng, 0.4, 0.9)/hard, in(rng, 0, 0.5), in(rng, 0, 360)
			s.Glare = []scene.Glare{{At: c.Center, Radius: in(rng, 30, 80), Level: in(rng, 0, 90)}}
		}
	}
	add("mix", 3.2, mix(1))
	add("hard", 2.8, mix(1.5))
	return all
}

const kioskText = "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421"

// kioskScene is frame i of a condition: versions 3, 10, 15 and 20 in turn, 720p and 1080p, on a street.
func kioskScene(t testing.TB, c condition, i int, seed uint64) scene.Scene {
	rng := rand.New(rand.NewPCG(seed, uint64(i)*1000+uint64(len(c.name))))
	version := [...]int{3, 10, 15, 20}[i%4]
	s := scene.Scene{Width: 1280, Height: 720, Seed: rng.Uint64(), Backdrop: scene.Street, Noise: 2}
	if i/4%2 == 1 || c.module > 6 {
		s.Width, s.Height = 1920, 1080
	}
	code := scene.Code{Matrix: qrMatrix(t, kioskText, version), Module: c.module}
	room := c.module * float64(17+4*version+8) * 0.55
	code.Center = scene.Point{X: in(rng, min(room, 640), max(float64(s.Width)-room, 641)), Y: in(rng, min(room, 360), max(float64(s.Height)-room, 361))}
	code.Dark, code.Light = scene.Gray(in(rng, 15, 50)), scene.Gray(in(rng, 180, 240))
	c.spoil(&s, &code, rng)
	s.Codes = []scene.Code{code}
	return s
}

// frameOf draws a scene.
func frameOf(r *scene.Renderer, s scene.Scene) scanner.Frame {
	g := r.Luma(s).Luma
	return scanner.Frame{Pix: g.Pix, Stride: g.Stride, Width: g.Rect.Dx(), Height: g.Rect.Dy()}
}

// TestKiosk is a ratchet over two frames of each condition, and prints what is read; KIOSK=n takes n frames of each.
func TestKiosk(t *testing.T) {
	const frames, atLeast = 2, 63
	n := frames
	if _, err := fmt.Sscan(os.Getenv("KIOSK"), &n); err != nil && os.Getenv("KIOSK") != "" {
		t.Fatal(err)
	}
	var renderer scene.Renderer
	s := scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.QR)})
	read, total := 0, 0
	for _, c := range conditions() {
		got, spent := 0, time.Duration(0)
		for i := range n {
			f := frameOf(&renderer, kioskScene(t, c, i, 1))
			start := time.Now()
			found := s.Scan(f)
			spent += time.Since(start)
			if len(found) > 0 && found[0].Text == kioskText {
				got++
			} else if len(found) > 0 {
				t.Errorf("%s %d: wrong text %q", c.name, i, found[0].Text)
			}
		}
		read, total = read+got, total+n
		t.Logf("%-14s %2d of %2d, %.2f ms", c.name, got, n, spent.Seconds()*1e3/float64(n))
	}
	t.Logf("%-14s %d of %d", "all", read, total)
	if n == frames && read < atLeast {
		t.Errorf("read %d of %d, want %d", read, total, atLeast)
	}
}
