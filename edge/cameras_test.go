package edge_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/scanner/camera"
	"citygate/sync/wire"
)

// on is a camera that sees the given films, one after the other.
func on(scenes ...func() (*scene, error)) *eye { return &eye{scenes: scenes} }

// TestOneCameraFailsAndTheOtherServes: two cameras, of which the second breaks and comes back; then both break.
func TestOneCameraFailsAndTheOtherServes(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, c, nil,
			on(film(camera.ErrBroken, frames(4*time.Second), frames(time.Second, c.lamp), frames(25*time.Second)), broken(camera.ErrNoDevice)),
			on(film(camera.ErrStalled, frames(2*time.Second)), broken(camera.ErrNoDevice),
				film(camera.ErrNoDevice, frames(10*time.Second), frames(time.Second, c.other), frames(9*time.Second)), broken(camera.ErrNoDevice)))
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		<-time.After(2500 * time.Millisecond)
		synctest.Wait()
		active := r.health.Active(r.now())
		if len(active) != 1 || active[0].Part != "camera 2" || active[0].Severity != health.Serious || !health.Ready(active) {
			t.Errorf("with one of two cameras: %v", active)
		}
		if st := r.screen.last(); st.State != kiosk.StateIdle {
			t.Errorf("the screen shows %+v", st)
		}
		<-time.After(35 * time.Second)
		synctest.Wait()
		if active = r.health.Active(r.now()); len(active) != 2 || health.Ready(active) || active[0].String() != "the camera cannot be opened (camera 1)" {
			t.Errorf("without a camera: %v", active)
		}
		if st := r.screen.last(); st.State != kiosk.StateOutOfService || st.Reason != health.CameraMissing {
			t.Errorf("the screen shows %+v", st)
		}
		if age := r.now().Sub(r.Progress()); age > time.Second {
			t.Errorf("no sign of life for %v", age)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		want(t, "answers", r.screen.verdicts(), "valid", "valid")
		var before []int
		for i, a := range r.screen.answers {
			before = append(before, a.Camera)
			if e := r.store.of(wire.TypeScan)[i]; e.Detail["camera"] != string(rune('0'+a.Camera)) {
				t.Errorf("event %+v of answer %+v", e, a)
			}
		}
		if !slices.Equal(before, []int{1, 2}) || r.pulses[1].Camera != 2 {
			t.Errorf("answers before the cameras %v, pulses %+v", before, r.pulses)
		}
		if i := slices.IndexFunc(r.screen.states, func(s kiosk.State) bool { return s.State == kiosk.StateChecking }); r.screen.states[i].Camera != 1 {
			t.Errorf("the first code: %+v", r.screen.states[i])
		}
		var conditions []string
		for _, e := range r.store.of(wire.TypeHealth) {
			conditions = append(conditions, e.Detail["part"]+" "+e.Detail["condition"]+" "+e.Detail["state"])
		}
		for _, one := range []string{"camera 2 camera-stalled raised", "camera 2 camera-missing cleared", "camera 1 camera-garbage raised"} {
			if !slices.Contains(conditions, one) {
				t.Errorf("no event %q in %q", one, conditions)
			}
		}
	})
}

// TestOneCodeBeforeTwoCamerasIsOneScan: what is ours is told apart by what it is; what is not ours by where it is.
func TestOneCodeBeforeTwoCamerasIsOneScan(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, c, nil,
			on(film(eof, frames(time.Second), frames(2*time.Second, c.person), frames(2*time.Second), frames(6*time.Second, foreign))),
			on(film(eof, frames(2*time.Second), frames(3*time.Second, c.person), frames(3*time.Second), frames(2*time.Second, foreign))))
		r.run(t, 20*time.Second)
		want(t, "answers", r.screen.verdicts(), "valid", "foreign", "foreign")
		want(t, "events", r.store.verdicts(), "valid", "foreign", "foreign")
	})
}

// TestASlowDiskHoldsNoCameraForDead: one camera's answer waits for the disk, the other one for its turn.
func TestASlowDiskHoldsNoCameraForDead(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, c, nil, on(film(eof, frames(time.Second), frames(time.Second, c.lamp))), on(film(eof, frames(time.Second), frames(10*time.Second, c.other))))
		r.store.fault = func(_ context.Context, e wire.Event) (error, bool) {
			if e.Type == wire.TypeScan {
				time.Sleep(4 * time.Second)
			}
			return nil, true
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for range 28 {
			<-time.After(500 * time.Millisecond)
			synctest.Wait()
			if age := r.now().Sub(r.Progress()); age > 1500*time.Millisecond {
				t.Errorf("no sign of life for %v", age)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		want(t, "answers", r.screen.verdicts(), "valid", "valid")
	})
}
