package camera_test

import (
	"testing"
	"time"

	"citygate/internal/scene"
	"citygate/scanner"
	"citygate/scanner/camera"
)

func lumaOf(s scene.Scene) scanner.Frame {
	m := scene.Luma(s).Luma
	return scanner.Frame{Pix: m.Pix, Stride: m.Stride, Width: m.Rect.Dx(), Height: m.Rect.Dy()}
}

func TestFaultsOfOneFrame(t *testing.T) {
	for name, c := range map[string]struct {
		scene scene.Scene
		want  camera.Fault
	}{
		"a street":           {scene.Scene{Backdrop: scene.Street, Noise: 4}, ""},
		"a dim street":       {scene.Scene{Backdrop: scene.Street, Noise: 3, Exposure: 0.35}, ""},
		"a street in fog":    {scene.Scene{Backdrop: scene.Street, Defocus: 4, Noise: 2}, ""},
		"a page":             {scene.Scene{Backdrop: scene.Page, Noise: 2}, ""},
		"night":              {scene.Scene{Backdrop: scene.Street, Exposure: 0.04, Noise: 2}, camera.FaultBlack},
		"sun in the lens":    {scene.Scene{Backdrop: scene.Street, Exposure: 8}, camera.FaultOverexposed},
		"a hand on the lens": {scene.Scene{Exposure: 0.5, Gradient: 0.5, Noise: 2}, camera.FaultCovered},
		"spray":              {scene.Scene{Backdrop: scene.Street, Defocus: 60, Noise: 2}, camera.FaultCovered},
	} {
		for seed := range uint64(3) {
			s := c.scene
			s.Seed, s.Width, s.Height = seed+1, 640, 360
			look := camera.Inspect(lumaOf(s))
			if got := look.Fault(); got != c.want {
				t.Errorf("%s (seed %d): %q, not %q: %+v", name, seed, got, c.want, look)
			}
		}
	}
}

func TestWatch(t *testing.T) {
	var r scene.Renderer
	draw := func(seed uint64, exposure float64) scanner.Frame {
		m := r.Luma(scene.Scene{Width: 320, Height: 180, Seed: seed, BackdropSeed: 1, Backdrop: scene.Street, Noise: 2, Exposure: exposure}).Luma
		return scanner.Frame{Pix: m.Pix, Stride: m.Stride, Width: 320, Height: 180}
	}
	still := draw(1, 1)
	var w camera.Watch
	at := time.Unix(1_800_000_000, 0)
	seed := uint64(1)
	// show gives frames for a time and returns the first fault and after how long it came.
	show := func(d time.Duration, frame func() scanner.Frame) (last camera.Fault, after time.Duration) {
		for began := at; at.Sub(began) < d; at = at.Add(100 * time.Millisecond) {
			got := w.Observe(camera.Frame{Frame: frame(), At: at})
			if got != last {
				after = at.Sub(began)
			}
			last = got
		}
		return last, after
	}
	living := func() scanner.Frame { seed++; return draw(seed, 1) }
	dark := func() scanner.Frame { seed++; return draw(seed, 0.03) }
	frozen := func() scanner.Frame { return still }
	for i, step := range []struct {
		frames func() scanner.Frame
		time   time.Duration
		want   camera.Fault
	}{
		{living, 3 * time.Second, ""},
		{dark, time.Second, ""}, // a passing hand
		{living, time.Second, ""},
		{frozen, time.Second, ""},
		{living, time.Second, ""},
		{dark, 2 * time.Second, camera.FaultBlack},
		{living, time.Second, camera.FaultBlack}, // not yet believed
		{living, time.Second, ""},
		{frozen, 2 * time.Second, camera.FaultFrozen},
		{living, 2 * time.Second, ""},
	} {
		got, after := show(step.time, step.frames)
		if got != step.want || after > 2*time.Second {
			t.Fatalf("step %d: %q after %s, not %q within 2 s", i, got, after, step.want)
		}
	}
}

func TestInspectOddFrames(t *testing.T) {
	for _, f := range []scanner.Frame{
		{},
		{Pix: []byte{7}, Stride: 1, Width: 1, Height: 1},
		{Pix: make([]byte, 100*50), Stride: 50, Width: 33, Height: 99},
	} {
		camera.Inspect(f)
	}
}

func BenchmarkInspect(b *testing.B) {
	f := lumaOf(scene.Scene{Backdrop: scene.Street, Noise: 3, Width: 1920, Height: 1080})
	b.SetBytes(int64(len(f.Pix)))
	b.ReportAllocs()
	for b.Loop() {
		camera.Inspect(f)
	}
}
