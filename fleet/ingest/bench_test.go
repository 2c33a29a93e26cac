package ingest_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"citygate/fleet"
	"citygate/fleet/ingest"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

// BenchmarkDrain publishes signed batches of 32 events of four devices through
// a real mosquitto, each with a window of 64 batches, until all are
// acknowledged: decoded, verified, committed with FULL durability, signed for.
func BenchmarkDrain(b *testing.B) {
	s, err := store.Open(filepath.Join(b.TempDir(), "fleet.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportMetric(drain(b, s, 2, b.N), "events/s")
}

// drain lets four gateways send about n events to one ingest, and returns how
// many were acknowledged each second.
func drain(b testing.TB, s *store.Store, workers, n int) float64 {
	const devices, size, window = 4, 32, 64
	broker := mosquitto(b)
	in, err := ingest.New(ingest.Config{Brokers: []string{broker}, ClientID: "fleet", Key: seed("fleet"), Workers: workers}, s)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	defer func() { cancel(); <-done }()
	waitFor(b, "ingest", func() bool { return in.Status().Connected })
	each := (n/devices + size) / size * size
	queues := make([][][]byte, devices)
	for i := range queues {
		dev := fmt.Sprintf("k-%d", i)
		if err := s.AddDevice(ctx, fleet.Device{Name: dev, Key: seed(dev).Public().(ed25519.PublicKey)}); err != nil {
			b.Fatal(err)
		}
		queues[i] = outbox(b, dev, 9, each, size)
	}
	if t, ok := b.(*testing.B); ok {
		t.ResetTimer()
	}
	began := time.Now()
	var wg sync.WaitGroup
	for i, q := range queues {
		wg.Go(func() { drainOne(b, broker, fmt.Sprintf("k-%d", i), q, size, window) })
	}
	wg.Wait()
	return float64(devices*each) / time.Since(began).Seconds()
}

// drainOne is one gateway's uplink at its fastest.
func drainOne(b testing.TB, broker, dev string, queue [][]byte, size, window int) {
	acks := make(chan uint64, 4*window)
	c := client(b, broker, dev)
	tok := c.Subscribe(wire.TopicAck(dev), 1, func(_ mqtt.Client, m mqtt.Message) {
		if a, err := wire.DecodeAck(m.Payload()); err == nil {
			acks <- a.Seq
		}
	})
	if !tok.WaitTimeout(limit) || tok.Error() != nil {
		b.Errorf("subscribe: %v", tok.Error())
		return
	}
	acked := 0
	for next := 0; acked < len(queue); {
		for ; next < len(queue) && next < acked+window; next++ {
			c.Publish(wire.TopicEvents(dev), 1, false, queue[next])
		}
		acked = max(acked, int(<-acks)/size)
	}
}
