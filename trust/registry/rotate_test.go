package registry_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/code"
	"citygate/trust/registry"
)

// rotate takes the city from key row 3 to key row 4.
func (w *world) rotate(national, city *registry.Registry) {
	t := w.t
	t.Helper()
	e, err := registry.Rotate(w.path("sjz"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := registry.Rotate(w.path("sjz")); err != nil || !bytes.Equal(again.IssuerKey, e.IssuerKey) {
		t.Errorf("asking again made another key: %v", err)
	}
	if x := issue(t, city, lamp(1)); x[0].Code.Key != 3 {
		t.Errorf("before acceptance: key row %d", x[0].Code.Key)
	}
	a, err := national.Allocate(t.Context(), e)
	if err != nil || a.Registry != 2 || a.Key != 4 {
		t.Fatalf("allocation %+v, %v", a, err)
	}
	for range 2 { // accepting again changes nothing
		if err := registry.Accept(w.path("sjz"), a); err != nil {
			t.Fatal(err)
		}
	}
}

// A city changes its issuer key. Plates printed under the old key stay valid, what the old key signs from then on does not, and a registry
// that is open meanwhile goes over to the new key by itself.
func TestRotate(t *testing.T) {
	w := newWorld(t)
	national, city := w.enrolled()
	issue(t, city, lamp(0), registry.Request{Identifier: "MA.156.1301.02/PASS.1", Personal: true, Kind: code.KindCredential})
	old, err := os.ReadFile(registry.IssuerKeyFile(w.path("sjz")))
	if err != nil {
		t.Fatal(err)
	}

	w.rotate(national, city)
	if now, err := os.ReadFile(registry.IssuerKeyFile(w.path("sjz"))); err != nil || bytes.Equal(now, old) {
		t.Errorf("the issuer key is the old one: %v", err)
	}
	s, err := city.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := national.Withdraw(t.Context(), 3, s.To); err != nil {
			t.Fatal(err)
		}
	}
	if err := national.Withdraw(t.Context(), 3, s.To+1000); err == nil {
		t.Error("a withdrawn row was lengthened")
	}
	if err := city.Withdraw(t.Context(), 3, 0); err == nil {
		t.Error("a city withdrew a row")
	}
	issue(t, city, lamp(2))
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*registry.Registry{national, city} {
		if heads, err := r.Publish(t.Context()); err != nil || r == national && heads[0].Size != 6 {
			t.Fatalf("published %+v, %v", heads, err)
		}
	}
	w.afterRotation(city)
}

// afterRotation looks at what gateways say of codes under both keys.
func (w *world) afterRotation(city *registry.Registry) {
	t := w.t
	t.Helper()
	view := w.gateway("cn", "sjz").View()
	for _, c := range []struct {
		request string
		key     uint32
	}{{lamp(0).Identifier, 3}, {lamp(1).Identifier, 3}, {"MA.156.1301.02/PASS.1", 4}, {lamp(2).Identifier, 4}} {
		i, err := city.Answer(t.Context(), c.request)
		if err != nil || i.Code.Key != c.key {
			t.Fatalf("%s: key row %d, want %d: %v", c.request, i.Code.Key, c.key, err)
		}
		moment := trust.Moment{Now: time.Now(), Synced: true}
		if v := trust.Check(i.Text, view, trust.DefaultPolicy(), moment); v.Reason != trust.Valid {
			t.Errorf("%s: %s", c.request, v.Reason)
		}
		if c.request == lamp(2).Identifier { // the old key row claims a record from after its end
			i.Code.Key = 3
			text, err := code.Text("ID.SJZ.EXAMPLE", i.Code)
			if err != nil {
				t.Fatal(err)
			}
			if v := trust.Check(text, view, trust.DefaultPolicy(), moment); v.Reason != trust.UnknownIssuer {
				t.Errorf("old key, new record: %s", v.Reason)
			}
		}
	}
}
