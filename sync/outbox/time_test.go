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

// TestClockThatJumps: years forth and back, and starts at one and the same time, as of devices without a clock that
// begin in 1970 each time: numbers and chains do not hang on it, every start is an epoch of its own that names the one
// before, and no age is negative.
func TestClockThatJumps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	boot := time.Unix(0, 0)
	now := boot
	o := outbox.Options{Now: func() time.Time { return now }}
	var epochs []uint64
	for range 3 {
		now = boot
		b := start(t, path, o)
		epochs = append(epochs, b.Epoch())
		for _, jump := range []time.Duration{0, 30 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour, -40 * 365 * 24 * time.Hour, time.Hour} {
			now = now.Add(jump)
			mustAppend(t, b, scan("valid"))
			if s := b.Stats(t.Context()); s.Oldest < 0 {
				t.Errorf("the oldest event waits for %v", s.Oldest)
			}
		}
		b.stop(t)
	}
	b := start(t, path, o)
	defer b.stop(t)
	got := drain(t, b)
	if events(got) != 3*6+1 {
		t.Errorf("%d events are there", events(got))
	}
	seen := map[uint64]bool{}
	for i, batch := range got {
		if seen[batch.Epoch] = true; i == 0 {
			continue
		}
		e, err := batch.Event(0)
		if err != nil || e.Before == nil || e.Before.Epoch != got[i-1].Epoch || e.Before.Chain != got[i-1].Chain() {
			t.Errorf("epoch %x begins with %+v, %v", batch.Epoch, e.Before, err)
		}
	}
	if len(seen) != 4 || seen[epochs[0]] != true {
		t.Errorf("%d epochs of 4 starts", len(seen))
	}
}
