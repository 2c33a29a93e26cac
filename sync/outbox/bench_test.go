package outbox_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citygate/sync/outbox"
)

// fsyncs measures the disk alone: it appends blocks of a size to a file, each with an fsync, for a while, and returns
// how long each took, sorted.
func fsyncs(b testing.TB, size int, span time.Duration) []time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "fsync"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, size)
	var took []time.Duration
	for end := time.Now().Add(span); time.Now().Before(end); {
		begin := time.Now()
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took
}

// BenchmarkAccept stores events from 64 writers. The peer is the rate of fsyncs of 20 KiB, about 64 events, times 64,
// measured before and after in the same run.
func BenchmarkAccept(b *testing.B) {
	o := start(b, filepath.Join(b.TempDir(), "outbox.db"), outbox.Options{MaxBytes: 4 << 30})
	const peerSpan = 500 * time.Millisecond
	peers := len(fsyncs(b, 20<<10, peerSpan))
	e := scan("valid")
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range 64 {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if _, err := o.Append(context.Background(), e); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	rate := float64(b.N) / b.Elapsed().Seconds()
	peers += len(fsyncs(b, 20<<10, peerSpan))
	peer := float64(peers) / (2 * peerSpan.Seconds()) * 64
	b.ReportMetric(rate, "events/s")
	b.ReportMetric(peer, "peer-events/s")
	b.ReportMetric(rate/peer, "of-peer")
}

// BenchmarkAppend stores events from one writer. The peer is the 99th percentile of an fsync of 4 KiB.
func BenchmarkAppend(b *testing.B) {
	o := start(b, filepath.Join(b.TempDir(), "outbox.db"), outbox.Options{MaxBytes: 4 << 30})
	peer := fsyncs(b, 4<<10, time.Second)
	e := scan("valid")
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		begin := time.Now()
		if _, err := o.Append(context.Background(), e); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	ms := func(d []time.Duration, p int) float64 { return d[len(d)*p/100].Seconds() * 1000 }
	b.ReportMetric(ms(took, 50), "p50-ms")
	b.ReportMetric(ms(took, 99), "p99-ms")
	b.ReportMetric(ms(peer, 99), "peer-p99-ms")
}

// BenchmarkRead reads batches of 32 from a backlog, as the uplink does.
func BenchmarkRead(b *testing.B) {
	o := start(b, filepath.Join(b.TempDir(), "outbox.db"), outbox.Options{MaxBytes: 4 << 30})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 200 {
				if _, err := o.Append(context.Background(), scan("valid")); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	first, err := o.Acked(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	c := first
	n := 0
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		batch, after, err := o.Next(b.Context(), c, 32)
		if err != nil {
			b.Fatal(err)
		}
		n += len(batch.Items)
		if c = after; len(batch.Items) == 0 {
			c = first
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
