package trust_test

import (
	"bytes"
	"strings"
	"testing"

	"citygate/trust"
	"citygate/trust/code"
)

// flip returns the text with one bit of the code's bytes changed.
func flip(t testing.TB, text string, at, bit int) (string, bool) {
	t.Helper()
	url, digits, _ := strings.Cut(text, "#")
	b, err := code.DecodeDigits(digits)
	if err != nil {
		t.Fatal(err)
	}
	if at >= len(b) {
		return "", false
	}
	b[at] ^= 1 << bit
	return url + "#" + code.EncodeDigits(b), true
}

// TestEveryBit changes each bit of codes of every form: none is accepted any
// more. The path of a code in the open tile is not looked at, so such a code
// is shown in its fresh form.
func TestEveryBit(t *testing.T) {
	w := newWorld(t)
	v := w.View()
	for name, change := range map[string]func(*scene){
		"lamp":     func(*scene) {},
		"ending":   func(s *scene) { s.record = "ending lamp" },
		"unsigned": func(s *scene) { s.unsigned = true },
		"permit":   func(s *scene) { s.record, s.shown, s.nonce = "permit", true, []byte("nonce-01") },
		"open":     func(s *scene) { s.record, s.fresh = "open", true },
	} {
		s := w.scene("lamp")
		change(&s)
		s.moment.Nonce = s.nonce
		good := w.text(t, s)
		if got := trust.Check(good, v, s.policy, s.moment); got.Reason != trust.Valid {
			t.Fatalf("%s: %s", name, got.Reason)
		}
		for at, more := 0, true; more; at++ {
			for bit := range 8 {
				var bad string
				if bad, more = flip(t, good, at, bit); !more {
					break
				}
				if got := trust.Check(bad, v, s.policy, s.moment); got.Accept {
					t.Fatalf("%s: octet %d, bit %d: %s", name, at, bit, got.Reason)
				}
			}
		}
	}
}

// TestStolenIssuerKey: the thief signs what he likes, but has no place in the
// ledger.
func TestStolenIssuerKey(t *testing.T) {
	w := newWorld(t)
	body, err := code.EncodeBody(false, lamp("LAMP.666666"))
	if err != nil {
		t.Fatal(err)
	}
	view := w.View()
	for at := range w.sjz.Records.Size() {
		w.record["minted"] = record{at, body}
		for _, fresh := range []bool{false, true} {
			s := w.scene("minted")
			s.fresh = fresh
			want := trust.NotInLedger
			if fresh && at < 256 {
				want = trust.Pending
			}
			v := trust.Check(w.text(t, s), view, s.policy, s.moment)
			if v.Reason != want || v.Alarm != (want == trust.NotInLedger) {
				t.Fatalf("at %d, fresh %v: %s, alarm %v", at, fresh, v.Reason, v.Alarm)
			}
			if at%64 != 0 {
				break // the sealed form everywhere, the fresh form here and there
			}
		}
	}
}

// TestStolenLogKey: the thief adds records to the log, but cannot sign them.
// Only street assets are taken without a signature, and those are public.
func TestStolenLogKey(t *testing.T) {
	w := newWorld(t)
	for kind, want := range map[uint64]trust.Reason{
		code.KindStreetAsset: trust.Valid, code.KindBuilding: trust.BadSignature,
		code.KindPermit: trust.BadSignature, code.KindUnspecified: trust.BadSignature, 99: trust.BadSignature,
	} {
		c := lamp("LAMP.666666")
		c.Kind = kind
		w.add(t, w.sjz, "smuggled", false, c)
		s := w.scene("smuggled")
		s.fresh, s.unsigned = false, true
		if v := w.check(t, s); v.Reason != want {
			t.Errorf("kind %d: %s, want %s", kind, v.Reason, want)
		}
	}
}

// TestTwoHistories: a city seals a record in a history that it shows to others.
func TestTwoHistories(t *testing.T) {
	w := newWorld(t)
	honest := w.View()
	s := w.scene("lamp")
	other := newWorld(t)
	other.sjz.Records.Fill(1)
	c := lamp("LAMP.000777")
	other.add(t, other.sjz, "secret", false, c)
	other.sjz.Records.Pad()
	text := other.text(t, other.scene("secret"))
	if got := trust.Check(text, other.View(), s.policy, s.moment); got.Reason != trust.Valid {
		t.Fatalf("in its own history: %s", got.Reason)
	}
	if got := trust.Check(text, honest, s.policy, s.moment); got.Accept {
		t.Errorf("in the other history: %s", got.Reason)
	}
	w.sjz.Records.Fill(300)
	if got := trust.Check(text, w.View(), s.policy, s.moment); got.Reason != trust.NotInLedger || !got.Alarm {
		t.Errorf("in the other history, grown: %s, alarm %v", got.Reason, got.Alarm)
	}
}

// TestMixAndMatch joins parts of good codes that do not belong together.
func TestMixAndMatch(t *testing.T) {
	w := newWorld(t)
	a, b := w.scene("lamp"), w.scene("building")
	v := w.View()
	parse := func(s scene) code.Code {
		p, err := code.ParseText(w.text(t, s))
		if err != nil {
			t.Fatal(err)
		}
		return p.Code
	}
	for mask := range 32 {
		from := [2]code.Code{parse(a), parse(b)}
		pick := func(bit int) code.Code { return from[mask>>bit&1] }
		c := code.Code{Key: pick(0).Key, Body: pick(1).Body, Index: pick(2).Index, Path: pick(3).Path, Sig: pick(4).Sig}
		text, err := code.Text(host, c)
		if err != nil {
			t.Fatal(err)
		}
		whole := c.Equal(from[0]) || c.Equal(from[1])
		if got := trust.Check(text, v, a.policy, a.moment); got.Accept != whole {
			t.Errorf("mix %05b: %s", mask, got.Reason)
		}
	}
}

// TestReplayedElsewhere: a presentation keeps its name whatever is done to the
// text around it, and taking the code out of it gives nothing.
func TestReplayedElsewhere(t *testing.T) {
	w := newWorld(t)
	s := w.scene("permit")
	first := w.check(t, s)
	s.old, s.new = host, "OTHER.EXAMPLE"
	if again := w.check(t, s); again.Reason != trust.Valid || again.Presentation != first.Presentation {
		t.Error("another host makes another presentation")
	}
	p, err := code.ParseText(w.text(t, w.scene("permit")))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := code.Text(host, p.Code)
	if err != nil {
		t.Fatal(err)
	}
	if got := trust.Check(bare, w.View(), s.policy, s.moment); got.Reason != trust.StalePresentation || got.Presented {
		t.Errorf("taken out of its C2: %+v", got)
	}
}

// TestHostileCBOR wraps bodies and codes in what bombs are made of. All are
// refused as malformed, quickly and without much memory.
func TestHostileCBOR(t *testing.T) {
	w := newWorld(t)
	v, s := w.View(), w.scene("lamp")
	for name, b := range map[string][]byte{
		"deep arrays":       append([]byte{code.Version1}, bytes.Repeat([]byte{0x81}, 500)...),
		"deep maps":         append([]byte{code.Version1}, bytes.Repeat([]byte{0xa1, 0x01}, 250)...),
		"deep tags":         append([]byte{code.Version1}, bytes.Repeat([]byte{0xc1}, 500)...),
		"indefinite arrays": append([]byte{code.Version1}, bytes.Repeat([]byte{0x9f}, 500)...),
		"huge array":        append([]byte{code.Version1, 0x9b}, bytes.Repeat([]byte{0xff}, 500)...),
		"huge body":         append([]byte{code.Version1, 0x85, 0x01, 0x5b}, bytes.Repeat([]byte{0x7f}, 500)...),
		"C2 in C2":          append([]byte{code.Version2, 0x83, 0x59, 0x01, 0xf0}, bytes.Repeat([]byte{code.Version2}, 496)...),
	} {
		text := "HTTPS://" + host + "/156#" + code.EncodeDigits(b)
		allocs := testing.AllocsPerRun(10, func() {
			if got := trust.Check(text, v, s.policy, s.moment); got != (trust.Verdict{Reason: trust.Malformed}) {
				t.Errorf("%s: %+v", name, got)
			}
		})
		if allocs > 10 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

// TestBudget holds the number of allocations of a verdict.
func TestBudget(t *testing.T) {
	w := newWorld(t)
	s := w.scene("lamp")
	s.unsigned = true
	v, text := w.View(), w.text(t, s)
	allocs := testing.AllocsPerRun(100, func() { trust.Check(text, v, s.policy, s.moment) })
	if allocs > 8 {
		t.Errorf("%v allocations for a sealed code, at most 8", allocs)
	}
}
