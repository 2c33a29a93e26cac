package registry_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/ledger"
	"citygate/trust/registry"
)

// bureau makes the registry of a bureau of the city, which nobody has allocated yet, and gives the root policy that names the directory.
func (w *world) bureau() (registry.Enrolment, ledger.RootPolicy) {
	w.t.Helper()
	c := w.city()
	c.Prefix, c.Short, c.Origin, c.Hosts = "MA.156.1301.01", "sjz01", "01.sjz.example", []string{"ID.01.SJZ.EXAMPLE"}
	w.create("sjz01", c)
	e, err := registry.Enrol(w.path("sjz01"))
	if err != nil {
		w.t.Fatal(err)
	}
	return e, w.root()
}

// root reads the published root policy.
func (w *world) root() ledger.RootPolicy {
	w.t.Helper()
	return w.directory(4).Root()
}

// A bureau below a city issues: the city signs its rows, the directory only logs them.
func TestAllocationBelowACity(t *testing.T) {
	w := newWorld(t)
	national, _ := w.enrolled()
	e, root := w.bureau()
	if _, err := national.Allocate(t.Context(), e); !errors.Is(err, registry.ErrSignAgain) {
		t.Errorf("the directory allocated below a city by itself: %v", err)
	}
	early, err := registry.SignAllocation(w.path("sjz"), e, root, 5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := national.AllocateBelow(t.Context(), early); !errors.Is(err, registry.ErrSignAgain) {
		t.Errorf("rows for another place: %v", err)
	}
	signed, err := registry.SignAllocation(w.path("sjz"), e, root, 4)
	if err != nil {
		t.Fatal(err)
	}
	if signed, err = registry.ParseSignedAllocation(signed.Marshal()); err != nil {
		t.Fatal(err)
	}
	w.refusedBelow(national, signed)
	a, err := national.AllocateBelow(t.Context(), signed)
	if err != nil || a.Registry != 4 || a.Key != 5 {
		t.Fatalf("allocation %+v, %v", a, err)
	}
	if again, err := national.AllocateBelow(t.Context(), signed); err != nil || again.Key != a.Key || again.Registry != a.Registry {
		t.Errorf("again: %+v, %v", again, err)
	}
	if err := registry.Accept(w.path("sjz01"), a); err != nil {
		t.Fatal(err)
	}
	bureau, _ := w.open("sjz01", options())
	if _, err := bureau.Issue(t.Context(), []registry.Request{{Identifier: "MA.156.1301.02/LAMP.1"}}); err == nil {
		t.Error("a bureau issued below another")
	}
	issue(t, bureau, lamp(1))
	if _, err := bureau.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.below(national, bureau, trust.Valid)
	w.withdrawnBelow(national, bureau, root)
}

// refusedBelow tries what nobody but the city may sign.
func (w *world) refusedBelow(national *registry.Registry, signed registry.SignedAllocation) {
	t := w.t
	t.Helper()
	for what, change := range map[string]func(*registry.SignedAllocation){
		"no signature": func(s *registry.SignedAllocation) { s.Rows[0].Signatures = nil },
		"the bureau's own allocation key": func(s *registry.SignedAllocation) {
			s.Rows[0].Signatures = nil
			if err := s.Rows[0].SignWith(w.path("sjz01/keys/allocation.skey")); err != nil {
				t.Fatal(err)
			}
		},
		"the institutes": func(s *registry.SignedAllocation) {
			s.Rows[0].Signatures = nil
			for _, key := range []string{"directory-1", "directory-2"} {
				if err := s.Rows[0].SignWith(w.path("cn/keys/" + key + ".skey")); err != nil {
					t.Fatal(err)
				}
			}
		},
		"a name that the city did not sign": func(s *registry.SignedAllocation) { s.Enrolment.Names = map[string]string{"en": "Other"} },
	} {
		bad, err := registry.ParseSignedAllocation(signed.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		change(&bad)
		if a, err := national.AllocateBelow(t.Context(), bad); err == nil {
			t.Errorf("%s: allocated %+v", what, a)
		}
	}
	e, root := signed.Enrolment, w.root()
	for what, dir := range map[string]string{"the country": "cn", "the bureau itself": "sjz01"} {
		if _, err := registry.SignAllocation(w.path(dir), e, root, 4); err == nil {
			t.Errorf("%s signed what the city allocates", what)
		}
	}
	e.Prefix = "MA.156.1302.01"
	if _, err := registry.SignAllocation(w.path("sjz"), e, root, 4); err == nil {
		t.Error("the city signed a prefix outside its own")
	}
	e.Prefix = signed.Enrolment.Prefix
	e.Proofs = slices.Clone(e.Proofs)
	e.Proofs[0] = make([]byte, 64)
	if _, err := registry.SignAllocation(w.path("sjz"), e, root, 4); err == nil {
		t.Error("the city signed for a sender who does not hold the keys")
	}
}

// below publishes everything and looks at the bureau's lamp.
func (w *world) below(national, bureau *registry.Registry, want trust.Reason) {
	t := w.t
	t.Helper()
	for _, r := range []*registry.Registry{national, bureau} {
		if _, err := r.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	i, err := bureau.Answer(t.Context(), lamp(1).Identifier)
	if err != nil {
		t.Fatal(err)
	}
	view := w.gateway("cn", "sjz", "sjz01").View()
	if v := trust.Check(i.Text, view, trust.DefaultPolicy(), trust.Moment{Now: time.Now(), Synced: true}); v.Reason != want {
		t.Errorf("the bureau's lamp: %s, want %s", v.Reason, want)
	}
}

// withdrawnBelow ends the bureau's key row: the city signs that too.
func (w *world) withdrawnBelow(national, bureau *registry.Registry, root ledger.RootPolicy) {
	t := w.t
	t.Helper()
	if err := national.Withdraw(t.Context(), 5, 0); err == nil {
		t.Error("the institutes withdrew what the city allocated")
	}
	p, err := registry.SignWithdrawal(w.path("sjz"), ledger.Withdrawal{Key: 5}, root, 6)
	if err != nil {
		t.Fatal(err)
	}
	if i, err := national.Enter(t.Context(), p); err != nil || i != 6 {
		t.Fatalf("entered at %d, %v", i, err)
	}
	w.below(national, bureau, trust.UnknownIssuer)
}
