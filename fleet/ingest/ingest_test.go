package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"citygate/fleet/ingest"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

func TestMain(m *testing.M) {
	if runAsIngest() {
		return
	}
	goleak.VerifyTestMain(m)
}

// Batches of many devices, in any order and many times, are committed once and
// acknowledged to their end, through a real broker and through the embedded one.
func TestEverythingOnce(t *testing.T) {
	for name, broker := range map[string]func(testing.TB) string{"mosquitto": mosquitto, "embedded": embedded} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, broker(t), nil, nil)
			var msgs [][2]any
			const devices, events = 5, 300
			for i := range devices {
				dev := fmt.Sprintf("k-%d", i)
				r.enrol(dev)
				for _, b := range outbox(t, dev, uint64(i+1), events, 7) {
					msgs = append(msgs, [2]any{dev, b}, [2]any{dev, b})
				}
			}
			// A gateway sends again until it is acknowledged.
			acked := map[uint64]bool{}
			for round := 0; len(acked) < devices && round < 50; round++ {
				rand.Shuffle(len(msgs), func(i, j int) { msgs[i], msgs[j] = msgs[j], msgs[i] })
				for _, m := range msgs {
					r.publish(wire.TopicEvents(m[0].(string)), m[1].([]byte))
				}
				for range len(r.acks) {
					if a := <-r.acks; a.Seq == events {
						acked[a.Epoch] = true
					}
				}
			}
			for len(acked) < devices {
				a := r.awaitAck(func(a wire.Ack) bool { return a.Seq == events })
				acked[a.Epoch] = true
			}
			tot, err := r.store.Totals(t.Context())
			if err != nil || tot.Numbers != devices*events || tot.Verdicts["valid"] != devices*events {
				t.Errorf("stored %d numbers, %d scans, want %d: %v", tot.Numbers, tot.Verdicts["valid"], devices*events, err)
			}
			if tot.Findings["fork"]+tot.Findings["altered"] != 0 {
				t.Errorf("findings %v", tot.Findings)
			}
		})
	}
}

// A batch beyond the mark waits, is dropped, and its range is asked for; the
// gap is a finding until the range arrives.
func TestGapIsAskedFor(t *testing.T) {
	r := newRig(t, embedded(t), nil, nil)
	r.enrol("k-1")
	b := outbox(t, "k-1", 9, 40, 10)
	r.publish(wire.TopicEvents("k-1"), b[0])
	r.awaitAck(func(a wire.Ack) bool { return a.Seq == 10 })
	r.publish(wire.TopicEvents("k-1"), b[2])
	a := r.awaitAck(func(a wire.Ack) bool { return len(a.Again) > 0 })
	if a.Seq != 10 || a.Again[0] != (wire.Range{First: 11, Last: 30}) {
		t.Errorf("asked for %+v at %d", a.Again, a.Seq)
	}
	if tot, err := r.store.Totals(t.Context()); err != nil || tot.Findings["gap"] != 1 {
		t.Errorf("findings %v, %v", tot.Findings, err)
	}
	for _, p := range b[1:] {
		r.publish(wire.TopicEvents("k-1"), p)
	}
	r.awaitAck(func(a wire.Ack) bool { return a.Seq == 40 })
	if tot, err := r.store.Totals(t.Context()); err != nil || tot.Findings["gap"] != 0 || tot.Numbers != 40 {
		t.Errorf("after the range came: %+v, %v", tot, err)
	}
}

// Garbage on every topic is a counted drop; nothing else happens.
func TestGarbage(t *testing.T) {
	r := newRig(t, embedded(t), nil, nil)
	r.enrol("k-1", "k-2")
	good := outbox(t, "k-1", 9, 8, 8)[0]
	foreign := outbox(t, "k-3", 9, 8, 8)[0]
	forged := append([]byte(nil), good...)
	forged[len(forged)-1] ^= 1
	sent := 0
	for _, dev := range []string{"k-1", "stranger"} {
		for _, topic := range []string{wire.TopicState(dev), wire.TopicEvents(dev), wire.TopicHealth(dev), wire.TopicReport(dev),
			wire.TopicNeed(dev), wire.TopicResult(dev, "c1"), "citygate/1/d/" + dev + "/up/other", "citygate/1/d/" + dev + "/up/ev/x"} {
			for _, payload := range [][]byte{{}, {0xff}, []byte("{"), []byte(`{"v":9}`), make([]byte, 300<<10)} {
				r.publish(topic, payload)
				sent++
			}
		}
	}
	r.publish(wire.TopicEvents("k-2"), good)    // another device's batch
	r.publish(wire.TopicEvents("k-3"), foreign) // not enrolled
	r.publish(wire.TopicEvents("k-1"), forged)  // not its signature
	sent += 3
	waitFor(t, "all drops", func() bool {
		n := uint64(0)
		for _, k := range r.in.Status().Dropped {
			n += k
		}
		return n == uint64(sent)
	})
	d := r.in.Status().Dropped
	if d[ingest.DropForeign] != 1 || d[ingest.DropStranger] != 1 || d[ingest.DropSignature] != 1 {
		t.Errorf("drops %v", d)
	}
	// A drop is counted before its finding is stored.
	var tot store.Totals
	waitFor(t, "the finding", func() (found bool) {
		var err error
		if tot, err = r.store.Totals(t.Context()); err != nil {
			t.Fatal(err)
		}
		return tot.Findings["altered"] > 0
	})
	if tot.Numbers != 0 || tot.Findings["altered"] != 1 || len(tot.Findings) != 1 {
		t.Errorf("stored %+v", tot)
	}
	r.publish(wire.TopicEvents("k-1"), good)
	r.awaitAck(func(a wire.Ack) bool { return a.Seq == 8 })
}

// failing is a store whose commits fail while broken is set; every other
// failure happens after the commit is on disk.
type failing struct {
	*store.Store
	broken atomic.Bool
	after  atomic.Uint64
}

func (f *failing) Commit(ctx context.Context, b []store.Batch) ([]store.Result, error) {
	if !f.broken.Load() {
		return f.Store.Commit(ctx, b)
	}
	if f.after.Add(1)%2 == 0 {
		if _, err := f.Store.Commit(ctx, b); err != nil {
			return nil, err
		}
		return nil, errors.New("committed, but the answer was lost")
	}
	return nil, errors.New("disk I/O error")
}

// While the store fails, gateways are told to hold and nothing is acknowledged;
// afterwards everything is there once.
func TestStoreFails(t *testing.T) {
	var f *failing
	r := newRig(t, embedded(t), nil, func(s *store.Store) ingest.Store {
		f = &failing{Store: s}
		return f
	})
	r.enrol("k-1")
	b := outbox(t, "k-1", 9, 30, 10)
	f.broken.Store(true)
	for _, p := range b {
		r.publish(wire.TopicEvents("k-1"), p)
	}
	r.awaitState(wire.StateOff)
	if len(r.acks) != 0 || !r.in.Status().StoreFails {
		t.Error("acknowledged without a commit, or not seen to fail")
	}
	f.broken.Store(false)
	r.awaitState(wire.StateOn)
	r.awaitAck(func(a wire.Ack) bool { return a.Seq == 30 })
	if tot, err := r.store.Totals(t.Context()); err != nil || tot.Numbers != 30 {
		t.Errorf("%+v, %v", tot, err)
	}
}

// Births, health, reports and needs reach where they belong.
func TestStateOfGateways(t *testing.T) {
	var mu sync.Mutex
	var needs []wire.Need
	r := newRig(t, embedded(t), func(c *ingest.Config) {
		c.OnNeed = func(n wire.Need) { mu.Lock(); needs = append(needs, n); mu.Unlock() }
	}, nil)
	r.enrol("k-1")
	send := func(topic string, payload []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		r.publish(topic, payload)
	}
	p, err := wire.Birth{State: wire.StateOn, Conn: 5, Epoch: 9, Software: "1.2.3"}.Encode()
	send(wire.TopicState("k-1"), p, err)
	p, err = wire.Health{At: 1, ClockQ: wire.ClockSynced, Depth: 4, OldestAge: 7}.Encode()
	send(wire.TopicHealth("k-1"), p, err)
	p, err = wire.Report{At: 1, Software: "1.2.4", Trust: []wire.Head{{Log: "directory", Size: 2, Time: 3}}}.Encode()
	send(wire.TopicReport("k-1"), p, err)
	p, err = wire.Need{Log: "directory", Resources: []string{"tile/0/000"}}.Encode()
	send(wire.TopicNeed("k-1"), p, err)
	waitFor(t, "all four", func() bool {
		mu.Lock()
		defer mu.Unlock()
		g, err := r.store.Gateway(t.Context(), "k-1")
		return err == nil && g.Birth != nil && g.Health != nil && g.Report != nil && len(needs) == 1
	})
	g, err := r.store.Gateway(t.Context(), "k-1")
	if err != nil || g.Birth.Conn != 5 || g.Health.Depth != 4 || g.Report.Trust[0].Size != 2 {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []ingest.Config{{}, {Brokers: []string{"tcp://h:1"}, ClientID: "fleet"}, {ClientID: "fleet", Key: seed("x")}} {
		if _, err := ingest.New(c, nil); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

// Two servers that share one subscription and one database take a device's
// batches out of order; everything is stored once, without a gap that lasts.
func TestTwoServers(t *testing.T) {
	broker := mosquitto(t)
	share := func(c *ingest.Config) { c.Share = "ingest" }
	r := newRig(t, broker, share, nil)
	second, err := ingest.New(ingest.Config{Brokers: []string{broker}, ClientID: "fleet-2", Key: seed("fleet"), Share: "ingest", Wait: 200 * time.Millisecond}, r.store)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- second.Run(ctx) }()
	defer func() { cancel(); <-done }()
	waitFor(t, "the second server", func() bool { return second.Status().Connected })
	r.enrol("k-1")
	const events = 2000
	batches := outbox(t, "k-1", 9, events, 10)
	if acked := r.drain(batches, 10, 0, events); acked < events {
		t.Fatalf("acknowledged %d", acked)
	}
	tot, err := r.store.Totals(t.Context())
	if err != nil || tot.Numbers != events || tot.Verdicts["valid"] != events || len(tot.Findings) != 0 {
		t.Errorf("stored %+v, %v", tot, err)
	}
	if a, b := r.in.Status().Batches, second.Status().Batches; a == 0 || b == 0 {
		t.Errorf("one server did everything: %d and %d batches", a, b)
	}
}
