package registry_test

import (
	"errors"
	"testing"

	"citygate/trust/ledger"
	"citygate/trust/registry"
)

// Nothing is confused where hashes are equal: requests get what they got, identifiers have one live record.
func TestEqualHashes(t *testing.T) {
	w := newWorld(t)
	_, city := w.enrolled()
	city.Collide()
	first := issue(t, city, lamps(0, 20)...)
	for i, again := range issue(t, city, lamps(0, 20)...) {
		if !again.Again || again.Index != first[i].Index || again.Text != first[i].Text {
			t.Errorf("request %d got another answer", i)
		}
	}
	renewed := lamp(7)
	renewed.ID = "renewal"
	if _, err := city.Issue(t.Context(), []registry.Request{renewed}); !errors.Is(err, registry.ErrAllocated) {
		t.Errorf("allocated twice: %v", err)
	}
	if err := city.SetStatus(t.Context(), 7, ledger.Revoked); err != nil {
		t.Fatal(err)
	}
	if i := issue(t, city, renewed)[0]; i.Index != 20 || i.Again {
		t.Errorf("renewed at %d", i.Index)
	}
	for request, want := range map[string]uint64{"renewal": 20, lamp(7).Identifier: 7, lamp(0).Identifier: 0} {
		if i, err := city.Answer(t.Context(), request); err != nil || i.Index != want {
			t.Errorf("request %s: index %d, %v", request, i.Index, err)
		}
	}
	if i, err := city.Find(t.Context(), first[7].ID); err != nil || i.Index != 20 {
		t.Errorf("the newest record is %d, %v", i.Index, err)
	}
	if i, err := city.Find(t.Context(), first[8].ID); err != nil || i.Index != 8 {
		t.Errorf("found %d, %v", i.Index, err)
	}
}
