package edge_test

import (
	"testing"
	"testing/synctest"
	"time"

	"citygate/edge"
	"citygate/edge/policy"
	"citygate/scanner"
	"citygate/trust/cityid"
	"citygate/trust/code"
)

// demanding is a policy under which permits carry the kiosk's nonce.
func demanding(t *testing.T) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.toml", []byte("[kinds.permit]\nneed_nonce = true\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hall is a trial that stands for a kiosk: it looks at frames that hold the given texts.
func hall(t *testing.T, r *rig, c *city, p *policy.Policy, n *policy.Nonces) func(texts ...string) string {
	t.Helper()
	place, err := cityid.Parse("MA.156.1301.02/GATE.7")
	if err != nil {
		t.Fatal(err)
	}
	r.current = new(scene)
	trial := edge.NewTrial(edge.Options{Views: c, Outbox: r.store, Policy: p, Nonces: n, Place: place, Now: r.now, Synced: func() bool { return true }}, r.eye)
	frame := scanner.Frame{Pix: make([]byte, 64), Stride: 8, Width: 8, Height: 8}
	return func(texts ...string) string {
		t.Helper()
		time.Sleep(rate)
		r.current.now = texts
		a, _, err := trial.Look(t.Context(), frame)
		if err != nil {
			t.Fatal(err)
		}
		if a == nil {
			return ""
		}
		return a.Verdict
	}
}

func TestNonceIsDemandedOfHolders(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r, n := newRig(t, c, nil), policy.NewNonces()
		look := hall(t, r, c, demanding(t), n)
		begin := time.Now()
		after := func() int64 { return int64(time.Since(begin) / time.Second) }
		away := func() {
			for range 40 { // taken away for longer than a moment
				look()
			}
		}
		with := func(nonce string) string { return c.presentWith(t, c.pass, after(), nonce) }
		shown := n.Shown(r.now())
		for what, step := range map[string][2]string{
			"none": {with(""), "stale-presentation"}, "another's": {with("00000000"), "stale-presentation"},
			"longer": {with(shown + "0"), "stale-presentation"},
		} {
			if got := look(step[0]); got != step[1] {
				t.Errorf("%s: %s, want %s", what, got, step[1])
			}
			away()
		}
		good := with(shown)
		if got := look(good); got != "valid" {
			t.Errorf("the shown one: %s", got)
		}
		if n.Shown(r.now()) == shown {
			t.Error("the nonce was used and stands there still")
		}
		for range 3 { // the telephone writes its code anew, with the same nonce, while it is held
			time.Sleep(time.Second)
			if got := look(with(shown)); got != "" {
				t.Errorf("while it is held: %s", got)
			}
		}
		away()
		if got := look(with(shown)); got != "stale-presentation" {
			t.Errorf("the used one, shown again: %s", got)
		}
		away()
		taken := n.Shown(r.now())
		time.Sleep(70 * time.Second)
		if n.Shown(r.now()) == taken {
			t.Error("the same nonce after 70 s")
		}
		if got := look(with(taken)); got != "valid" {
			t.Errorf("taken up before it left the screen: %s", got)
		}
		away()
		taken = n.Shown(r.now())
		time.Sleep(3 * time.Minute)
		if got := look(with(taken)); got != "stale-presentation" {
			t.Errorf("an old one: %s", got)
		}
	})
}

func TestNonceIsShownWhereItIsDemanded(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, demanding(t), film(nil, frames(65*time.Second)))
		r.run(t, 65*time.Second)
		if len(r.screen.nonces) != 2 || len(r.screen.nonces[0].Digits) != 8 || r.screen.nonces[0].Digits == r.screen.nonces[1].Digits {
			t.Fatalf("shown: %+v", r.screen.nonces)
		}
		if got, want := r.screen.nonces[0].Page, "https://id.sjz.example/citygate.page/holder.html"; got != want {
			t.Errorf("the holder's page is %q, want %q", got, want)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, nil, film(nil, frames(3*time.Second)))
		r.run(t, 3*time.Second)
		if len(r.screen.nonces) > 0 {
			t.Errorf("nobody demands %+v", r.screen.nonces)
		}
	})
}

func TestStaffCodeOpensTheStaffModeAndNoGate(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		bare, err := code.Text(host, c.staff)
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, c, nil, film(eof,
			frames(time.Second, bare), frames(2*time.Second),
			frames(time.Second, c.present(t, c.foreman, 0)), frames(2*time.Second),
			frames(time.Second, c.present(t, c.staff, 0)), frames(2*time.Second)))
		r.run(t, time.Minute)
		want(t, "answers", r.screen.verdicts(), "stale-presentation", "valid", "valid")
		for i, staff := range []bool{false, false, true} {
			if r.screen.answers[i].Staff != staff {
				t.Errorf("answer %d: staff %v", i, !staff)
			}
		}
		if len(r.pulses) != 1 || r.pulses[0].Seq != r.screen.answers[1].Seq {
			t.Errorf("the gate was opened by %+v", r.pulses)
		}
		want(t, "events", r.store.verdicts(), "stale-presentation", "valid", "valid")
	})
}

func TestTestReadOpensNothingAndUsesUpNothing(t *testing.T) {
	c := newCity(t)
	synctest.Test(t, func(t *testing.T) {
		p, err := policy.Parse("policy.toml", []byte("[kinds.street-asset]\nagain = \"1h\"\n"))
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, c, p, film(eof, frames(time.Second, c.lamp), frames(2*time.Second), frames(time.Second, c.lamp), frames(time.Second)))
		r.TestRead(true)
		r.run(t, time.Minute)
		want(t, "answers", r.screen.verdicts(), "valid", "valid")
		if a := r.screen.answers; !a[0].Test || a[1].Test {
			t.Errorf("test reads: %+v", a)
		}
		if len(r.pulses) != 1 || r.pulses[0].Seq != r.screen.answers[1].Seq {
			t.Errorf("the gate was opened by %+v", r.pulses)
		}
		events := r.store.of("scan")
		if events[0].Detail["source"] != edge.SourceTest || events[1].Detail["source"] != "" {
			t.Errorf("sources: %v, %v", events[0].Detail, events[1].Detail)
		}
	})
}
