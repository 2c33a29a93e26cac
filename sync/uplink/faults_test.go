package uplink_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"citygate/sync/uplink"
	"citygate/sync/wire"
)

// answer lets the fleet answer the batches that the broker passes on, and says that ingest is there.
func (b *fakeBroker) answer(t testing.TB, f *fleet) {
	t.Helper()
	b.listen(t, func(p []byte) {
		if a := f.batch(p); a != nil {
			b.ack(t, *a)
		}
	})
	b.say(t, wire.TopicIngest(), true, ingest(t, wire.StateOn, 1))
}

// listen hands over each batch that the broker passes on.
func (b *fakeBroker) listen(t testing.TB, handle func([]byte)) {
	t.Helper()
	err := b.Subscribe(wire.Filter(wire.KindEvents, ""), 1, func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
		handle(bytes.Clone(pk.Payload))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *fakeBroker) ack(t testing.TB, a wire.Ack) {
	p, err := a.Encode()
	if err != nil {
		t.Error(err)
		return
	}
	b.say(t, wire.TopicAck(device), false, p)
}

// TestBrokerThatForgets: a broker acknowledges every message and passes on only some.
func TestBrokerThatForgets(t *testing.T) {
	b := newBroker(t, func(topic string, _ []byte) action {
		if topic == wire.TopicEvents(device) && rand.IntN(2) == 0 {
			return forget
		}
		return pass
	})
	f := newFleet(t)
	b.answer(t, f)
	g := startGateway(t, "", uplink.Config{Brokers: []string{b.addr}, AckTimeout: 50 * time.Millisecond, Window: 8})
	g.append(t, 400)
	for n := 401; n < 500; n += 25 { // until one was forgotten that nothing behind it made good
		f.wait(n)
		g.append(t, 25)
	}
	waitFor(t, func() bool { return g.box.Stats(t.Context()).Depth == 0 })
	if g.Status().Resends == 0 {
		t.Error("nothing was sent again, so nothing was forgotten")
	}
}

// TestBrokerThatRepeatsAndReorders: each batch comes up to three times, and in any order.
func TestBrokerThatRepeatsAndReorders(t *testing.T) {
	b := newBroker(t, nil)
	f := newFleet(t)
	var mu sync.Mutex
	var held [][]byte
	b.listen(t, func(p []byte) {
		mu.Lock()
		for range 1 + rand.IntN(3) {
			held = append(held, p)
		}
		rand.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
		n := (len(held) + 1) / 2
		now := held[:n]
		held = append([][]byte(nil), held[n:]...)
		mu.Unlock()
		for _, p := range now {
			if a := f.batch(p); a != nil {
				b.ack(t, *a)
			}
		}
	})
	b.say(t, wire.TopicIngest(), true, ingest(t, wire.StateOn, 1))
	g := startGateway(t, "", uplink.Config{Brokers: []string{b.addr}, AckTimeout: 50 * time.Millisecond})
	for range 5 {
		g.append(t, 100)
	}
	f.wait(501)
	waitFor(t, func() bool { return g.box.Stats(t.Context()).Depth == 0 })
}

// TestAcknowledgementsThatAreNotTheFleets: nothing but the fleet's own word takes an event from the outbox.
func TestAcknowledgementsThatAreNotTheFleets(t *testing.T) {
	b := newBroker(t, nil)
	got := make(chan wire.Batch, 64)
	b.listen(t, func(p []byte) {
		batch, err := wire.DecodeBatch(p)
		if err != nil {
			t.Error(err)
		}
		got <- batch
	})
	b.say(t, wire.TopicIngest(), true, ingest(t, wire.StateOn, 1))
	g := startGateway(t, "", uplink.Config{Brokers: []string{b.addr}})
	first := <-got
	right := wire.Ack{Epoch: first.Epoch, Seq: first.Last(), Chain: first.Chain()}
	refused := uint64(0)
	forge := func(change func(*wire.Ack), sign func(*wire.Ack)) {
		a := right
		change(&a)
		sign(&a)
		b.ack(t, a)
		refused++
		waitFor(t, func() bool { return g.Status().Refused == refused })
	}
	bySelf := func(a *wire.Ack) { a.Sign(deviceKey, device) }
	byFleet := func(a *wire.Ack) { a.Sign(fleetKey, device) }
	forge(func(*wire.Ack) {}, bySelf)                                                            // another key
	forge(func(*wire.Ack) {}, func(a *wire.Ack) { a.Sign(fleetKey, "k-0043") })                  // another device's
	forge(func(a *wire.Ack) { a.Epoch++ }, byFleet)                                              // an epoch that never was
	forge(func(a *wire.Ack) { a.Seq = 500 }, byFleet)                                            // numbers never sent
	forge(func(a *wire.Ack) { a.Chain[0]++ }, byFleet)                                           // another chain
	forge(func(*wire.Ack) {}, func(a *wire.Ack) { byFleet(a); a.Seq, a.Chain = 9, wire.Hash{} }) // changed after signing
	for _, p := range [][]byte{nil, []byte("garbage"), bytes.Repeat([]byte{0x9f}, 5000), []byte(`{"v":1}`)} {
		b.say(t, wire.TopicAck(device), false, p)
	}
	waitFor(t, func() bool { return g.Status().Garbage == 4 })
	if s := g.box.Stats(t.Context()); s.Depth != 1 {
		t.Fatalf("stats %+v", s)
	}
	byFleet(&right)
	b.ack(t, right)
	waitFor(t, func() bool { return g.box.Stats(t.Context()).Depth == 0 })
}

// TestAcknowledgementOfAnEarlierEpoch: it ends that epoch's events and touches no other.
func TestAcknowledgementOfAnEarlierEpoch(t *testing.T) {
	b := newBroker(t, nil)
	path := filepath.Join(t.TempDir(), "outbox.db")
	g := startGateway(t, path, uplink.Config{Brokers: []string{b.addr}})
	g.append(t, 20)
	g.stop()
	got := make(chan wire.Batch, 64)
	b.listen(t, func(p []byte) {
		batch, err := wire.DecodeBatch(p)
		if err != nil {
			t.Error(err)
		}
		got <- batch
	})
	b.say(t, wire.TopicIngest(), true, ingest(t, wire.StateOn, 1))
	g = startGateway(t, path, uplink.Config{Brokers: []string{b.addr}})
	old, now := <-got, <-got
	if old.Epoch == g.box.Epoch() || now.Epoch != g.box.Epoch() || len(old.Items) != 21 {
		t.Fatalf("first %d of %x, then %d of %x", len(old.Items), old.Epoch, len(now.Items), now.Epoch)
	}
	a := wire.Ack{Epoch: old.Epoch, Seq: old.Last(), Chain: old.Chain()}
	a.Sign(fleetKey, device)
	b.ack(t, a)
	waitFor(t, func() bool { return g.box.Stats(t.Context()).Depth == 1 })
}

// TestRangesAreSentAgain: a fleet that was put back to an older state gets what is kept once more.
func TestRangesAreSentAgain(t *testing.T) {
	b := newBroker(t, nil)
	f := newFleet(t)
	b.answer(t, f)
	g := startGateway(t, "", uplink.Config{Brokers: []string{b.addr}, AckTimeout: time.Minute})
	g.append(t, 200)
	f.wait(201)
	waitFor(t, func() bool { return g.box.Stats(t.Context()).Depth == 0 })

	f.mu.Lock()
	f.marks, f.total = map[uint64]*mark{}, 0 // everything is lost
	f.mu.Unlock()
	a := wire.Ack{Epoch: g.box.Epoch(), Chain: wire.Chain0(device, g.box.Epoch()), Again: []wire.Range{{First: 1, Last: 200}}}
	a.Sign(fleetKey, device)
	b.ack(t, a)
	f.wait(201)
}

// TestHoldWhileIngestIsAway: no batch is sent before ingest says that it is there, nor after it has gone; the late
// will of ingest's last connection does not count.
func TestHoldWhileIngestIsAway(t *testing.T) {
	b := newBroker(t, nil)
	f := newFleet(t)
	var sent atomic.Int64
	b.listen(t, func(p []byte) {
		sent.Add(1)
		if a := f.batch(p); a != nil {
			b.ack(t, *a)
		}
	})
	g := startGateway(t, "", uplink.Config{Brokers: []string{b.addr}})
	waitFor(t, func() bool { return g.Status().Connected })
	g.append(t, 10)
	if sent.Load() != 0 || g.Status().Ingest {
		t.Fatal("a batch was sent before ingest was there")
	}
	b.say(t, wire.TopicIngest(), true, ingest(t, wire.StateOn, 7))
	f.wait(11)
	b.say(t, wire.TopicIngest(), true, ingest(t, wire.StateOff, 6)) // the will of an older connection
	b.say(t, wire.TopicIngest(), true, []byte{0xff})
	waitFor(t, func() bool { return g.Status().Garbage == 1 })
	g.append(t, 10)
	f.wait(21)
	b.say(t, wire.TopicIngest(), true, ingest(t, wire.StateOff, 7))
	waitFor(t, func() bool { return !g.Status().Ingest })
	before := sent.Load()
	g.append(t, 10)
	if sent.Load() != before {
		t.Fatal("a batch was sent while ingest was away")
	}
	b.say(t, wire.TopicIngest(), true, ingest(t, wire.StateOn, 8))
	f.wait(31)
}

// TestIngestIsAskedFor: the broker keeps the word that ingest is there, but never delivered it. The gateway asks for it
// after a while and does not hold for ever.
func TestIngestIsAskedFor(t *testing.T) {
	b := newBroker(t, nil)
	f := newFleet(t)
	b.answer(t, f)
	var skew atomic.Int64
	g := startGateway(t, "", uplink.Config{Brokers: []string{b.addr}, NeedAfter: 5 * time.Millisecond,
		Now: func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }})
	g.append(t, 10)
	waitFor(t, func() bool { return g.Status().Connected })
	on := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1, Retain: true}, TopicName: wire.TopicIngest(), Payload: ingest(t, wire.StateOn, 7), Created: time.Now().Unix()}
	b.Topics.RetainMessage(on)
	waitFor(t, func() bool {
		skew.Add(int64(5 * time.Second))
		return g.Status().Ingest
	})
	f.wait(11)
}
