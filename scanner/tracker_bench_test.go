package scanner_test

import (
	"testing"
	"time"

	"citygate/internal/scene"
	"citygate/scanner"
)

// BenchmarkTracker measures a frame of 1080p video of a street: without a code and with one, still and moving.
func BenchmarkTracker(b *testing.B) {
	for _, c := range []struct {
		name string
		code bool
		pan  float64
	}{{"still-empty", false, 0}, {"moving-empty", false, 1}, {"still-code", true, 0}, {"moving-code", true, 1}} {
		b.Run(c.name, func(b *testing.B) {
			var frames []scanner.Frame
			f := newFilm()
			for i := range 16 {
				s := scene.Scene{Width: 1920, Height: 1080, Backdrop: scene.Street, Noise: 3}
				step := c.pan * float64(8-max(i-8, 8-i)) // there and back
				s.Pan = scene.Point{X: 2 * step, Y: step}
				if c.code {
					s.Codes = []scene.Code{{Matrix: qrMatrix(b, kioskText, 5), Module: 6, Center: scene.Point{X: 900 + 4*step, Y: 500 + 2*step}, Rotate: step}}
				}
				frame, _ := f.next(s)
				frames = append(frames, frame)
			}
			tr := scanner.NewTracker(scanner.TrackerOptions{Options: scanner.Options{Formats: scanner.FormatSet(scanner.QR)}})
			at, i := f.start, 0
			b.SetBytes(1920 * 1080)
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(40 * time.Millisecond)
				tr.Scan(frames[i%len(frames)], at)
				i++
			}
		})
	}
}
