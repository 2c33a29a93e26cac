package trust_test

import (
	"testing"

	"citygate/trust"
)

// FuzzCheck gives Check any text: the reason is one of the list, and whatever
// is accepted names something.
func FuzzCheck(f *testing.F) {
	w := newWorld(f)
	for _, record := range []string{"lamp", "permit", "open", "city", "all wrong"} {
		f.Add(w.text(f, w.scene(record)))
	}
	v, s := w.View(), w.scene("permit")
	known := map[trust.Reason]bool{}
	for _, r := range trust.Reasons() {
		known[r] = true
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := trust.Check(text, v, s.policy, s.moment)
		if !known[got.Reason] || got.Accept != (got.Reason.Class() == trust.Accepted) {
			t.Fatalf("%+v", got)
		}
		if got.Accept && (got.ID.IsZero() || got.Log == "") {
			t.Fatalf("accepted, but names nothing: %+v", got)
		}
	})
}
