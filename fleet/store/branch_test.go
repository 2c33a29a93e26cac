package store_test

import (
	"errors"
	"slices"
	"testing"

	"citygate/fleet/store"
	"citygate/sync/wire"
)

// parted returns two chains of one epoch that are the same up to a number.
func parted(tb testing.TB, same, first, second int) (*device, *device) {
	a, b := newDevice("k-1", 7), newDevice("k-1", 7)
	a.scans(tb, same)
	b.scans(tb, same)
	a.scans(tb, first)
	b.append(tb, wire.Event{Type: wire.TypeScan, Verdict: "revoked"})
	b.scans(tb, second-1)
	return a, b
}

// evident is a batch with its message kept, as ingest hands it over.
func (d *device) evident(tb testing.TB, first, last uint64) store.Batch {
	m := d.wireBatch(first, last)
	raw, err := m.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	b, err := store.FromWire(m, raw)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func firstFork(tb testing.TB, s *store.Store) int64 {
	tb.Helper()
	list, err := s.Findings(tb.Context(), store.FindingsQuery{})
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range list {
		if f.Kind == "fork" {
			return f.ID
		}
	}
	tb.Fatal("no fork was found")
	return 0
}

// A fork holds a gateway until a person decides to keep both chains; then all of
// the second one is stored and acknowledged, however it is cut, and later epochs
// follow it. The first chain stays as it is and may go on.
func TestKeepBoth(t *testing.T) {
	for _, c := range []struct {
		name                string
		same, first, second int
		from                uint64 // where the gateway sends again from
	}{
		{"parts below the mark", 10, 30, 50, 6},
		{"parts at its first number", 0, 5, 40, 1},
		{"parts at the chain before a batch", 10, 20, 50, 12},
		{"ends below the mark", 10, 60, 20, 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			a, b := parted(t, c.same, c.first, c.second)
			enrol(t, s, a)
			commit(t, s, a.batch(t, 1, a.last()))
			send := func() (out []store.Result) {
				for first := c.from; first <= b.last(); first += 7 {
					out = append(out, commit(t, s, b.evident(t, first, min(first+6, b.last())))...)
				}
				return out
			}
			for _, r := range send() {
				if r.Outcome != store.Forked && r.Outcome != store.Ahead {
					t.Fatalf("without a decision: %+v", r)
				}
			}
			epoch, err := s.KeepBoth(t.Context(), firstFork(t, s), "the card was put back")
			if err != nil {
				t.Fatal(err)
			}
			if len(kinds(t, s, "k-1")) != 0 {
				t.Errorf("still open: %q", kinds(t, s, "k-1"))
			}
			out := send()
			if r := out[len(out)-1]; r.Mark != b.last() || r.Chain != b.chains[b.last()] {
				t.Errorf("the second chain ends at %+v", r)
			}
			for _, r := range send() {
				if r.Outcome != store.Repeated || r.Chain != b.chains[b.last()] {
					t.Errorf("sent again: %+v", r)
				}
			}
			a.scans(t, 5)
			if r := commit(t, s, a.batch(t, a.last()-4, a.last())); r[0].Outcome != store.Committed || r[0].Chain != a.chains[a.last()] {
				t.Errorf("the first chain goes on: %+v", r)
			}
			next := started(t, "k-1", 8, b.end(b.last()), 3)
			if r := commit(t, s, next.batch(t, 1, 4)); r[0].Outcome != store.Committed || len(kinds(t, s, "k-1")) != 0 {
				t.Errorf("the next epoch: %+v, findings %q", r, kinds(t, s, "k-1"))
			}
			checkBranch(t, s, epoch, b)
		})
	}
}

func checkBranch(t *testing.T, s *store.Store, epoch uint64, b *device) {
	t.Helper()
	var raw [][]byte
	var first uint64
	err := s.Events(t.Context(), store.EventsQuery{Device: "k-1", Epoch: epoch}, func(r store.Record) error {
		if first == 0 {
			first = r.First
		}
		raw = append(raw, r.Raw)
		return nil
	})
	if err != nil || first == 0 || !slices.EqualFunc(raw, b.events[first-1:], slices.Equal) {
		t.Errorf("the branch holds %d events from %d, %v", len(raw), first, err)
	}
}

// A decision is about one chain: a third one is a fork again, and is open again.
func TestThirdChain(t *testing.T) {
	s := open(t)
	a, b := parted(t, 10, 30, 30)
	enrol(t, s, a)
	commit(t, s, a.batch(t, 1, 40))
	commit(t, s, b.evident(t, 11, 20))
	id := firstFork(t, s)
	if _, err := s.KeepBoth(t.Context(), id, " "); err == nil {
		t.Error("decided without a reason")
	}
	if _, err := s.KeepBoth(t.Context(), id, "looked at it"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.KeepBoth(t.Context(), id, "again"); !errors.Is(err, store.ErrNotFork) {
		t.Errorf("decided twice: %v", err)
	}
	commit(t, s, b.evident(t, 11, 40))
	third := newDevice("k-1", 7).withScans(t, 10)
	third.append(t, wire.Event{Type: wire.TypeScan, Verdict: "expired"})
	third.scans(t, 20)
	for range 2 {
		for first := uint64(11); first < 30; first += 7 {
			if r := commit(t, s, third.evident(t, first, first+6)); r[0].Outcome != store.Forked {
				t.Errorf("a third chain: %+v", r)
			}
		}
	}
	if got := kinds(t, s, "k-1"); len(got) == 0 || got[len(got)-1] != "fork 11-11" {
		t.Errorf("findings %q", got)
	}
}
