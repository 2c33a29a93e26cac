package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"citygate/sync/outbox"
	"citygate/sync/wire"
)

// mixed appends n events from 50 goroutines: a health event every 10th, an alarm every 100th, scans else. It counts
// what it appended.
func mixed(t *testing.T, b *running, n int, counts map[string]uint64) {
	t.Helper()
	const writers = 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				if _, err := b.Append(context.Background(), nth(i)); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	for i := range n {
		if e := nth(i); e.Verdict != "" {
			counts["scan/valid"]++
		} else {
			counts[e.Type]++
		}
	}
	wg.Wait()
}

func nth(i int) wire.Event {
	switch {
	case i%100 == 99:
		return wire.Event{Type: wire.TypeAlarm, Prio: wire.PrioAlarm}
	case i%10 == 9:
		return wire.Event{Type: wire.TypeHealth, Prio: wire.PrioHealth}
	}
	return scan("valid")
}

// account adds up what is there, as events and as counts of evicted ranges.
func account(t *testing.T, batches []wire.Batch) (events, evicted map[string]uint64) {
	t.Helper()
	events, evicted = map[string]uint64{}, map[string]uint64{}
	for _, b := range batches {
		for i, it := range b.Items {
			if it.Evicted != nil {
				for k, n := range it.Evicted.Counts {
					evicted[k] += n
				}
				continue
			}
			e, err := b.Event(i)
			if err != nil {
				t.Fatal(err)
			}
			k := e.Type
			if e.Verdict != "" {
				k += "/" + e.Verdict
			}
			events[k]++
		}
	}
	return events, evicted
}

// TestEvictionByPriorityAndAge fills an outbox four times over. Every event is there or counted; the least important
// and oldest go first; alarms stay.
func TestEvictionByPriorityAndAge(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{MaxBytes: 512 << 10})
	counts := map[string]uint64{}
	mixed(t, b, 6000, counts)
	batches := drain(t, b)
	events, evicted := account(t, batches)
	for k, n := range counts {
		if events[k]+evicted[k] != n {
			t.Errorf("%s: %d there and %d evicted of %d", k, events[k], evicted[k], n)
		}
	}
	if evicted["scan/valid"] == 0 || evicted["alarm"] != 0 || evicted["start"] != 0 {
		t.Errorf("evicted %v", evicted)
	}
	if events["health"] > 100 { // those of the end, after the last eviction
		t.Errorf("%d health events are there though scans were evicted", events["health"])
	}
	s := b.Stats(t.Context())
	if s.Bytes > 512<<10 {
		t.Errorf("the file has %d bytes", s.Bytes)
	}
	if all := evicted["scan/valid"] + evicted["health"]; s.Evicted != all || s.Depth != 6001-all {
		t.Errorf("stats %+v, evicted %d", s, all)
	}
	newest := batches[len(batches)-1]
	if e, err := newest.Event(len(newest.Items) - 1); err != nil || e.Seq != 6001 {
		t.Errorf("the newest event is %d, %v", e.Seq, err)
	}
}

// TestAcknowledgedGoFirst: kept events that are acknowledged make room before anything is evicted.
func TestAcknowledgedGoFirst(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{MaxBytes: 512 << 10, Keep: 1 << 20})
	counts := map[string]uint64{}
	for range 6 {
		mixed(t, b, 1000, counts)
		for _, batch := range drain(t, b) {
			if err := ack(t, b, batch.Epoch, batch.Last(), batch.Chain()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := b.Stats(t.Context()); s.Evicted != 0 || s.Depth != 0 {
		t.Errorf("stats %+v", s)
	}
}

// smallDisk mounts a disk of 12 MB for the test, or skips it where that cannot be done.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small tmpfs needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		t.Skipf("a small tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestDiskFull runs the outbox on a small disk of its own and fills the disk besides.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t)
	path := filepath.Join(dir, "outbox.db")
	b := start(t, path, outbox.Options{})
	counts := map[string]uint64{}
	mixed(t, b, 1000, counts)
	fillDisk(t, filepath.Join(dir, "other"))
	mixed(t, b, 30000, counts)
	events, evicted := account(t, drain(t, b))
	for k, n := range counts {
		if events[k]+evicted[k] != n {
			t.Errorf("%s: %d there and %d evicted of %d", k, events[k], evicted[k], n)
		}
	}
	if evicted["scan/valid"] == 0 {
		t.Error("nothing was evicted: the disk was not full")
	}
	b.stop(t)

	if err := os.Remove(filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	b = start(t, path, outbox.Options{})
	again, _ := account(t, drain(t, b))
	if again["scan/valid"] != events["scan/valid"] || again["alarm"] != events["alarm"] {
		t.Errorf("after a restart %v, before %v", again, events)
	}
}

// fillDisk writes until nothing more fits.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chunk := make([]byte, 4096)
	for {
		if _, err := f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamagedFileIsSetAside: each kind of damage costs the file, never the start.
func TestDamagedFileIsSetAside(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"garbage":       func(b []byte) []byte { return bytes.Repeat([]byte("garbage "), 4096) },
		"page zeroed":   func(b []byte) []byte { clear(b[3*4096 : 4*4096]); return b },
		"header":        func(b []byte) []byte { copy(b, "SQLite format 2"); return b },
		"cut":           func(b []byte) []byte { return b[:len(b)/2+100] },
		"other program": func(b []byte) []byte { copy(b[68:], "\x00\x00\x00\x07"); return b },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "outbox.db")
			b := start(t, path, outbox.Options{})
			mixed(t, b, 300, map[string]uint64{})
			b.stop(t)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(bytes.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			b = start(t, path, outbox.Options{})
			if !strings.HasPrefix(b.Quarantined(), path+".damaged-") {
				t.Fatalf("set aside as %q", b.Quarantined())
			}
			if _, err := os.Stat(b.Quarantined()); err != nil {
				t.Error(err)
			}
			mustAppend(t, b, scan("valid"))
			got := drain(t, b)
			first, err1 := got[0].Event(0)
			alarm, err2 := got[0].Event(1)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			if first.Detail["before"] != "unknown" || alarm.Detail["alarm"] != "outbox-damaged" || events(got) != 3 {
				t.Errorf("new epoch begins with %+v and %+v", first, alarm)
			}
		})
	}
}

// TestFlippedBit: an event that was changed on the disk does not stop the others, and is not handed out as sound.
func TestFlippedBit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	b := start(t, path, outbox.Options{})
	for range 10 {
		mustAppend(t, b, scan("valid"))
	}
	mustAppend(t, b, scan("changed"))
	for range 10 {
		mustAppend(t, b, scan("valid"))
	}
	b.stop(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(whole, []byte("changed")) != 1 {
		t.Fatal("the event is not in the file once")
	}
	if err := os.WriteFile(path, bytes.Replace(whole, []byte("changed"), []byte("chenged"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	b = start(t, path, outbox.Options{})
	got, evicted := account(t, drain(t, b))
	if got["scan/valid"] != 20 || evicted["damaged"] != 1 || len(evicted) != 1 {
		t.Errorf("events %v, evicted %v", got, evicted)
	}
}

// TestRolledBackFile: the start event of a file that was put back names a last number below what was sent.
func TestRolledBackFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	b := start(t, path, outbox.Options{})
	mustAppend(t, b, scan("valid"))
	b.stop(t)
	yesterday, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b = start(t, path, outbox.Options{})
	lost := b.Epoch()
	mustAppend(t, b, scan("valid"))
	b.stop(t)
	if err := os.WriteFile(path, yesterday, 0o600); err != nil {
		t.Fatal(err)
	}
	b = start(t, path, outbox.Options{})
	got := drain(t, b)
	e, err := got[len(got)-1].Event(0)
	if err != nil || e.Before == nil || e.Before.Epoch == lost || e.Before.Last != 2 {
		t.Errorf("start event %+v, %v", e.Before, err)
	}
}

func TestAnotherDevicesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	start(t, path, outbox.Options{}).stop(t)
	if b, err := outbox.Open(path, outbox.Options{Device: "k-0043"}); err == nil || !strings.Contains(err.Error(), device) {
		if err == nil {
			b.Close()
		}
		t.Errorf("opened for another device: %v", err)
	}
}

// TestReadOnlyDisk: a disk that became read-only keeps the outbox from opening and costs it nothing.
func TestReadOnlyDisk(t *testing.T) {
	dir := smallDisk(t)
	path := filepath.Join(dir, "outbox.db")
	b := start(t, path, outbox.Options{})
	counts := map[string]uint64{}
	mixed(t, b, 300, counts)
	b.stop(t)
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", dir, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Skipf("it cannot be mounted again: %v", err)
		}
	}
	remount(syscall.MS_RDONLY)
	if b, err := outbox.Open(path, outbox.Options{Device: device}); err == nil {
		b.Close()
		t.Error("an outbox that cannot be written was opened")
	}
	remount(0)
	b = start(t, path, outbox.Options{})
	if b.Quarantined() != "" {
		t.Error("the file was set aside")
	}
	events, _ := account(t, drain(t, b))
	for k, n := range counts {
		if events[k] != n {
			t.Errorf("%s: %d of %d are there", k, events[k], n)
		}
	}
}
