package store_test

import (
	"testing"

	"citygate/fleet/store"
)

// BenchmarkCommit commits a backlog of one device in transactions of up to 64
// batches of 32 events, as a worker does while a gateway drains.
func BenchmarkCommit(b *testing.B) {
	const size, group = 32, 64
	s, err := store.Open(database(b), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	d := newDevice("k-1", 7)
	enrol(b, s, d)
	d.scans(b, (b.N+size)/size*size)
	var batches []store.Batch
	for first := uint64(1); first <= uint64(b.N); first += size {
		batches = append(batches, d.batch(b, first, first+size-1))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for len(batches) > 0 {
		n := min(group, len(batches))
		commit(b, s, batches[:n]...)
		batches = batches[n:]
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
