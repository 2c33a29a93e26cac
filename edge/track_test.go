package edge_test

import (
	"testing"
	"testing/synctest"
	"time"

	"citygate/edge"
	"citygate/internal/qrcode"
	draw "citygate/internal/scene"
	"citygate/scanner"
	"citygate/sync/wire"
)

// TestScansOfRealFrames shows drawn frames of a holder's phone to a real tracker.
func TestScansOfRealFrames(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil)
		trial := edge.NewTrial(edge.Options{Views: c, Outbox: r.store, Now: r.now, Synced: func() bool { return true }},
			scanner.NewTracker(scanner.TrackerOptions{Options: scanner.Options{Formats: scanner.FormatSet(scanner.QR)}}))
		show := func(d time.Duration, texts ...string) (verdicts []string) {
			t.Helper()
			s := draw.Scene{Width: 640, Height: 400, Backdrop: draw.Wall, BackdropSeed: 3, Noise: 2}
			for i, text := range texts {
				m, err := qrcode.Encode(text, qrcode.M)
				if err != nil {
					t.Fatal(err)
				}
				s.Codes = append(s.Codes, draw.Code{Matrix: draw.NewMatrix(m.Size(), m.Size(), m.At), Module: 2.5, Center: draw.Point{X: 180 + 300*float64(i), Y: 200}})
			}
			frame := func() scanner.Frame {
				s.Seed++
				g := draw.Luma(s).Luma
				return scanner.Frame{Pix: g.Pix, Stride: g.Stride, Width: s.Width, Height: s.Height}
			}
			frames := [2]scanner.Frame{frame(), frame()} // a sensor's noise differs
			for k, end := 0, time.Now().Add(d); time.Now().Before(end); k++ {
				time.Sleep(250 * time.Millisecond)
				a, _, err := trial.Look(t.Context(), frames[k%2])
				if err != nil {
					t.Fatal(err)
				}
				if a != nil {
					verdicts = append(verdicts, a.Verdict)
				}
			}
			return verdicts
		}
		began := time.Now()
		screen := func() string { return c.present(t, c.pass, int64(time.Since(began)/time.Second)) }
		want(t, "a screen that writes its code anew", show(3*time.Second, screen()), "valid")
		for range 3 {
			want(t, "the same, anew", show(3*time.Second, screen()))
		}
		old := screen()
		want(t, "a lamp beside it", show(1750*time.Millisecond, old, c.lamp), "valid")
		want(t, "taken away", show(1750*time.Millisecond))
		want(t, "what was shown while the scan went on", show(time.Second, old), "replayed")
		fresh := screen()
		want(t, "anew while it is held", show(time.Second, fresh))
		want(t, "taken away again", show(1750*time.Millisecond))
		want(t, "what was not accepted before", show(time.Second, fresh), "valid")
		want(t, "taken away once more", show(1750*time.Millisecond))
		want(t, "held for too long", show(17*time.Second, screen()), "valid", "stale-presentation")
		if n := len(r.store.of(wire.TypeScan)); n != 6 {
			t.Errorf("%d events, want one for each answer", n)
		}
	})
}
