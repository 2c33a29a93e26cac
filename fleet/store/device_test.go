package store_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

// device is a gateway's outbox without the outbox: it numbers and chains events.
type device struct {
	name   string
	key    ed25519.PrivateKey
	epoch  uint64
	events [][]byte
	chains []wire.Hash // chains[n] is the chain after number n
}

func newDevice(name string, epoch uint64) *device {
	seed := sha256.Sum256([]byte(name))
	return &device{name: name, key: ed25519.NewKeyFromSeed(seed[:]), epoch: epoch, chains: []wire.Hash{wire.Chain0(name, epoch)}}
}

func (d *device) row() fleet.Device {
	return fleet.Device{Name: d.name, Key: d.key.Public().(ed25519.PublicKey), Place: "MA.156.1301"}
}

func (d *device) append(tb testing.TB, e wire.Event) {
	e.Seq = uint64(len(d.events)) + 1
	e.ClockQ = wire.ClockSynced
	if e.At == 0 {
		e.At = epochStart.Add(time.Duration(e.Seq) * time.Second).UnixMicro()
	}
	raw, err := e.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	d.appendRaw(raw)
}

func (d *device) appendRaw(raw []byte) {
	d.events = append(d.events, raw)
	d.chains = append(d.chains, wire.ChainNext(d.chains[len(d.chains)-1], raw))
}

func (d *device) scans(tb testing.TB, n int) {
	for range n {
		d.append(tb, wire.Event{Type: wire.TypeScan, Verdict: "valid", Log: "sjz-records", ScanUS: 9000, VerifyUS: 80,
			ID: fmt.Sprintf("MA.156.1301.01/LAMP.%06d", len(d.events))})
	}
}

// last is the highest number so far.
func (d *device) last() uint64 { return uint64(len(d.events)) }

func (d *device) wireBatch(first, last uint64) wire.Batch {
	b := wire.Batch{Device: d.name, Epoch: d.epoch, First: first, Prev: d.chains[first-1]}
	for n := first; n <= last; n++ {
		b.Items = append(b.Items, wire.Item{Event: d.events[n-1]})
	}
	b.Sign(d.key)
	return b
}

func (d *device) batch(tb testing.TB, first, last uint64) store.Batch {
	b, err := store.FromWire(d.wireBatch(first, last), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// evict replaces first to last by a range in one batch.
func (d *device) evict(tb testing.TB, first, last uint64) store.Batch {
	ev := &wire.Evicted{First: first, Last: last, Chain: d.chains[last], Counts: map[string]uint64{"scan/valid": last - first + 1}}
	b := wire.Batch{Device: d.name, Epoch: d.epoch, First: first, Prev: d.chains[first-1], Items: []wire.Item{{Evicted: ev}}}
	out, err := store.FromWire(b, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

var epochStart = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func open(tb testing.TB) *store.Store {
	tb.Helper()
	s, err := store.Open(database(tb), store.Options{Now: func() time.Time { return epochStart.Add(time.Hour) }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := s.Audit(context.Background(), ""); err != nil {
			tb.Errorf("the store contradicts itself: %v", err)
		}
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func enrol(tb testing.TB, s *store.Store, d *device) {
	tb.Helper()
	if err := s.AddDevice(tb.Context(), d.row()); err != nil {
		tb.Fatal(err)
	}
}

func commit(tb testing.TB, s *store.Store, batches ...store.Batch) []store.Result {
	tb.Helper()
	r, err := s.Commit(tb.Context(), batches)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// kinds lists the open findings of a device as "kind first-last".
func kinds(tb testing.TB, s *store.Store, name string) []string {
	tb.Helper()
	list, err := s.Findings(tb.Context(), store.FindingsQuery{Device: name})
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for _, f := range list {
		out = append(out, fmt.Sprintf("%s %d-%d", f.Kind, f.First, f.Last))
	}
	return out
}
