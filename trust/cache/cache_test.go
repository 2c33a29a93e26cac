package cache_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// world is a nation with one city, a mirror of it and a gateway's cache.
type world struct {
	*ledgertest.Nation
	city *ledgertest.Registry
	key  ledgertest.Issuer
	src  *ledgertest.Source
	path string
	c    *cache.Cache
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{Nation: ledgertest.NewNation(), path: filepath.Join(t.TempDir(), "trust.db")}
	w.AddRegistry("MA.156", "cn")
	w.city = w.AddRegistry("MA.156.1301", "sjz")
	w.key = w.AddIssuer(w.city, "ID.SJZ.EXAMPLE")
	w.src = ledgertest.NewSource(w.Nation)
	w.open(t)
	return w
}

func (w *world) open(t testing.TB) {
	t.Helper()
	c, err := cache.Open(w.path, cache.Options{Root: w.Root, Now: func() time.Time { return w.Time }})
	if err != nil {
		t.Fatal(err)
	}
	w.c = c
	t.Cleanup(func() { c.Close() })
}

// reopen closes the database and opens it again.
func (w *world) reopen(t testing.TB) {
	t.Helper()
	if err := w.c.Close(); err != nil {
		t.Fatal(err)
	}
	w.open(t)
}

func (w *world) sync(t testing.TB) cache.Report {
	t.Helper()
	rep, err := w.c.Sync(t.Context(), w.src)
	if err != nil {
		t.Fatalf("sync: %v", err)
	}
	return rep
}

// same checks that the cache holds every log as it is now.
func (w *world) same(t testing.TB) {
	t.Helper()
	v := w.c.View()
	for _, l := range w.Logs() {
		got := v.Log(l.Short)
		if got == nil {
			t.Fatalf("log %s is not held", l.Short)
		}
		if got.Size != l.Size() || got.Root != l.Root(l.Size()) || got.Tree.Root() != got.Root || got.Tree.Size() != got.Size {
			t.Fatalf("log %s: size %d, root %s, want %d, %s", l.Short, got.Size, got.Root, l.Size(), l.Root(l.Size()))
		}
	}
}

func TestSyncAndReopen(t *testing.T) {
	w := newWorld(t)
	w.sync(t)
	w.same(t)
	for _, n := range []int{1, 254, 1, 1, 300, 0, 5000, 256} {
		w.city.Records.Fill(n)
		for i := range min(n, 300) {
			w.SetStatus(w.city, uint64(i), ledger.Revoked)
		}
		w.Time = w.Time.Add(time.Minute)
		w.sync(t)
		w.same(t)
		w.reopen(t)
		w.same(t)
		if got := w.c.View().Log(w.city.Records.Short).Time; !got.Equal(w.Time) {
			t.Fatalf("time %v, want %v", got, w.Time)
		}
	}
	if s := w.c.View().Status(w.city.Status.Short, 7); s != ledger.Revoked {
		t.Errorf("status after reopening: %v", s)
	}
	if k, state := w.c.View().Key(w.key.Index); state != ledger.KeyLive || k.Prefix != "MA.156.1301" {
		t.Errorf("key after reopening: %v, %v", k, state)
	}
	if a := w.c.Alarms(); len(a) != 0 {
		t.Errorf("alarms: %v", a)
	}
	ro, err := cache.OpenReadOnly(w.path)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	if got := ro.View().Log(w.city.Records.Short); got == nil || got.Size != w.city.Records.Size() {
		t.Error("the view for reading only differs")
	}
	if err := ro.Apply(t.Context(), ledger.DirectoryLog, nil, w.src); !errors.Is(err, cache.ErrReadOnly) {
		t.Errorf("apply on a cache for reading: %v", err)
	}
}

func TestApplyPushedCheckpoint(t *testing.T) {
	w := newWorld(t)
	w.sync(t)
	w.city.Records.Fill(3)
	log := w.city.Records
	if err := w.c.Apply(t.Context(), log.Short, log.Checkpoint(w.Time), w.src); err != nil {
		t.Fatal(err)
	}
	w.same(t)
	reads := w.src.Reads("", "")
	if err := w.c.Apply(t.Context(), log.Short, log.Checkpoint(w.Time.Add(time.Minute)), w.src); err != nil {
		t.Fatal(err)
	}
	if got := w.c.View().Log(log.Short).Time; !got.Equal(w.Time.Add(time.Minute)) {
		t.Errorf("a newer cosignature of the same tree gives time %v", got)
	}
	if err := w.c.Apply(t.Context(), log.Short, log.Checkpoint(w.Time), w.src); err != nil {
		t.Errorf("an older note of the same tree: %v", err)
	}
	if got := w.c.View().Log(log.Short).Time; !got.Equal(w.Time.Add(time.Minute)) {
		t.Errorf("an older cosignature moved the time back to %v", got)
	}
	if w.src.Reads("", "") != reads {
		t.Error("a refreshed checkpoint read tiles")
	}
	if err := w.c.Apply(t.Context(), "elsewhere-records", nil, w.src); !errors.Is(err, cache.ErrNotFollowed) {
		t.Errorf("unknown log: %v", err)
	}
}

func TestRollbackIsRefusedAcrossRestarts(t *testing.T) {
	w := newWorld(t)
	w.city.Records.Fill(500)
	w.sync(t)
	w.reopen(t)
	old := w.city.Records.CheckpointOf(400, w.Time.Add(time.Hour), ledgertest.Witnesses()...)
	if err := w.c.Apply(t.Context(), w.city.Records.Short, old, w.src); !errors.Is(err, ledger.ErrRollback) {
		t.Errorf("smaller checkpoint: %v", err)
	}
	w.same(t)
}

func TestFollow(t *testing.T) {
	w := newWorld(t)
	w.AddRegistry("MA.156.1302", "ts")
	w.AddRegistry("MA.156.1301.01", "sjz-um")
	c, err := cache.Open(filepath.Join(t.TempDir(), "t.db"), cache.Options{Root: w.Root, Follow: []string{"MA.156", "MA.156.1301"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Sync(context.Background(), w.src); err != nil {
		t.Fatal(err)
	}
	want := []string{"directory", "cn-records", "cn-status", "sjz-records", "sjz-status", "sjz-um-records", "sjz-um-status"}
	if got := c.Logs(); !slices.Equal(got, want) {
		t.Errorf("follows %v, want %v", got, want)
	}
}
