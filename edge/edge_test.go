package edge_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		if len(r.pulses) != 2 || r.pulses[1].Seq != r.screen.answers[1].Seq || r.pulses[0].Device != "k1" {
			t.Errorf("the gate was opened by %+v", r.pulses)
		}
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
			var r *rig
			r = newRig(t, c, nil, film(camera.ErrBroken, frames(time.Second, c.badPerson)), func() (*scene, error) {
				r.ahead.Store(int64(24 * time.Hour))
				return film(eof, frames(time.Second, c.badPerson))()
			})
			r.run(t, time.Minute)
			for _, e := range r.store.of(wire.TypeScan) {
				seen[string(e.Pseudonym)] = true
			}
		}
		if len(seen) != 4 {
			t.Errorf("%d pseudonyms of one code on two days at two gateways, want 4", len(seen))
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
		want(t, "states", got, "idle", "checking", "idle")
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
