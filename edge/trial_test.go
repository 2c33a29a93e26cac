package edge_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"citygate/edge"
	"citygate/edge/kiosk"
	"citygate/scanner"
	"citygate/sync/wire"
)

// TestTrialIsTheGatewaysOwnPathAndMarked hands frames over one by one.
func TestTrialIsTheGatewaysOwnPathAndMarked(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil)
		r.current = new(scene)
		trial := edge.NewTrial(edge.Options{Views: c, Outbox: r.store, Gate: r, Now: r.now, Synced: func() bool { return true }}, r.eye)
		frame := scanner.Frame{Pix: make([]byte, 64), Stride: 8, Width: 8, Height: 8}
		look := func(texts ...string) (*kiosk.Answer, *[4][2]float64) {
			t.Helper()
			r.current.now = texts
			time.Sleep(100 * time.Millisecond)
			a, outline, err := trial.Look(t.Context(), frame)
			if err != nil {
				t.Fatal(err)
			}
			return a, outline
		}
		if a, outline := look(); a != nil || outline != nil {
			t.Errorf("an empty frame: %+v %v", a, outline)
		}
		a, outline := look(c.lamp)
		if a == nil || a.Verdict != "valid" || a.Seq != 1 || outline == nil || outline[0] != [2]float64{0.25, 0.25} {
			t.Fatalf("%+v %v", a, outline)
		}
		if a, outline := look(c.lamp); a != nil || outline == nil {
			t.Errorf("a held code: %+v %v", a, outline)
		}
		events := r.store.of(wire.TypeScan)
		if len(events) != 1 || events[0].Detail["source"] != edge.SourceTrial {
			t.Errorf("events %+v", events)
		}
		if len(r.pulses) != 0 {
			t.Error("a trial opened the gate")
		}
		r.store.fault = func(context.Context, wire.Event) (error, bool) { return errDisk, false }
		r.current.now = []string{c.revoked}
		if a, _, err := trial.Look(t.Context(), frame); err == nil || a != nil {
			t.Errorf("an answer without its event: %+v", a)
		}
		if _, _, err := trial.Look(t.Context(), scanner.Frame{Pix: frame.Pix, Stride: 8, Width: 8, Height: 9}); err == nil {
			t.Error("a frame that does not fit its bytes")
		}
	})
}

func TestTrialTakesOneFrameAtATime(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil)
		r.current = &scene{now: []string{c.lamp}}
		held := make(chan struct{})
		r.store.fault = func(context.Context, wire.Event) (error, bool) { <-held; return nil, true }
		trial := edge.NewTrial(edge.Options{Views: c, Outbox: r.store, Now: r.now}, r.eye)
		frame := scanner.Frame{Pix: make([]byte, 64), Stride: 8, Width: 8, Height: 8}
		done := make(chan error)
		go func() {
			_, _, err := trial.Look(t.Context(), frame)
			done <- err
		}()
		synctest.Wait()
		if _, _, err := trial.Look(t.Context(), frame); !errors.Is(err, kiosk.ErrBusy) {
			t.Errorf("a second frame at the same time: %v", err)
		}
		close(held)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
