package main

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/sync/outbox"
	"citygate/sync/uplink"
	"citygate/sync/wire"
)

// simGateway is one gateway without a camera.
type simGateway struct {
	name   string
	box    *outbox.Outbox
	uplink *uplink.Uplink

	mu   sync.Mutex // guards all below
	sent map[uint64]time.Time
	took []time.Duration
	last uint64
	done uint64
}

func (g *simGateway) open(ctx context.Context, w *simWorld, c uplink.Config, db *store.Store) {
	pub, priv, err := ed25519.GenerateKey(nil)
	w.must(err)
	w.must(db.AddDevice(ctx, fleet.Device{Name: g.name, Key: pub}))
	g.box, err = outbox.Open(filepath.Join(w.dir, g.name+".db"), outbox.Options{Device: g.name, MaxBytes: 1 << 20})
	w.must(err)
	c.Key, c.Transport, c.Logger = priv, watched{g}, slog.New(slog.DiscardHandler)
	g.uplink, err = uplink.New(c, g.box, uplink.Sinks{})
	w.must(err)
}

func (g *simGateway) run(ctx context.Context, wg *sync.WaitGroup) {
	box, stop := context.WithCancel(context.WithoutCancel(ctx))
	wg.Go(func() {
		g.box.Run(box)
		g.box.Close()
	})
	wg.Go(func() {
		g.uplink.Run(ctx)
		stop()
	})
}

// record appends events, one in each step, at a moment of its own.
func (g *simGateway) record(t *testing.T, events int, every time.Duration) uint64 {
	first := time.After(rand.N(every))
	tick := time.NewTicker(every)
	defer tick.Stop()
	<-first
	for i := range events {
		if i > 0 {
			<-tick.C
		}
		at := time.Now()
		s, err := g.box.Append(context.Background(), wire.Event{Type: wire.TypeScan, Prio: wire.PrioScan, Verdict: "valid", Log: "sjz-records", ID: "MA.156.1301.01/LAMP.000421", Symbology: "qr"})
		if err != nil {
			t.Error(err)
			return uint64(i)
		}
		g.mu.Lock()
		g.last = s.Seq
		if g.done < s.Seq {
			g.sent[s.Seq] = at
		}
		g.mu.Unlock()
	}
	return uint64(events)
}

func (g *simGateway) settled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.done >= g.last
}

func (g *simGateway) waits() []time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.took
}

func (g *simGateway) acknowledged(seq uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done = max(g.done, seq)
	for n, at := range g.sent {
		if n <= seq {
			g.took = append(g.took, time.Since(at))
			delete(g.sent, n)
		}
	}
}

// watched is the uplink's own transport, with an eye on acknowledgements.
type watched struct{ g *simGateway }

func (w watched) Connect(ctx context.Context, d uplink.Dial) (uplink.Session, error) {
	receive := d.Receive
	d.Receive = func(topic string, payload []byte) {
		if a, err := wire.DecodeAck(payload); topic == wire.TopicAck(w.g.name) && err == nil {
			w.g.acknowledged(a.Seq)
		}
		receive(topic, payload)
	}
	return uplink.Paho{}.Connect(ctx, d)
}
