package outbox_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"citygate/sync/outbox"
	"citygate/sync/wire"
)

// TestWaitingForOthers: one appender never waits for company; after a crowd has gone, the first waits one window.
func TestWaitingForOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	synctest.Test(t, func(t *testing.T) {
		b := start(t, path, outbox.Options{Window: 10 * time.Millisecond, Tick: time.Hour})
		defer b.stop(t)
		alone := func(want time.Duration) {
			t.Helper()
			begin := time.Now()
			mustAppend(t, b, scan("valid"))
			if took := time.Since(begin); took != want {
				t.Errorf("one Append waited %v, want %v", took, want)
			}
		}
		for range 3 {
			alone(0)
		}
		var wg sync.WaitGroup
		for range 4 {
			for range 16 {
				wg.Go(func() {
					if _, err := b.Append(context.Background(), scan("valid")); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			wg.Wait()
		}
		mustAppend(t, b, scan("valid"))
		for range 3 {
			alone(0)
		}
	})
}

// TestTick: with time the log is moved into the database, free pages are given back, and the reserve is made.
func TestTick(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	synctest.Test(t, func(t *testing.T) {
		b := start(t, path, outbox.Options{Keep: -1, Tick: time.Minute})
		defer b.stop(t)
		mixed(t, b, 3000, map[string]uint64{})
		for _, batch := range drain(t, b) {
			if err := ack(t, b, batch.Epoch, batch.Last(), batch.Chain()); err != nil {
				t.Fatal(err)
			}
		}
		full := b.Stats(t.Context())
		for range 5 {
			time.Sleep(time.Minute) // the bubble's time
			synctest.Wait()
		}
		s := b.Stats(t.Context())
		if s.WALBytes != 0 || s.Bytes > 80*4096 || s.Depth != 0 {
			t.Errorf("after ticks %+v, before %+v", s, full)
		}
	})
}

// TestOldestAge: the age is that of the oldest event that waits.
func TestOldestAge(t *testing.T) {
	now := time.UnixMicro(1790000000000000)
	b := start(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{Now: func() time.Time { return now }})
	mustAppend(t, b, wire.Event{Type: wire.TypeHealth, At: now.Add(-time.Hour).UnixMicro()})
	for _, batch := range drain(t, b) {
		batch.Items = batch.Items[:1] // the start event
		if err := ack(t, b, batch.Epoch, batch.Last(), batch.Chain()); err != nil {
			t.Fatal(err)
		}
	}
	if s := b.Stats(t.Context()); s.Oldest != time.Hour || s.Depth != 1 {
		t.Errorf("stats %+v", s)
	}
}
