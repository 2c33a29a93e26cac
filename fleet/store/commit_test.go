package store_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"citygate/fleet/store"
	"citygate/sync/wire"
)

// However batches are cut, repeated, reordered and spread over workers, every
// number is stored once, under the device's own chain.
func TestCommitExactlyOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, err := store.Open(database(t), store.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		d := newDevice("k-1", 7)
		if err := s.AddDevice(context.Background(), d.row()); err != nil {
			rt.Fatal(err)
		}
		d.append(t, wire.Event{Type: wire.TypeStart})
		d.scans(t, rapid.IntRange(1, 60).Draw(rt, "events"))
		workers := rapid.IntRange(1, 4).Draw(rt, "workers")
		plans := make([][]store.Batch, workers)
		for w := range plans {
			plans[w] = randomCuts(rt, t, d)
		}
		var wg sync.WaitGroup
		for _, plan := range plans {
			wg.Go(func() { deliver(t, s, plan) })
		}
		wg.Wait()
		checkStored(rt, s, d)
	})
}

// randomCuts cuts all events into batches, repeats some, and shuffles them.
func randomCuts(rt *rapid.T, t *testing.T, d *device) []store.Batch {
	var out []store.Batch
	for first := uint64(1); first <= d.last(); {
		last := min(d.last(), first+uint64(rapid.IntRange(0, 9).Draw(rt, "size")))
		out = append(out, d.batch(t, first, last))
		if rapid.Bool().Draw(rt, "twice") {
			from := uint64(rapid.IntRange(1, int(last)).Draw(rt, "from"))
			out = append(out, d.batch(t, from, last))
		}
		first = last + 1
	}
	return rapid.Permutation(out).Draw(rt, "order")
}

// deliver does what a worker does: what is ahead is tried again.
func deliver(t *testing.T, s *store.Store, plan []store.Batch) {
	for len(plan) > 0 {
		results, err := s.Commit(context.Background(), plan[:min(3, len(plan))])
		if err != nil {
			t.Error(err)
			return
		}
		var again []store.Batch
		for i, r := range results {
			switch r.Outcome {
			case store.Ahead:
				again = append(again, plan[i])
			case store.Forked, store.Stranger:
				t.Errorf("outcome %d", r.Outcome)
			}
		}
		plan = append(plan[len(results):], again...)
	}
}

func checkStored(rt *rapid.T, s *store.Store, d *device) {
	n, err := s.Audit(context.Background(), "")
	if err != nil || n != d.last() {
		rt.Fatalf("audit: %d numbers, want %d: %v", n, d.last(), err)
	}
	var raw [][]byte
	err = s.Events(context.Background(), store.EventsQuery{Device: d.name}, func(r store.Record) error {
		raw = append(raw, r.Raw)
		return nil
	})
	if err != nil || !slices.EqualFunc(raw, d.events, slices.Equal) {
		rt.Fatalf("stored events differ: %v", err)
	}
	g, err := s.Gateway(context.Background(), d.name)
	if err != nil || len(g.Open) != 0 {
		rt.Fatalf("findings %v, %v", g.Open, err)
	}
	counts, err := s.Counts(context.Background(), "", epochStart.Add(-store.Slot), epochStart.Add(100*store.Slot))
	var scans int64
	for _, c := range counts {
		scans += c.N
	}
	if err != nil || scans != int64(d.last())-1 {
		rt.Fatalf("counted %d scans, want %d: %v", scans, d.last()-1, err)
	}
}

func TestOutcomes(t *testing.T) {
	s := open(t)
	d := newDevice("k-1", 7)
	enrol(t, s, d)
	d.scans(t, 20)
	other := newDevice("k-1", 7)
	other.append(t, wire.Event{Type: wire.TypeScan, Verdict: "revoked"})
	other.scans(t, 30)

	r := commit(t, s, d.batch(t, 5, 8), d.batch(t, 1, 4), d.batch(t, 3, 10), d.batch(t, 2, 9))
	want := []store.Outcome{store.Ahead, store.Committed, store.Committed, store.Repeated}
	for i := range want {
		if r[i].Outcome != want[i] {
			t.Errorf("batch %d: outcome %d, want %d", i, r[i].Outcome, want[i])
		}
	}
	if r[0].NeedFirst != 1 || r[0].NeedLast != 4 || r[2].New != 6 || r[3].Mark != 10 || r[3].Chain != store.Chain(d.chains[10]) {
		t.Errorf("results %+v", r)
	}
	if r := commit(t, s, newDevice("k-2", 1).withScans(t, 1).batch(t, 1, 1)); r[0].Outcome != store.Stranger {
		t.Errorf("a device that is not enrolled: %+v", r)
	}
	// A second chain: wholly below the mark, across it, and right after it.
	for _, b := range []store.Batch{other.batch(t, 1, 4), other.batch(t, 4, 15), other.batch(t, 11, 15)} {
		if r := commit(t, s, b); r[0].Outcome != store.Forked || r[0].Mark != 10 {
			t.Errorf("another chain from %d: %+v", b.First(), r)
		}
	}
	if got := kinds(t, s, "k-1"); !slices.Equal(got, []string{"fork 10-10", "fork 3-3", "fork 1-1"}) {
		t.Errorf("findings %q", got)
	}
	if r := commit(t, s, d.batch(t, 11, 20)); r[0].Outcome != store.Committed {
		t.Errorf("the true chain goes on: %+v", r)
	}
}

func (d *device) withScans(tb testing.TB, n int) *device {
	d.scans(tb, n)
	return d
}

func TestPoisonIsKept(t *testing.T) {
	s := open(t)
	d := newDevice("k-1", 7)
	enrol(t, s, d)
	d.scans(t, 3)
	d.appendRaw([]byte("\xa0 not an event"))
	d.appendRaw(d.events[0]) // an event, but not of this place
	d.scans(t, 2)
	if r := commit(t, s, d.batch(t, 1, 7)); r[0].Outcome != store.Committed || r[0].Mark != 7 {
		t.Fatalf("%+v", r)
	}
	if got := kinds(t, s, "k-1"); !slices.Equal(got, []string{"poison 5-5", "poison 4-4"}) {
		t.Errorf("findings %q", got)
	}
	var poison int
	err := s.Events(t.Context(), store.EventsQuery{Device: "k-1"}, func(r store.Record) error {
		if r.Kind == store.ItemPoison {
			poison++
			if !slices.Equal(r.Raw, d.events[r.First-1]) {
				t.Errorf("number %d: bytes differ", r.First)
			}
		}
		return nil
	})
	if err != nil || poison != 2 {
		t.Errorf("%d poisonous items, %v", poison, err)
	}
}

func TestEvictedRanges(t *testing.T) {
	s := open(t)
	d := newDevice("k-1", 7)
	enrol(t, s, d)
	d.scans(t, 40)
	commit(t, s, d.batch(t, 1, 10))
	// The range grew over numbers that are stored: only the rest is new.
	if r := commit(t, s, d.evict(t, 1, 20)); r[0].Outcome != store.Committed || r[0].New != 10 {
		t.Fatalf("%+v", r)
	}
	// Sent before the eviction, delivered after it: nothing changes.
	if r := commit(t, s, d.batch(t, 12, 15), d.batch(t, 16, 25)); r[0].Outcome != store.Repeated || r[1].Outcome != store.Committed {
		t.Fatalf("%+v", r)
	}
	if got := kinds(t, s, "k-1"); !slices.Equal(got, []string{"evicted 11-20"}) {
		t.Errorf("findings %q", got)
	}
	var numbers []uint64
	err := s.Events(t.Context(), store.EventsQuery{Device: "k-1", Epoch: 7, Newest: true, Limit: 7}, func(r store.Record) error {
		numbers = append(numbers, r.First)
		if r.Kind == store.ItemEvicted && (r.Evicted == nil || r.Evicted.Counts["scan/valid"] != 20) {
			t.Errorf("evicted range %+v", r.Evicted)
		}
		return nil
	})
	if err != nil || !slices.Equal(numbers, []uint64{25, 24, 23, 22, 21, 11, 10}) {
		t.Errorf("newest %v, %v", numbers, err)
	}
}

// A database that was put back to an older state goes on with what the gateway
// still has, and says what is lost.
func TestDatabasePutBack(t *testing.T) {
	s := open(t)
	d := newDevice("k-1", 7)
	enrol(t, s, d)
	d.scans(t, 40)
	commit(t, s, d.batch(t, 1, 10)) // all that the old copy holds; 30 were acknowledged and deleted
	if r := commit(t, s, d.batch(t, 31, 40)); r[0].Outcome != store.Ahead || r[0].NeedFirst != 11 || r[0].NeedLast != 30 {
		t.Fatalf("%+v", r)
	}
	gone := wire.Batch{Device: "k-1", Epoch: 7, First: 1, Prev: d.chains[0], Items: []wire.Item{
		{Evicted: &wire.Evicted{First: 1, Last: 30, Chain: d.chains[30], Counts: map[string]uint64{"acknowledged": 30}}},
		{Event: d.events[30]}}}
	b, err := store.FromWire(gone, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := commit(t, s, b, d.batch(t, 32, 40)); r[0].New != 21 || r[1].Mark != 40 {
		t.Fatalf("%+v", r)
	}
	if got := kinds(t, s, "k-1"); !slices.Equal(got, []string{"lost 11-30"}) {
		t.Errorf("findings %q", got)
	}
}
