package uplink_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"citygate/sync/outbox"
	"citygate/sync/uplink"
	"citygate/sync/wire"
)

// TestWeekWithoutNetwork: a week without a network, an event each second, and then all of it goes up while new events
// come. Nothing is lost or evicted: a week fits an outbox of the default size. The short form is the hundredth part.
func TestWeekWithoutNetwork(t *testing.T) {
	const week = 7 * 24 * 3600
	events := week / 100
	if *long {
		events = week
	}
	b := newBroker(t, nil)
	f := newFleet(t)
	var second atomic.Int64 // the gateway's clock: each event is one second later
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	o := outbox.Options{Now: func() time.Time { return begin.Add(time.Duration(second.Load()) * time.Second) }}
	g := startWith(t, "", o, uplink.Config{Brokers: []string{b.addr}, AckTimeout: 2 * time.Second})
	record := func(n int) {
		for n > 0 {
			group := min(n, 64)
			second.Add(int64(group))
			g.append(t, group)
			n -= group
		}
	}
	record(events)
	st := g.box.Stats(t.Context())
	if st.Depth != uint64(events+1) || st.Evicted != 0 {
		t.Fatalf("after the week: %+v", st)
	}
	if age := st.Oldest; age < time.Duration(events-64)*time.Second {
		t.Errorf("the oldest event waits for %v, it is of %d s ago", age, events)
	}
	b.answer(t, f) // the network is back
	begun := time.Now()
	more := events / 20
	record(more)
	f.waitFor(events+more+1, time.Duration(events)*time.Millisecond+20*time.Second)
	waitLong(t, func() bool { return g.box.Stats(context.Background()).Depth == 0 })
	took := time.Since(begun)
	if s := g.box.Stats(t.Context()); s.Evicted != 0 {
		t.Errorf("evicted %d", s.Evicted)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for seq := uint64(1); seq <= uint64(events+more+1); seq++ {
		if e, ok := f.events[outbox.Stamp{Epoch: g.box.Epoch(), Seq: seq}]; !ok || e.Seq != seq || seq > 1 && e.Type != wire.TypeScan {
			t.Fatalf("event %d is not there: %+v", seq, e)
		}
	}
	t.Logf("%d events of the time without a network and %d new ones in %v", events, more, took.Round(time.Millisecond))
}
