package edge_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/edge/policy"
	"citygate/scanner/camera"
	"citygate/sync/wire"
)

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestHeldCodeIsOneScanAndShownAgainANewOne(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof,
			frames(3*time.Second, c.lamp),
			frames(700*time.Millisecond), // lost for a moment: blurred, a finger
			frames(2*time.Second, c.lamp),
			frames(1300*time.Millisecond), // taken away
			frames(time.Second, c.lamp),
			frames(2*time.Second, c.revoked),
		))
		r.run(t, time.Minute)
		want(t, "events", r.store.verdicts(), "valid", "valid", "revoked")
		want(t, "answers", r.screen.verdicts(), "valid", "valid", "revoked")
	})
}

func TestForeignCodesAreAllAlike(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		other := "https://other.example/"
		r := newRig(t, c, nil, film(eof, frames(time.Second, c.lamp, foreign), frames(time.Second, c.lamp, other), frames(time.Second, c.lamp)))
		r.run(t, time.Minute)
		want(t, "answers, the city's code last", r.screen.verdicts(), "foreign", "valid")
	})
}

func TestEventIsCompleteAndPublicAssetIsNamed(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof, frames(time.Second, c.lamp)))
		r.run(t, 5*time.Second)
		e := r.store.of(wire.TypeScan)[0]
		if e.ID != "MA.156.1301.01/LAMP.000421" || e.Log != "sjz-records" || e.Kind != 1 || e.Symbology != "qr" ||
			e.ClockQ != wire.ClockSynced || e.Place != "MA.156.1301.02/GATE.7" || e.Software != "test" || e.Prio != wire.PrioScan ||
			!strings.Contains(e.Trust, "sjz-records 256") || e.Pseudonym != nil || e.At < c.start().UnixMicro() {
			t.Errorf("event = %+v", e)
		}
		a := r.screen.answers[0]
		if a.ID != e.ID || !a.Accept || a.Class != kiosk.ClassAccepted || a.Epoch != 0xE0 || a.Issuer["en"] != "Registry sjz" {
			t.Errorf("answer = %+v", a)
		}
		if stops := r.store.of("stop"); len(stops) != 1 {
			t.Errorf("%d stop events, want one", len(stops))
		}
	})
}

func TestNothingOfForeignOrPersonalCodesIsKept(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		garbage := "HTTPS://ID.SJZ.EXAMPLE/156.1301.02/P#" + strings.Repeat("1", 230)
		r := newRig(t, c, nil, film(eof,
			frames(time.Second, c.person), frames(2*time.Second), frames(time.Second, c.badPerson), frames(2*time.Second),
			frames(time.Second, foreign), frames(2*time.Second), frames(time.Second, garbage), frames(2*time.Second),
			frames(time.Second, c.forged),
		))
		r.run(t, time.Minute)
		want(t, "events", r.store.verdicts(), "valid", "bad-signature", "foreign", "malformed", "bad-signature")
		for _, e := range r.store.events {
			all := fmt.Sprintf("%+v", e)
			for _, secret := range []string{"PASS", "7Q2F", "2026123", "shop.example", "4711", "11111"} {
				if strings.Contains(all, secret) {
					t.Errorf("an event holds %q: %s", secret, all)
				}
			}
		}
		scans := r.store.of(wire.TypeScan)
		if e := scans[0]; len(e.Pseudonym) != 16 || e.Index != 0 || e.ID != "" {
			t.Errorf("personal event = %+v", e)
		}
		if !slices.Equal(scans[0].Pseudonym, scans[1].Pseudonym) {
			t.Error("one code has two pseudonyms on one day")
		}
		if e := scans[2]; e.Log != "" || e.Index != 0 || e.Pseudonym != nil || e.Detail != nil {
			t.Errorf("foreign event = %+v", e)
		}
		if e := scans[4]; e.ID != "" {
			t.Errorf("a forged code's identifier is kept: %+v", e)
		}
		a := r.screen.answers
		if a[0].ID != "" || a[0].Ending != "7Q2F" || !a[0].Personal {
			t.Errorf("personal answer = %+v", a[0])
		}
		for _, a := range a[1:] {
			if a.ID != "" || a.Ending != "" || a.Issuer != nil || a.Lang != "" {
				t.Errorf("a code that nobody stands behind puts its words on the screen: %+v", a)
			}
		}
	})
}

func TestPseudonymLastsOneDayAndOneGateway(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]bool{}
		for range 2 {
			from := time.Now()
			r := newRig(t, c, nil, film(camera.ErrNoDevice, frames(time.Second, c.badPerson)), func() (*scene, error) {
				if time.Since(from) < 25*time.Hour {
					return nil, camera.ErrNoDevice
				}
				return film(eof, frames(time.Second, c.badPerson))()
			})
			r.run(t, 26*time.Hour)
			for _, e := range r.store.of(wire.TypeScan) {
				seen[string(e.Pseudonym)] = true
			}
		}
		if len(seen) != 4 {
			t.Errorf("%d pseudonyms of one code on two days at two gateways, want 4", len(seen))
		}
	})
}

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

func TestStatesOfAScan(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof, frames(time.Second), frames(time.Second, c.lamp)))
		r.run(t, 10*time.Second)
		var got []string
		for _, s := range r.screen.states {
			got = append(got, s.State)
		}
		want(t, "states", got, "idle", "aiming", "checking", "idle")
		o := r.screen.states[1].Outline
		if o == nil || !reflect.DeepEqual(*o, [4][2]float64{{.25, .25}, {.75, .25}, {.75, .75}, {.25, .75}}) {
			t.Errorf("outline = %v", o)
		}
	})
}

func TestPolicyIsAskedOncePerScan(t *testing.T) {
	c := newCity(t)
	p, err := policy.Parse("p", []byte("[kinds.street-asset]\nagain = \"20s\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, p, film(eof,
			frames(15*time.Second, c.lamp), frames(2*time.Second), frames(10*time.Second, c.lamp), frames(2*time.Second),
			frames(time.Second, c.lamp)))
		r.run(t, time.Minute)
		want(t, "answers", r.screen.verdicts(), "valid", "too-soon", "valid")
	})
}

func TestReplayedPresentationAndUnsyncedClock(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(eof, frames(time.Second, c.person), frames(2*time.Second), frames(time.Second, c.person)))
		r.run(t, time.Minute)
		want(t, "answers", r.screen.verdicts(), "valid", "replayed")
		r = newRig(t, c, nil, film(eof, frames(time.Second, c.person)))
		r.synced = false
		r.run(t, 5*time.Second)
		want(t, "answers by an unknown clock", r.screen.verdicts(), "clock-untrusted")
		if e := r.store.of(wire.TypeScan)[0]; e.ClockQ != wire.ClockUnsynced {
			t.Errorf("event = %+v", e)
		}
	})
}

func TestManyCodesInOneFrame(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		var texts []string
		for i := range 200 {
			texts = append(texts, fmt.Sprintf("%s%d", foreign, i), c.lamp)
		}
		r := newRig(t, c, nil, film(eof, frames(time.Second, append(texts, c.other)...)))
		r.run(t, 10*time.Second)
		want(t, "answers", r.screen.verdicts(), "foreign", "valid", "valid")
	})
}
