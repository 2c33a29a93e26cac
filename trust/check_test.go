package trust_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/code"
)

// only is the default policy with one kind changed.
func only(kind uint64, change func(*trust.KindPolicy)) *trust.Policy {
	p := trust.DefaultPolicy()
	k := p.For(kind)
	change(&k)
	p.Kinds[kind] = k
	return p
}

type checkCase struct {
	name   string
	record string
	change func(w *world, s *scene)
	want   trust.Reason
}

// checkCases lists all cases. Their names are different.
func checkCases() []checkCase {
	return slices.Concat(textCases(), issuersCases(), signaturesCases(), ledgerCases(), freshCases(),
		timeCases(), ageCases(), presentationCases(), placeCases())
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	for _, c := range checkCases() {
		s := c.scene(w)
		v := w.check(t, s)
		if v.Reason != c.want {
			t.Errorf("%s: %s, want %s", c.name, v.Reason, c.want)
		}
		if v.Accept != (c.want == trust.Valid || c.want == trust.ValidFresh) {
			t.Errorf("%s: %s is accepted: %v", c.name, v.Reason, v.Accept)
		}
		if v.Alarm != (c.want == trust.NotInLedger && v.SignatureGood) {
			t.Errorf("%s: alarm %v", c.name, v.Alarm)
		}
	}
}

// scene shows the case in a world.
func (c checkCase) scene(w *world) scene {
	s := w.scene(c.record)
	if c.change != nil {
		c.change(w, &s)
	}
	return s
}

func textCases() []checkCase {
	swap := func(old, new string) func(*world, *scene) {
		return func(_ *world, s *scene) { s.old, s.new = old, new }
	}
	return []checkCase{
		{"lower-case scheme", "lamp", swap("HTTPS", "https"), trust.Foreign},
		{"no fragment", "lamp", swap("#", "/"), trust.Foreign},
		{"a newer code", "lamp", swap("#", "#54887620458577920"), trust.Unsupported}, // C3 and six octets
		{"an older code", "lamp", swap("#", "#54043195528445952"), trust.Malformed},  // C0
		{"another number of digits", "lamp", swap("#", "#0"), trust.Malformed},
	}
}

func issuersCases() []checkCase {
	from := func(issuer string) func(*world, *scene) {
		return func(_ *world, s *scene) { s.issuer = issuer }
	}
	return []checkCase{
		{"the city's key", "lamp", nil, trust.Valid},
		{"host in another case", "lamp", func(_ *world, s *scene) { s.old, s.new = host, "OTHER.EXAMPLE" }, trust.Valid},
		{"host of nobody", "lamp", func(_ *world, s *scene) { s.old, s.new = host, "EXAMPLE" }, trust.Mismatch},
		{"another path", "lamp", func(_ *world, s *scene) { s.old, s.new = "421#", "422#" }, trust.Mismatch},
		{"path of another case", "lamp", func(_ *world, s *scene) { s.old, s.new = "LAMP", "lamp" }, trust.Mismatch},
		{"an entry that is no key row", "lamp", from("none"), trust.UnknownIssuer},
		{"beyond a young directory", "lamp", from("beyond"), trust.UnknownIssuer},
		{"beyond a directory of an hour", "lamp", func(w *world, s *scene) {
			s.issuer = "beyond"
			s.checkpoint["directory"] = s.moment.Now.Add(-time.Hour)
		}, trust.UnknownIssuer},
		{"beyond an old directory", "lamp", func(w *world, s *scene) {
			s.issuer = "beyond"
			s.checkpoint["directory"] = s.moment.Now.Add(-time.Hour - time.Second)
		}, trust.StaleTrust},
		{"no directory", "lamp", func(_ *world, s *scene) { s.checkpoint["directory"] = time.Time{} }, trust.StaleTrust},
		{"no records log", "lamp", func(_ *world, s *scene) { s.checkpoint["sjz-records"] = time.Time{} }, trust.StaleTrust},
		{"no status log", "lamp", func(_ *world, s *scene) { s.checkpoint["sjz-status"] = time.Time{} }, trust.StaleTrust},
		{"another city's logs missing", "lamp", func(_ *world, s *scene) {
			s.checkpoint["ts-status"], s.checkpoint["ts-records"] = time.Time{}, time.Time{}
		}, trust.Valid},
		{"withdrawn, below its size", "early record", from("withdrawn"), trust.Valid},
		{"withdrawn, at its size", "lamp", from("withdrawn"), trust.UnknownIssuer},
		{"the bureau's key", "building", from("bureau"), trust.Valid},
		{"the bureau's key for another bureau", "lamp", from("bureau"), trust.WrongIssuer},
		{"another city's key", "lamp", from("ts"), trust.WrongIssuer},
		{"the country's key for a lamp", "city's lamp", from("cn"), trust.WrongIssuer},
		{"the country's key for a city", "city", from("cn"), trust.Valid},
		{"a city's key for its own name", "sjz by itself", nil, trust.WrongIssuer},
		{"an algorithm of another build", "lamp", from("future"), trust.Unsupported},
		{"an algorithm that is not needed", "lamp", func(_ *world, s *scene) { s.issuer, s.unsigned = "future", true }, trust.UnknownIssuer},
	}
}

func signaturesCases() []checkCase {
	return []checkCase{
		{"street asset without", "lamp", func(_ *world, s *scene) { s.unsigned = true }, trust.Valid},
		{"street asset with a wrong one", "lamp", func(_ *world, s *scene) { s.forged = true }, trust.BadSignature},
		{"street asset without, policy wants it", "lamp", func(_ *world, s *scene) {
			s.unsigned, s.policy = true, only(code.KindStreetAsset, func(k *trust.KindPolicy) { k.NeedSignature = true })
		}, trust.BadSignature},
		{"building without", "building", func(_ *world, s *scene) { s.unsigned = true }, trust.BadSignature},
		{"permit without", "permit", func(_ *world, s *scene) { s.unsigned = true }, trust.BadSignature},
		{"permit of an impostor", "permit", func(_ *world, s *scene) { s.impostor = true }, trust.BadSignature},
	}
}

func ledgerCases() []checkCase {
	fresh := func(_ *world, s *scene) { s.fresh = true }
	return []checkCase{
		{"sealed, in the open tile: its path is ignored", "open", nil, trust.Valid},
		{"fresh, in the open tile", "open", fresh, trust.Valid},
		{"personal, in the open tile", "open permit", fresh, trust.Valid},
		{"personal, sealed", "permit", nil, trust.Valid},
		{"fresh, in a closed tile", "lamp", fresh, trust.Pending},
		{"another's leaf in the open tile", "lamp", func(_ *world, s *scene) { s.at = "open" }, trust.NotInLedger},
		{"another's leaf in the open tile, fresh", "lamp", func(_ *world, s *scene) { s.at, s.fresh = "open", true }, trust.NotInLedger},
		{"another's leaf in a full tile", "lamp", func(_ *world, s *scene) { s.at = "building" }, trust.NotInLedger},
		{"a victim's index without a signature", "lamp", func(_ *world, s *scene) { s.at, s.unsigned = "building", true }, trust.NotInLedger},
		{"the size itself", "open", func(w *world, s *scene) {
			s.ahead = w.sjz.Records.Size() - w.record["open"].index
		}, trust.Pending},
		{"the last leaf", "lamp", func(w *world, s *scene) {
			s.ahead = w.sjz.Records.Size() - 1 - w.record["lamp"].index
		}, trust.NotInLedger},
		{"an unknown status", "lamp strange", nil, trust.Suspended},
		{"revoked", "all wrong, revoked", func(_ *world, s *scene) { s.shown = true }, trust.Revoked},
	}
}

func freshCases() []checkCase {
	show := func(change func(*scene)) func(*world, *scene) {
		return func(_ *world, s *scene) {
			s.fresh, s.policy = true, only(code.KindStreetAsset, func(k *trust.KindPolicy) { k.Fresh = true })
			change(s)
		}
	}
	as := show(func(*scene) {})
	return []checkCase{
		{"fresh, in time", "new", as, trust.ValidFresh},
		{"fresh, too old", "new, too old", as, trust.Pending},
		{"fresh, ahead", "new, ahead", as, trust.ValidFresh},
		{"fresh, too far ahead", "new, too far ahead", as, trust.Pending},
		{"fresh, no time of issue", "new, no time of issue", as, trust.Pending},
		{"fresh, personal", "new, personal", as, trust.Pending},
		{"fresh, default policy", "new", show(func(s *scene) { s.policy = trust.DefaultPolicy() }), trust.Pending},
		{"fresh, clock not synchronised", "new", show(func(s *scene) { s.moment.Synced = false }), trust.Pending},
		{"fresh, but sealed", "new", show(func(s *scene) { s.fresh = false }), trust.Pending},
		{"fresh, 65,535 ahead", "new", show(func(s *scene) { s.ahead = 65535 }), trust.ValidFresh},
		{"fresh, 65,536 ahead", "new", show(func(s *scene) { s.ahead = 65536 }), trust.Pending},
		{"fresh, forged", "new", show(func(s *scene) { s.forged = true }), trust.BadSignature},
		{"fresh, withdrawn", "new", show(func(s *scene) { s.issuer = "withdrawn" }), trust.UnknownIssuer},
	}
}

// TestFreshWithdrawn withdraws a key, but up to a size that is far away.
func TestFreshWithdrawn(t *testing.T) {
	w := newWorld(t)
	w.Withdraw(w.issuer["sjz"], 1<<40)
	s := w.scene("new")
	s.fresh, s.policy = true, only(code.KindStreetAsset, func(k *trust.KindPolicy) { k.Fresh = true })
	if v := w.check(t, s); v.Reason != trust.Pending {
		t.Errorf("withdrawn later on: %s", v.Reason)
	}
}

func TestVerdictFields(t *testing.T) {
	w := newWorld(t)
	s := w.scene("building")
	s.checkpoint["sjz-status"] = s.moment.Now.Add(-5 * time.Minute)
	v := w.check(t, s)
	r := w.record["building"]
	want := trust.Verdict{
		Accept: true, Reason: trust.Valid, ID: v.ID, Kind: code.KindBuilding, Language: "zh-CN",
		Key: w.issuer["sjz"].Index, Index: r.index, BodyHash: sha256.Sum256(r.body), Log: "sjz-records",
		TrustAge: 5 * time.Minute, SignatureGood: true,
	}
	if v != want || v.ID.String() != "MA.156.1301.02/DOOR.1" {
		t.Errorf("%+v\nwant %+v", v, want)
	}
	v = w.check(t, w.scene("permit"))
	if !v.Personal || !v.Presented || v.PresentedAt != s.moment.Now.Unix() || v.ID.String() != "MA.156.1301.02/PERMIT.2" {
		t.Errorf("%+v", v)
	}
	again := w.scene("permit")
	again.shownAt = again.shownAt.Add(-time.Second)
	if other := w.check(t, again); other.Presentation == v.Presentation || other.BodyHash != v.BodyHash {
		t.Error("two presentations of one record cannot be told apart")
	}
	if v := trust.Check("https://example.com/", w.View(), s.policy, s.moment); v != (trust.Verdict{Reason: trust.Foreign}) {
		t.Errorf("a foreign code leaves %+v", v)
	}
}

// TestAnyText holds the promise on hostile input: a verdict, whatever comes.
func TestAnyText(t *testing.T) {
	w := newWorld(t)
	good := w.text(t, w.scene("permit"))
	v, s := w.View(), w.scene("permit")
	for i := range good {
		for _, text := range []string{good[:i], good[i:], good[:i] + "9" + good[i+1:], good[:i] + "\x00" + good[i+1:]} {
			if got := trust.Check(text, v, s.policy, s.moment); got.Accept && text != good {
				t.Fatalf("character %d: %s", i, got.Reason)
			}
		}
	}
	newer := good[:strings.IndexByte(good, '#')+1] + code.EncodeDigits(append([]byte{0xC3}, make([]byte, 90)...))
	if got := trust.Check(newer, v, s.policy, s.moment); got != (trust.Verdict{Reason: trust.Unsupported}) {
		t.Errorf("a newer code: %+v", got)
	}
}
