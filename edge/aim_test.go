package edge_test

import (
	"testing"
	"testing/synctest"
	"time"

	"citygate/edge/kiosk"
)

func TestOutlineOfACodeBeforeItIsRead(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof,
			frames(500*time.Millisecond), frames(time.Second, blurred), frames(150*time.Millisecond), // a hand that shakes
			frames(300*time.Millisecond, blurred), frames(time.Second), // taken away
			frames(300*time.Millisecond, blurred), frames(time.Second, c.lamp), frames(time.Second, c.lamp, blurred)))
		r.run(t, time.Minute)
		var states []string
		for _, s := range r.screen.states {
			if len(states) == 0 || states[len(states)-1] != s.State {
				states = append(states, s.State)
			}
			if s.State == kiosk.StateAiming && (s.Outline == nil || s.Outline[0] != [2]float64{0.125, 0.125}) {
				t.Fatalf("aiming at %v", s.Outline)
			}
		}
		want(t, "states", states, "idle", "aiming", "idle", "aiming", "checking", "idle")
		want(t, "answers", r.screen.verdicts(), "valid")
	})
}
