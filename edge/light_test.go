package edge_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"citygate/edge/health"
	"citygate/edge/kiosk"
)

// street is a living picture: it has light and dark, and a sensor's noise.
func street(seq uint64) [2]byte { return [2]byte{byte(60 + seq%7), byte(180 + seq%5)} }

func TestWhatALiveCameraSuffersFrom(t *testing.T) {
	tests := []struct {
		name   string
		luma   func(seq uint64) [2]byte
		reason string
		opened int
	}{
		{"dark", func(seq uint64) [2]byte { return [2]byte{byte(seq % 3), 4} }, health.CameraDark, 1},
		{"sun", func(seq uint64) [2]byte { return [2]byte{255, byte(253 + seq%2)} }, health.CameraBright, 1},
		{"hand", func(seq uint64) [2]byte { return [2]byte{byte(90 + seq%3), 95} }, health.CameraCovered, 1},
		{"frozen", func(uint64) [2]byte { return [2]byte{60, 180} }, health.CameraStalled, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCity(t)
			synctest.Test(t, func(t *testing.T) {
				var since time.Time // when it began
				bad := func(seq uint64) bool { return seq > 60 && seq < 200 }
				live := func() (*scene, error) {
					s, err := film(nil, frames(12*time.Second), frames(time.Second, c.lamp), frames(time.Minute))()
					s.live = true
					s.luma = func(seq uint64) [2]byte {
						if bad(seq) {
							if since.IsZero() {
								since = time.Now()
							}
							return tt.luma(seq)
						}
						return street(seq)
					}
					return s, err
				}
				again := func() (*scene, error) {
					s, err := live()
					s.luma = street
					return s, err
				}
				r := newRig(t, c, nil, live, again)
				r.run(t, 20*time.Second)
				i := slices.IndexFunc(r.screen.states, func(s kiosk.State) bool {
					return s.State == kiosk.StateOutOfService && s.Reason == tt.reason
				})
				if i < 0 || !slices.ContainsFunc(r.screen.states[i:], func(s kiosk.State) bool { return s.State == kiosk.StateIdle }) {
					t.Errorf("states: %+v", r.screen.states)
				}
				if i >= 0 && r.screen.times[i].Sub(since) > 2*time.Second {
					t.Errorf("found after %v", r.screen.times[i].Sub(since))
				}
				want(t, "answers", r.screen.verdicts(), "valid")
				if r.opened != tt.opened {
					t.Errorf("opened %d times, want %d", r.opened, tt.opened)
				}
			})
		})
	}
}

func TestACodeInTheDarkIsAnswered(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, func() (*scene, error) {
			s, err := film(nil, frames(4*time.Second), frames(time.Second, c.lamp), frames(4*time.Second))()
			s.live = true
			return s, err
		})
		r.run(t, 8*time.Second)
		want(t, "answers", r.screen.verdicts(), "valid")
		if st := r.screen.last(); st.Reason != health.CameraDark {
			t.Errorf("in the end the screen shows %+v", st)
		}
	})
}
