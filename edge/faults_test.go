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

func TestNoAnswerWithoutEvent(t *testing.T) {
	for _, stored := range []bool{false, true} { // failed, and failed but stored
		c := newCity(t)
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, c, nil, film(eof, frames(time.Second), frames(6*time.Second, c.lamp), frames(20*time.Second)))
			from := time.Now()
			r.store.fault = func(context.Context, wire.Event) (error, bool) {
				if d := time.Since(from); d < 5*time.Second {
					return errDisk, stored
				}
				return nil, true
			}
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			<-time.After(4 * time.Second)
			synctest.Wait()
			if len(r.screen.verdicts()) > 0 {
				t.Errorf("answers without events: %v", r.screen.verdicts())
			}
			if st := r.screen.last(); st.State != kiosk.StateOutOfService || st.Reason != health.Storage {
				t.Errorf("the screen shows %+v", st)
			}
			if health.Ready(r.health.Active(r.now())) {
				t.Error("ready without a disk")
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			want(t, "answers", r.screen.verdicts(), "valid") // still held when the disk was back
			if st := r.screen.last(); st.State != kiosk.StateIdle {
				t.Errorf("in the end the screen shows %+v", st)
			}
		})
	}
}

func TestDiskIsFoundAgainWithoutAnybodyThere(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof, frames(time.Second, c.lamp), frames(30*time.Second)))
		from := time.Now()
		r.store.fault = func(context.Context, wire.Event) (error, bool) {
			if time.Since(from) < 10*time.Second {
				return errDisk, false
			}
			return nil, true
		}
		r.run(t, 20*time.Second)
		if st := r.screen.last(); st.State != kiosk.StateIdle {
			t.Errorf("the screen shows %+v", st)
		}
		var got []string
		for _, e := range r.store.of(wire.TypeHealth) {
			got = append(got, e.Detail["condition"]+" "+e.Detail["state"])
		}
		want(t, "health events", got, "storage raised", "storage cleared")
	})
}

func TestSlowDiskDoesNotMakeTwoScansOfOne(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof, frames(6*time.Second, c.lamp), frames(time.Second)))
		r.store.fault = func(ctx context.Context, e wire.Event) (error, bool) {
			if e.Type != wire.TypeScan {
				return nil, true
			}
			select {
			case <-time.After(4 * time.Second):
				return nil, true
			case <-ctx.Done():
				return ctx.Err(), false
			}
		}
		r.run(t, 30*time.Second)
		want(t, "answers", r.screen.verdicts(), "valid")
	})
}

func TestHungDiskIsAConditionAndTheGatewayLives(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof, frames(30*time.Second, c.lamp)))
		r.store.fault = func(ctx context.Context, e wire.Event) (error, bool) {
			if e.Type == "stop" {
				return nil, true
			}
			<-ctx.Done()
			return ctx.Err(), false
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for range 20 {
			<-time.After(time.Second)
			synctest.Wait()
			if age := r.now().Sub(r.Progress()); age > 1500*time.Millisecond {
				t.Errorf("no sign of life for %v while the disk is waited for", age)
			}
		}
		if st := r.screen.last(); st.Reason != health.Storage {
			t.Errorf("the screen shows %+v", st)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestCameraFailures(t *testing.T) {
	tests := []struct {
		name   string
		open   func(c *city) func() (*scene, error)
		reason string
	}{
		{"no device", func(*city) func() (*scene, error) { return broken(camera.ErrNoDevice) }, health.CameraMissing},
		{"garbage", func(c *city) func() (*scene, error) { return film(camera.ErrBroken, frames(time.Second)) }, health.CameraGarbage},
		{"says stalled", func(c *city) func() (*scene, error) { return film(camera.ErrStalled, frames(time.Second)) }, health.CameraStalled},
		{"is silent", func(c *city) func() (*scene, error) { return film(nil, frames(time.Second)) }, health.CameraStalled},
		{"never begins", func(c *city) func() (*scene, error) { return film(nil) }, health.CameraStalled},
		{"another size", func(c *city) func() (*scene, error) { return film(camera.ErrSize, frames(time.Second)) }, health.CameraSize},
		{"vanishes", func(c *city) func() (*scene, error) { return film(camera.ErrNoDevice, frames(time.Second)) }, health.CameraMissing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCity(t)
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c, nil, tt.open(c), film(eof, frames(2*time.Second), frames(time.Second, c.lamp), frames(time.Minute)))
				r.run(t, time.Minute)
				i := slices.IndexFunc(r.screen.states, func(s kiosk.State) bool {
					return s.State == kiosk.StateOutOfService && s.Reason == tt.reason
				})
				// A camera has longer for its first frame, and is out of service until then.
				if began := r.screen.times[0]; i > 0 && r.screen.times[i].Sub(began) > 3*time.Second {
					t.Errorf("found %v after the first of one second's frames", r.screen.times[i].Sub(began))
				}
				if i < 0 {
					t.Errorf("never out of service because of %s: %+v", tt.reason, r.screen.states)
				}
				want(t, "answers after it was opened again", r.screen.verdicts(), "valid")
				if r.opened != 2 {
					t.Errorf("opened %d times, want 2", r.opened)
				}
				var got []string
				for _, e := range r.store.of(wire.TypeHealth) {
					got = append(got, e.Detail["condition"]+" "+e.Detail["state"])
				}
				want(t, "health events", got, tt.reason+" raised", tt.reason+" cleared")
			})
		})
	}
}

func TestCameraIsOpenedAgainWithGrowingPauses(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, broken(camera.ErrNoDevice))
		r.run(t, time.Minute)
		if r.opened < 6 || r.opened > 12 {
			t.Errorf("opened %d times in a minute", r.opened)
		}
		if st := r.screen.last(); st.Reason != health.CameraMissing {
			t.Errorf("the screen shows %+v", st)
		}
	})
}

func TestEndOfAFilmLeavesTheGatewayIdle(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof, frames(time.Second, c.lamp)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		<-time.After(time.Minute)
		synctest.Wait()
		if r.opened != 1 || r.screen.last().State != kiosk.StateIdle || !health.Ready(r.health.Active(r.now())) {
			t.Errorf("opened %d times, shows %+v", r.opened, r.screen.last())
		}
		if age := r.now().Sub(r.Progress()); age > time.Second {
			t.Errorf("no sign of life for %v", age)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// While operations have the gateway out of service it reads nothing and says so; a code that is held when it comes back
// is a new one.
func TestTakenOutOfService(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof, frames(30*time.Second, c.lamp)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		wait := func() {
			<-time.After(5 * time.Second)
			synctest.Wait()
		}
		wait()
		want(t, "answers", r.screen.verdicts(), "valid")
		r.closed.Store(true)
		wait()
		if st := r.screen.last(); st.State != kiosk.StateOutOfService || st.Reason != health.TakenOut {
			t.Errorf("the screen shows %+v", st)
		}
		want(t, "answers", r.screen.verdicts(), "valid")
		r.closed.Store(false)
		wait()
		want(t, "answers", r.screen.verdicts(), "valid", "valid")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
