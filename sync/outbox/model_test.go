package outbox_test

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"citygate/sync/outbox"
	"citygate/sync/wire"
)

// model is what the outbox should be: for each epoch its chain, and what became of each number.
type model struct {
	order  []uint64
	epochs map[uint64]*modelEpoch
}

type modelEpoch struct {
	chains []wire.Hash // chain at each number
	bodies [][]byte    // encoding of each number's event, from 1
	prio   []uint8
	acked  uint64
}

// TestModel appends, acknowledges, restarts, fills up and reads back in any order, and compares the outbox with the
// model: nothing that waits disappears but into the counts of a range, alarms only when nothing else is left, and the
// chain of every epoch is the model's at every end of an item.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		m := &machine{path: filepath.Join(dir, "outbox.db"), model: model{epochs: map[uint64]*modelEpoch{}}}
		m.opts = outbox.Options{Device: device, MaxBytes: 256 << 10, Keep: rapid.SampledFrom([]int{-1, 3, 100}).Draw(rt, "keep")}
		m.open(rt)
		defer m.close(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"append":      m.append,
			"flood":       m.flood,
			"acknowledge": m.acknowledge,
			"forge":       m.forge,
			"restart":     func(rt *rapid.T) { m.close(rt); m.open(rt) },
			"again":       m.again,
			"":            m.check,
		})
	})
}

// machine runs an outbox beside its model.
type machine struct {
	model
	path   string
	opts   outbox.Options
	box    *outbox.Outbox
	cancel context.CancelFunc
	done   chan error
}

func (m *machine) open(t *rapid.T) {
	b, err := outbox.Open(m.path, m.opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.box, m.cancel, m.done = b, cancel, make(chan error, 1)
	go func() { m.done <- b.Run(ctx) }()
	m.order = append(m.order, b.Epoch())
	m.epochs[b.Epoch()] = &modelEpoch{chains: []wire.Hash{wire.Chain0(device, b.Epoch())}, bodies: [][]byte{nil}, prio: []uint8{0}}
	c, ok, err := b.Find(t.Context(), b.Epoch(), 1)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	batch, _, err := b.Next(t.Context(), c, 1)
	if err != nil || len(batch.Items) != 1 || batch.First != 1 {
		t.Fatalf("start event of the new epoch: %+v, %v", batch, err)
	}
	m.take(b.Epoch(), batch.Items[0].Event, wire.PrioAlarm)
}

func (m *machine) close(t *rapid.T) {
	m.cancel()
	if err := errors.Join(<-m.done, m.box.Close()); err != nil {
		t.Fatal(err)
	}
}

// take tells the model of one more event.
func (m *machine) take(epoch uint64, body []byte, prio uint8) {
	e := m.epochs[epoch]
	e.chains = append(e.chains, wire.ChainNext(e.chains[len(e.chains)-1], body))
	e.bodies, e.prio = append(e.bodies, body), append(e.prio, prio)
}

// store appends n equal events from as many goroutines and tells the model of them.
func (m *machine) store(t *rapid.T, n int, prio uint8, text string) {
	e := wire.Event{At: 1, ClockQ: wire.ClockSynced, Type: wire.TypeScan, Verdict: "valid", Prio: prio, Place: text}
	stamps := make([]outbox.Stamp, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { stamps[i], errs[i] = m.box.Append(context.Background(), e) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(stamps, func(a, b outbox.Stamp) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, s := range stamps {
		e.Seq = s.Seq
		body, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		m.take(s.Epoch, body, prio)
		if want := uint64(len(m.epochs[s.Epoch].chains) - 1); s.Seq != want {
			t.Fatalf("number %d was given, want %d", s.Seq, want)
		}
	}
}

func (m *machine) append(t *rapid.T) {
	m.store(t, 1, rapid.Uint8Range(0, wire.MaxPrio).Draw(t, "prio"), "one")
}

func (m *machine) flood(t *rapid.T) {
	prio := rapid.Uint8Range(0, wire.MaxPrio).Draw(t, "prio")
	text := fmt.Sprintf("%0*d", rapid.IntRange(1, 250).Draw(t, "size"), 0)
	m.store(t, rapid.IntRange(1, 400).Draw(t, "n"), prio, text)
}

func (m *machine) give(epoch, seq uint64, chain wire.Hash) error {
	a := wire.Ack{Epoch: epoch, Seq: seq, Chain: chain}
	a.Sign(fleetKey, device)
	v, err := a.Verify(fleetKey.Public().(ed25519.PublicKey), device)
	if err != nil {
		return err
	}
	return m.box.Acknowledge(context.Background(), v)
}

// acknowledge acknowledges up to the end of a random item.
func (m *machine) acknowledge(t *rapid.T) {
	all := m.read(t)
	if len(all) == 0 {
		t.Skip("nothing waits")
	}
	b := all[rapid.IntRange(0, len(all)-1).Draw(t, "batch")]
	b.Items = b.Items[:rapid.IntRange(1, len(b.Items)).Draw(t, "items")]
	if err := m.give(b.Epoch, b.Last(), b.Chain()); err != nil {
		t.Fatalf("acknowledgement of %d: %v", b.Last(), err)
	}
	m.epochs[b.Epoch].acked = b.Last()
}

func (m *machine) forge(t *rapid.T) {
	epoch := rapid.SampledFrom(m.order).Draw(t, "epoch")
	e := m.epochs[epoch]
	seq := e.acked + rapid.Uint64Range(0, uint64(len(e.chains))+5).Draw(t, "ahead")
	if err := m.give(epoch, seq, wire.Hash{1}); !errors.Is(err, outbox.ErrAck) {
		t.Fatalf("acknowledgement of %d with a wrong chain: %v", seq, err)
	}
}

// again reads from a random place, as the fleet may ask, and checks that what comes fits the model.
func (m *machine) again(t *rapid.T) {
	epoch := rapid.SampledFrom(m.order).Draw(t, "epoch")
	e := m.epochs[epoch]
	c, ok, err := m.box.Find(t.Context(), epoch, rapid.Uint64Range(1, uint64(len(e.chains))).Draw(t, "first"))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for range 5 {
		b, next, err := m.box.Next(t.Context(), c, wire.MaxItems)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Items) == 0 {
			return
		}
		m.fits(t, &b)
		c = next
	}
}

// read reads all that waits.
func (m *machine) read(t *rapid.T) []wire.Batch {
	c, err := m.box.Acked(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []wire.Batch
	for {
		b, next, err := m.box.Next(t.Context(), c, wire.MaxItems)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Items) == 0 {
			return all
		}
		all, c = append(all, b), next
	}
}

// fits compares a batch with the model.
func (m *machine) fits(t *rapid.T, b *wire.Batch) {
	e := m.epochs[b.Epoch]
	if e == nil || b.Prev != e.chains[b.First-1] {
		t.Fatalf("batch of %x from %d does not begin at the model's chain", b.Epoch, b.First)
	}
	seq, chain := b.First-1, b.Prev
	for _, it := range b.Items {
		chain = it.Chain(chain)
		if it.Evicted == nil {
			seq++
		} else {
			seq = it.Evicted.Last
		}
		if seq >= uint64(len(e.chains)) || chain != e.chains[seq] {
			t.Fatalf("chain at %d of %x is not the model's", seq, b.Epoch)
		}
	}
}

// check reads all that waits and accounts for every number that is not acknowledged.
func (m *machine) check(t *rapid.T) {
	at := map[uint64]uint64{}
	for id, e := range m.epochs {
		at[id] = e.acked
	}
	for _, b := range m.read(t) {
		m.fits(t, &b)
		if b.First != at[b.Epoch]+1 {
			t.Fatalf("batch of %x from %d, want from %d", b.Epoch, b.First, at[b.Epoch]+1)
		}
		at[b.Epoch] = b.Last()
	}
	want := map[uint64]uint64{}
	for id, e := range m.epochs {
		want[id] = uint64(len(e.chains) - 1)
	}
	if !maps.Equal(at, want) {
		t.Fatalf("read up to %v, want %v", at, want)
	}
}
