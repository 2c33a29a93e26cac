package registry_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"
	"time"

	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/registry"
)

func lamp(i int) registry.Request {
	return registry.Request{Identifier: fmt.Sprintf("MA.156.1301.01/LAMP.%06d", i), Kind: code.KindStreetAsset}
}

func lamps(from, to int) []registry.Request {
	var qs []registry.Request
	for i := from; i < to; i++ {
		qs = append(qs, lamp(i))
	}
	return qs
}

func issue(t testing.TB, r *registry.Registry, qs ...registry.Request) []registry.Issued {
	t.Helper()
	issued, err := r.Issue(t.Context(), qs)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestIssueIsFreshAtOnceAndSealedLater(t *testing.T) {
	w := newWorld(t)
	_, city := w.enrolled()
	issued := issue(t, city, lamps(0, 300)...)
	for i, x := range issued {
		wantSealed := i < 256
		if x.Index != uint64(i) || x.Again || x.Pending || x.Code.Sealed() != wantSealed {
			t.Fatalf("record %d: index %d, again %v, pending %v, sealed %v", i, x.Index, x.Again, x.Pending, x.Code.Sealed())
		}
		p, err := code.ParseText(x.Text)
		if err != nil || !p.PathMatches() || p.Host != "ID.SJZ.EXAMPLE" || p.ID().String() != lamp(i).Identifier {
			t.Fatalf("record %d: text %.60q: %v", i, x.Text, err)
		}
	}
	if _, err := city.Sealed(t.Context(), 299); err == nil {
		t.Error("an open batch gave a sealed code")
	}
	s, err := city.Seal(t.Context())
	if err != nil || s.From != 300 || s.To != 512 || s.Padding != 212 || s.Personal != 0 {
		t.Fatalf("seal: %+v, %v", s, err)
	}
	if s, err = city.Seal(t.Context()); err != nil || s.From != 512 || s.To != 512 {
		t.Fatalf("second seal: %+v, %v", s, err)
	}
	issuer, err := registry.LoadIssuerKey(registry.IssuerKeyFile(w.path("sjz")))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []uint64{0, 255, 256, 299} {
		c, err := city.Sealed(t.Context(), i)
		if err != nil || !c.Sealed() || !code.VerifySig(issuer.Public().(ed25519.PublicKey), code.AlgEd25519, c) {
			t.Fatalf("sealed code %d: %v", i, err)
		}
	}
	if _, err := city.Sealed(t.Context(), 300); err == nil {
		t.Error("padding gave a code")
	}
	if _, err := city.Sealed(t.Context(), 512); err == nil {
		t.Error("an index beyond the log gave a code")
	}
}

func TestIssueIsIdempotent(t *testing.T) {
	w := newWorld(t)
	_, city := w.enrolled()
	first := issue(t, city, lamps(0, 3)...)
	again := issue(t, city, lamps(0, 4)...)
	for i := range first {
		if !again[i].Again || again[i].Text != first[i].Text {
			t.Errorf("request %d was answered anew: %+v", i, again[i])
		}
	}
	if again[3].Again || again[3].Index != 3 {
		t.Errorf("new request: %+v", again[3])
	}
	other := lamp(1)
	other.Language = "en"
	if _, err := city.Issue(t.Context(), []registry.Request{other}); err == nil {
		t.Error("a request id was used for another record")
	}
	other.ID = "order 7"
	if _, err := city.Issue(t.Context(), []registry.Request{other}); !errors.Is(err, registry.ErrAllocated) {
		t.Errorf("a second live record of one identifier: %v", err)
	}
	twice := lamp(9)
	twice.ID = "order 8"
	if _, err := city.Issue(t.Context(), []registry.Request{lamp(9), twice}); !errors.Is(err, registry.ErrAllocated) {
		t.Errorf("two records of one identifier in one call: %v", err)
	}
	if x := issue(t, city, lamp(9)); x[0].Index != 4 {
		t.Errorf("a refused call left something behind: index %d", x[0].Index)
	}
	if err := city.SetStatus(t.Context(), 1, ledger.Revoked); err != nil {
		t.Fatal(err)
	}
	if x := issue(t, city, other); x[0].Index != 5 || x[0].Again {
		t.Errorf("renewal after revocation: %+v", x[0])
	}
	past := registry.Request{Identifier: "MA.156.1301.02/PASS.1", NotAfter: time.Unix(1000, 0)}
	issue(t, city, past)
	past.ID, past.NotAfter = "renewal", time.Time{}
	if x := issue(t, city, past); x[0].Again {
		t.Errorf("renewal after expiry: %+v", x[0])
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	national, city := w.enrolled()
	for _, c := range []struct {
		r *registry.Registry
		q registry.Request
	}{
		{city, registry.Request{Identifier: "MA.156.1302.01/LAMP.1"}},
		{city, registry.Request{Identifier: "MA.156.1301"}},
		{city, registry.Request{Identifier: "MA.156.1301.01/lamp.1"}},
		{city, registry.Request{Identifier: "not an identifier"}},
		{city, registry.Request{Identifier: "MA.156.1301.01/X", Holder: []byte{1}}},
		{city, registry.Request{Identifier: "MA.156.1301.01/X", Places: []string{"nowhere"}}},
		{city, registry.Request{Identifier: "MA.156.1301.01/X", Language: "not a language"}},
		{city, registry.Request{Identifier: "MA.156.1301.01/X", NotAfter: time.Unix(-5, 0)}},
		{city, registry.Request{Identifier: "MA.156.1301.01/X", ID: string(make([]byte, 300))}},
		{national, registry.Request{Identifier: "MA.156.1301.01"}},
	} {
		if x, err := c.r.Issue(t.Context(), []registry.Request{lamp(1), c.q}[1:]); err == nil {
			t.Errorf("issued %+v", x)
		}
	}
	if x := issue(t, national, registry.Request{Identifier: "MA.156.1301", Kind: code.KindOrganisation}); x[0].Index != 0 {
		t.Errorf("the city's own identifier: %+v", x[0])
	}
}

func TestNotEnrolled(t *testing.T) {
	w := newWorld(t)
	w.create("sjz", w.city())
	city, _ := w.open("sjz", options())
	if _, err := city.Issue(t.Context(), lamps(0, 1)); !errors.Is(err, registry.ErrNotEnrolled) {
		t.Errorf("issued without a key row: %v", err)
	}
}

func TestPersonalRecordsWaitAndAreShuffled(t *testing.T) {
	w := newWorld(t)
	_, city := w.enrolled()
	var qs []registry.Request
	for i := range 40 {
		qs = append(qs, registry.Request{Identifier: fmt.Sprintf("MA.156.1301.02/PASS.%d", i), Personal: true, Kind: code.KindCredential})
	}
	first := issue(t, city, append(lamps(0, 5), qs[:20]...)...)
	second := issue(t, city, qs[10:]...)
	if !first[10].Pending || first[10].Text != "" || first[0].Pending {
		t.Fatalf("a personal record had a code at once: %+v", first[10])
	}
	if !second[0].Again || !second[0].Pending || second[20].Again {
		t.Fatalf("pending again: %+v %+v", second[0], second[20])
	}
	s, err := city.Seal(t.Context())
	if err != nil || s.Personal != 40 || s.To != 256 {
		t.Fatalf("seal: %+v, %v", s, err)
	}
	inOrder, last := 0, uint64(0)
	for i, q := range qs {
		x, err := city.Answer(t.Context(), q.Identifier)
		if err != nil || x.Pending || !x.Code.Sealed() || !x.Code.Personal() {
			t.Fatalf("request %d after sealing: %+v, %v", i, x, err)
		}
		if p, err := code.ParseText(x.Text); err != nil || p.Path != "156.1301.02/P" {
			t.Fatalf("text %.50q: %v", x.Text, err)
		}
		if x.Index > last {
			inOrder++
		}
		last = x.Index
	}
	if inOrder > 35 {
		t.Errorf("%d of 40 personal records are in the order of issue", inOrder)
	}
	if s, err := city.Seal(t.Context()); err != nil || s.Personal != 0 || s.To != 256 {
		t.Errorf("second seal: %+v, %v", s, err)
	}
	if _, err := city.Answer(t.Context(), "unknown"); err == nil {
		t.Error("answered an unknown request")
	}
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	_, city := w.enrolled()
	issue(t, city, lamps(0, 4)...)
	for _, c := range []struct {
		index uint64
		set   ledger.Status
		ok    bool
		then  ledger.Status
	}{
		{0, ledger.Restored, true, ledger.Good},
		{0, ledger.Suspended, true, ledger.Suspended},
		{0, ledger.Suspended, true, ledger.Suspended},
		{0, ledger.Restored, true, ledger.Good},
		{0, ledger.Suspended, true, ledger.Suspended},
		{0, ledger.Revoked, true, ledger.Revoked},
		{0, ledger.Revoked, true, ledger.Revoked},
		{0, ledger.Restored, false, ledger.Revoked},
		{0, ledger.Suspended, false, ledger.Revoked},
		{1, ledger.Good, false, ledger.Good},
		{1, 9, false, ledger.Good},
		{4, ledger.Revoked, false, ledger.Good},
	} {
		err := city.SetStatus(t.Context(), c.index, c.set)
		now, err2 := city.Status(t.Context(), c.index)
		if (err == nil) != c.ok || err2 != nil || now != c.then {
			t.Errorf("set %d to %v: %v; then %v", c.index, c.set, err, now)
		}
	}
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := city.SetStatus(t.Context(), 200, ledger.Revoked); err == nil {
		t.Error("revoked padding")
	}
	heads, err := city.Await(t.Context())
	if err != nil || heads[0].Size != 256 || heads[1].Size != 4 {
		t.Errorf("published: %+v, %v; repeated calls must not add entries", heads, err)
	}
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	city, stop := w.open("sjz", options())
	issued := issue(t, city, lamps(0, 10)...)
	if err := city.SetStatus(t.Context(), 3, ledger.Suspended); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Open(t.Context(), w.path("sjz"), options()); err == nil {
		t.Fatal("one process opened a folder twice")
	}
	stop()
	city, _ = w.open("sjz", options())
	again := issue(t, city, lamps(0, 11)...)
	for i := range issued {
		if again[i].Text != issued[i].Text || !again[i].Again {
			t.Errorf("record %d changed", i)
		}
	}
	if s, err := city.Status(t.Context(), 3); err != nil || s != ledger.Suspended {
		t.Errorf("status %v, %v", s, err)
	}
	if again[10].Index != 10 {
		t.Errorf("next index %d", again[10].Index)
	}
}
