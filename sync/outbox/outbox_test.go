package outbox_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"citygate/sync/outbox"
	"citygate/sync/wire"
)

func TestMain(m *testing.M) {
	childIfAsked()
	// Each step of the model test opens files and waits for the disk. A run of hours sets the flag on the command line.
	if err := flag.Set("rapid.checks", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

const device = "k-0042"

// fleetKey is the key that signs acknowledgements in these tests.
var fleetKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// running is an open outbox whose Run runs.
type running struct {
	*outbox.Outbox
	cancel context.CancelFunc
	done   chan error
}

// start opens the outbox at path and runs it until the test ends or stop is called.
func start(t testing.TB, path string, o outbox.Options) *running {
	t.Helper()
	o.Device = device
	b, err := outbox.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Outbox: b, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- b.Run(ctx) }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *running) stop(t testing.TB) {
	t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	if err := <-r.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func scan(verdict string) wire.Event {
	return wire.Event{At: 1790000000000000, ClockQ: wire.ClockSynced, Type: wire.TypeScan, Prio: wire.PrioScan,
		Verdict: verdict, Log: "sjz-records", Index: 421, ID: "MA.156.1301.01/LAMP.000421", Symbology: "qr",
		ScanUS: 4100, VerifyUS: 180, Place: "MA.156.1301.02", Software: "0.1.0", Trust: "3/17/2"}
}

func mustAppend(t testing.TB, b *running, e wire.Event) outbox.Stamp {
	t.Helper()
	s, err := b.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ack signs an acknowledgement and gives it to the outbox.
func ack(t testing.TB, b *running, epoch, seq uint64, chain wire.Hash) error {
	t.Helper()
	a := wire.Ack{Epoch: epoch, Seq: seq, Chain: chain}
	a.Sign(fleetKey, device)
	v, err := a.Verify(fleetKey.Public().(ed25519.PublicKey), device)
	if err != nil {
		t.Fatal(err)
	}
	return b.Acknowledge(t.Context(), v)
}

// drain reads all batches that wait and checks that they fit each other.
func drain(t testing.TB, b *running) []wire.Batch {
	t.Helper()
	c, err := b.Acked(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []wire.Batch
	chains := map[uint64]wire.Hash{}
	for {
		batch, next, err := b.Next(t.Context(), c, wire.MaxItems)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Items) == 0 {
			return all
		}
		if prev, ok := chains[batch.Epoch]; ok && prev != batch.Prev {
			t.Fatalf("batch from %d: the chain before it is not that after the one before", batch.First)
		}
		batch.Sign(fleetKey)
		if _, err := batch.Encode(); err != nil {
			t.Fatalf("batch from %d: %v", batch.First, err)
		}
		for i, it := range batch.Items {
			if it.Evicted == nil {
				if _, err := batch.Event(i); err != nil {
					t.Fatal(err)
				}
			}
		}
		chains[batch.Epoch] = batch.Chain()
		all, c = append(all, batch), next
	}
}

func events(batches []wire.Batch) (n int) {
	for _, b := range batches {
		n += len(b.Items)
	}
	return n
}

func TestAppendAckAndNextEpoch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	b := start(t, path, outbox.Options{Keep: -1})
	for i := range 100 {
		if s := mustAppend(t, b, scan("valid")); s.Seq != uint64(i+2) || s.Epoch != b.Epoch() {
			t.Fatalf("stamp %+v after %d events", s, i)
		}
	}
	got := drain(t, b)
	if n := events(got); n != 101 {
		t.Fatalf("%d events wait, want 101", n)
	}
	if e, err := got[0].Event(0); err != nil || e.Type != wire.TypeStart || e.Detail["before"] != "none" {
		t.Fatalf("first event %+v, %v", e, err)
	}
	if got[0].Prev != wire.Chain0(device, b.Epoch()) {
		t.Fatal("the first batch does not begin at chain 0")
	}
	if err := ack(t, b, b.Epoch(), got[1].Last(), got[1].Chain()); err != nil {
		t.Fatal(err)
	}
	if s := b.Stats(t.Context()); s.Depth != 101-64 || s.Appended != 101 {
		t.Fatalf("stats after the acknowledgement of 64: %+v", s)
	}
	first, last, chain := b.Epoch(), got[len(got)-1].Last(), got[len(got)-1].Chain()
	b.stop(t)

	b = start(t, path, outbox.Options{Keep: -1})
	got = drain(t, b)
	if n := events(got); n != 101-64+1 {
		t.Fatalf("%d events wait after the restart, want %d", n, 101-64+1)
	}
	if got[0].Epoch != first || got[0].First != 65 {
		t.Fatalf("drain begins at %d of %x", got[0].First, got[0].Epoch)
	}
	e, err := got[len(got)-1].Event(0)
	if err != nil || e.Before == nil || *e.Before != (wire.Before{Epoch: first, Last: last, Chain: chain}) {
		t.Fatalf("start event %+v, %v; want the epoch before %x at %d", e.Before, err, first, last)
	}
}

func TestAcknowledgementsThatAreRefused(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{})
	for range 40 {
		mustAppend(t, b, scan("valid"))
	}
	got := drain(t, b)
	for _, c := range []struct {
		name       string
		epoch, seq uint64
		chain      wire.Hash
	}{
		{"another epoch", b.Epoch() + 1, 32, got[0].Chain()},
		{"another chain", b.Epoch(), 32, got[1].Chain()},
		{"numbers never given", b.Epoch(), 42, got[1].Chain()},
		{"a number far beyond", b.Epoch(), wire.MaxSeq, got[1].Chain()},
		{"nothing, with a wrong chain", b.Epoch(), 0, got[1].Chain()},
	} {
		if err := ack(t, b, c.epoch, c.seq, c.chain); !errors.Is(err, outbox.ErrAck) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if s := b.Stats(t.Context()); s.Depth != 41 || s.Refused != 5 {
		t.Fatalf("stats %+v", s)
	}
	if err := ack(t, b, b.Epoch(), 0, wire.Chain0(device, b.Epoch())); err != nil {
		t.Errorf("acknowledgement of nothing: %v", err)
	}
	for range 2 {
		if err := ack(t, b, b.Epoch(), 32, got[0].Chain()); err != nil {
			t.Errorf("right acknowledgement: %v", err)
		}
	}
	if err := ack(t, b, b.Epoch(), 5, wire.Hash{}); err != nil {
		t.Errorf("an older one that comes late: %v", err)
	}
}

func TestManyWritersKeepOneChain(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{})
	var wg sync.WaitGroup
	seen := make([][]uint64, 32)
	for w := range seen {
		wg.Go(func() {
			for range 25 {
				s, err := b.Append(context.Background(), scan(fmt.Sprintf("w%d", w)))
				if err != nil {
					t.Error(err)
					return
				}
				seen[w] = append(seen[w], s.Seq)
			}
		})
	}
	wg.Wait()
	all := map[uint64]int{}
	for w, seqs := range seen {
		for _, s := range seqs {
			if _, twice := all[s]; twice {
				t.Fatalf("number %d was given twice", s)
			}
			all[s] = w
		}
	}
	for _, batch := range drain(t, b) {
		for i := range batch.Items {
			e, _ := batch.Event(i)
			if e.Type == wire.TypeScan && e.Verdict != fmt.Sprintf("w%d", all[e.Seq]) {
				t.Fatalf("event %d is %s's, its number was given to w%d", e.Seq, e.Verdict, all[e.Seq])
			}
		}
	}
}

func TestAppendAfterTheEnd(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{})
	b.stop(t)
	if _, err := b.Append(t.Context(), scan("valid")); !errors.Is(err, outbox.ErrClosed) {
		t.Fatalf("Append after Run: %v", err)
	}
}

func TestSecondProcessIsKeptOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	start(t, path, outbox.Options{})
	if b, err := outbox.Open(path, outbox.Options{Device: device}); err == nil {
		b.Close()
		t.Fatal("the file was opened twice")
	}
}
