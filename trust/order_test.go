package trust_test

import (
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/cityid"
	"citygate/trust/code"
)

// TestOrder starts with a code about which everything is wrong that can be
// wrong at once, and mends one thing after the other in the list's order. Each
// step holds that its reason goes before all that are still unmended.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	s := w.scene("all wrong, revoked")
	s.old, s.new = "HTTPS://ID.SJZ.EXAMPLE/156.1301.02/P#", "https://ID.TS.EXAMPLE/156.1302/P#0"
	s.issuer, s.at, s.fresh, s.forged = "future", "lamp", true, true
	s.shown, s.impostor, s.shownAt = true, true, w.Time.Add(-2*time.Hour)
	s.moment.Synced, s.moment.Place = false, cityid.ID{}
	s.checkpoint["ts-status"] = time.Time{}
	s.checkpoint["directory"] = w.Time.Add(-30 * 24 * time.Hour)
	s.checkpoint["sjz-status"] = time.Time{}

	for i, step := range []struct {
		want trust.Reason
		mend func()
	}{
		{trust.Foreign, func() { s.new = "HTTPS://ID.TS.EXAMPLE/156.1302/P#0" }},
		{trust.Malformed, func() { s.new = "HTTPS://ID.TS.EXAMPLE/156.1302/P#" }},
		{trust.Unsupported, func() { s.issuer = "withdrawn" }},
		{trust.StaleTrust, func() { delete(s.checkpoint, "sjz-status"); delete(s.checkpoint, "ts-status") }},
		{trust.UnknownIssuer, func() { s.issuer = "ts" }},
		{trust.Mismatch, func() { s.new = "HTTPS://ID.TS.EXAMPLE/156.1301.02/P#" }},
		{trust.Mismatch, func() { s.old, s.new = "", "" }},
		{trust.WrongIssuer, func() { s.issuer = "sjz" }},
		{trust.BadSignature, func() { s.forged = false }},
		{trust.BadSignature, func() { s.impostor = false }},
		{trust.Pending, func() { s.fresh = false }},
		{trust.NotInLedger, func() { s.at = "" }},
		{trust.Revoked, func() { s.record = "all wrong, suspended" }},
		{trust.Suspended, func() { s.record = "all wrong" }},
		{trust.Expired, func() { s.record = "early" }},
		{trust.ClockUntrusted, func() { s.moment.Synced = true }},
		{trust.NotYetValid, func() { s.record = "permit" }},
		{trust.StalePresentation, func() { s.shownAt = s.moment.Now }},
		{trust.Elsewhere, func() { s.moment.Place = w.scene("permit").moment.Place }},
		{trust.StaleTrust, func() { delete(s.checkpoint, "directory") }},
		{trust.Valid, func() {}},
	} {
		v := w.check(t, s)
		if v.Reason != step.want {
			t.Fatalf("step %d: %s, want %s", i, v.Reason, step.want)
		}
		if v.Accept != (step.want == trust.Valid) {
			t.Errorf("step %d: %s is accepted: %v", i, v.Reason, v.Accept)
		}
		step.mend()
	}
}

// TestForgedGoesBeforePending holds the two orders that TestOrder cannot: in
// one code either the index is below the cached size or it is not.
func TestForgedGoesBeforePending(t *testing.T) {
	w := newWorld(t)
	s := w.scene("lamp strange") // suspended
	s.at = "lamp"
	if v := w.check(t, s); v.Reason != trust.NotInLedger || !v.Alarm {
		t.Errorf("another's index: %+v", v)
	}
	s.ahead = 100000
	if v := w.check(t, s); v.Reason != trust.Pending {
		t.Errorf("beyond the log: %+v", v)
	}
}

func TestReasonsAndClasses(t *testing.T) {
	classes := map[trust.Class]int{}
	seen := map[trust.Reason]bool{}
	for _, r := range trust.Reasons() {
		if seen[r] || r == "" {
			t.Errorf("%q twice", r)
		}
		seen[r] = true
		classes[r.Class()]++
	}
	if len(seen) != 22 || classes[trust.Accepted] != 2 || classes[trust.CannotCheck] != 4 {
		t.Errorf("%d reasons, classes %v", len(seen), classes)
	}
	if trust.Reason("no such word").Class() != trust.Refused {
		t.Error("an unknown word is not a refusal")
	}
	for class, want := range map[trust.Class]string{trust.Accepted: "accepted", trust.Refused: "refused", trust.CannotCheck: "cannot-check"} {
		if class.String() != want {
			t.Errorf("class %q, want %q", class, want)
		}
	}
}

func TestDefaultPolicy(t *testing.T) {
	p := trust.DefaultPolicy()
	for kind := range uint64(20) {
		k := p.For(kind)
		if k.NeedSignature == (kind == code.KindStreetAsset) {
			t.Errorf("kind %d: signature wanted: %v", kind, k.NeedSignature)
		}
		if k.Fresh || k.AcceptClock || k.AcceptStale {
			t.Errorf("kind %d accepts what has to be chosen: %+v", kind, k)
		}
	}
}
