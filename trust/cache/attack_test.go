package cache_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// several is sources that the cache tries in turn.
type several struct {
	*ledgertest.Source
	all []cache.Source
}

func (s several) Alternatives() []cache.Source { return s.all }

// lie changes one byte of every answer whose resource begins with prefix.
func lie(prefix string) func(log, resource string, b []byte) ([]byte, error) {
	return func(_, resource string, b []byte) ([]byte, error) {
		if strings.HasPrefix(resource, prefix) && len(b) > 40 {
			b[40] ^= 1
		}
		return b, nil
	}
}

func TestForkKeepsBothNotesAndTheOldView(t *testing.T) {
	w := newWorld(t)
	w.city.Records.Fill(1000)
	other := w.city.Records.Clone()
	w.city.Records.Fill(10)
	w.sync(t)
	view := w.c.View()

	// The same size with another root.
	other.Append([]byte("\x01another history"))
	other.Fill(9)
	raw := other.Checkpoint(w.Time.Add(time.Hour))
	if err := w.c.Apply(t.Context(), other.Short, raw, w.src); err == nil {
		t.Fatal("a second root for one size is accepted")
	}
	// A larger size whose tiles differ from what is held.
	other.Fill(2000)
	w.src.Replace(other)
	if _, err := w.c.Sync(t.Context(), w.src); err == nil {
		t.Fatal("another history is accepted")
	}
	var fork *ledger.ForkError
	if err := w.c.Apply(t.Context(), other.Short, other.Checkpoint(w.Time), w.src); !errors.As(err, &fork) {
		t.Fatalf("another history: %v", err)
	}
	if w.c.View().Log(other.Short) != view.Log(other.Short) {
		t.Error("the fork changed the view")
	}
	checkForks(t, w.c.Alarms(), other.Short, view.Log(other.Short).Raw, raw)
	w.reopen(t)
	checkForks(t, w.c.Alarms(), other.Short, view.Log(other.Short).Raw, raw)
	// The honest history goes on.
	w.src.Replace(w.city.Records)
	w.city.Records.Fill(300)
	w.sync(t)
	w.same(t)
}

// A smaller checkpoint of another history is not a rollback but a fork.
func TestForkBelowTheFloor(t *testing.T) {
	for _, size := range []int{256, 300, 512, 1030} { // sealed, closed, sealed, open
		w := newWorld(t)
		w.city.Records.Fill(1040)
		w.sync(t)
		mine := w.city.Records.CheckpointOf(uint64(size), w.Time, ledgertest.Witnesses()...)
		if err := w.c.Apply(t.Context(), w.city.Records.Short, mine, w.src); !errors.Is(err, ledger.ErrRollback) {
			t.Errorf("size %d of the same history: %v", size, err)
		}
		if a := w.c.Alarms(); len(a) != 0 {
			t.Fatalf("an old note raises %v", a)
		}
		other := ledgertest.NewLog(w.city.Records.Short, w.city.Records.Origin, ledgertest.Witnesses()...)
		for range size {
			other.Append([]byte("\x01another history"))
		}
		var fork *ledger.ForkError
		if err := w.c.Apply(t.Context(), other.Short, other.Checkpoint(w.Time), w.src); !errors.As(err, &fork) {
			t.Errorf("size %d of another history: %v", size, err)
		}
		if a := w.c.Alarms(); len(a) != 1 || a[0].Kind != cache.AlarmFork {
			t.Errorf("alarms %v", a)
		}
	}
}

// checkForks checks that there are two alarms, the first one over these notes.
func checkForks(t *testing.T, alarms []cache.Alarm, log string, held, found []byte) {
	t.Helper()
	if len(alarms) != 2 {
		t.Fatalf("%d alarms, want 2: %v", len(alarms), alarms)
	}
	a := alarms[0]
	if a.Kind != cache.AlarmFork || a.Log != log || string(a.Found) != string(found) || string(a.Held) != string(held) {
		t.Errorf("alarm %+v", a)
	}
}

func TestLyingMirrorIsLeftForAnother(t *testing.T) {
	for _, what := range []string{"tile/0", "tile/1", "tile/2", "tile/entries", "checkpoint"} {
		t.Run(strings.ReplaceAll(what, "/", "-"), func(t *testing.T) {
			w := newWorld(t)
			if w.city.Records.Fill(1000); what == "tile/2" {
				w.city.Records.Fill(5 * 65536) // so that level 2 is read
			}
			for i := range 700 {
				w.SetStatus(w.city, uint64(i), ledger.Revoked)
			}
			liar := ledgertest.NewSource(w.Nation)
			liar.SetFault(lie(what))
			if _, err := w.c.Sync(t.Context(), liar); err == nil {
				t.Fatal("a lying mirror alone is enough")
			}
			if _, err := w.c.Sync(t.Context(), several{w.src, []cache.Source{liar, w.src}}); err != nil {
				t.Fatal(err)
			}
			w.same(t)
			w.city.Records.Fill(1000)
			if _, err := w.c.Sync(t.Context(), several{w.src, []cache.Source{liar, w.src}}); err != nil {
				t.Fatal(err)
			}
			w.same(t)
			if a := w.c.Alarms(); len(a) != 0 {
				t.Errorf("a lying mirror looks like %v", a)
			}
			w.reopen(t)
			w.same(t)
		})
	}
}

// frozen serves one log's old checkpoint for ever.
func frozen(w *world, log string) *ledgertest.Source {
	old := map[string][]byte{}
	for _, l := range w.Logs() {
		old[l.Short] = l.Checkpoint(w.Time)
	}
	s := ledgertest.NewSource(w.Nation)
	s.SetFault(func(l, resource string, b []byte) ([]byte, error) {
		if l == log && resource == ledger.CheckpointPath {
			return old[l], nil
		}
		return b, nil
	})
	return s
}

func TestFrozenMirrorDoesNotFreezeTheLog(t *testing.T) {
	w := newWorld(t)
	w.city.Records.Fill(10)
	stuck := frozen(w, w.city.Records.Short)
	w.city.Records.Fill(10)
	w.Time = w.Time.Add(time.Hour)
	if _, err := w.c.Sync(t.Context(), several{w.src, []cache.Source{stuck, w.src}}); err != nil {
		t.Fatal(err)
	}
	w.same(t)
	// Alone it freezes one log, which the log's own time shows.
	w.Time = w.Time.Add(time.Hour)
	if _, err := w.c.Sync(t.Context(), stuck); !errors.Is(err, ledger.ErrRollback) {
		t.Errorf("a frozen mirror: %v", err)
	}
	v := w.c.View()
	if !v.Log(w.city.Records.Short).Time.Before(v.Log(w.city.Status.Short).Time) {
		t.Error("the frozen log's time moved on")
	}
}

// stalled never answers.
type stalled struct{}

func (stalled) Checkpoint(ctx context.Context, _ string) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (stalled) Tile(ctx context.Context, _ string, _ int, _ uint64, _ int) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (stalled) Entries(ctx context.Context, _ string, _ uint64, _ int) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestStalledMirrorIsLeftForAnother(t *testing.T) {
	n := ledgertest.NewNation()
	n.AddRegistry("MA.156.1301", "sjz").Records.Fill(600)
	path := filepath.Join(t.TempDir(), "t.db")
	synctest.Test(t, func(t *testing.T) {
		c, err := cache.Open(path, cache.Options{Root: n.Root, Stall: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		src := ledgertest.NewSource(n)
		if _, err := c.Sync(t.Context(), several{src, []cache.Source{stalled{}, src}}); err != nil {
			t.Fatal(err)
		}
		if l := c.View().Log("sjz-records"); l == nil || l.Size != 600 {
			t.Error("the log is not held")
		}
	})
}

// slow answers truly, a second late.
type slow struct{ *ledgertest.Source }

func (s slow) Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error) {
	select {
	case <-time.After(time.Second):
		return s.Source.Tile(ctx, log, level, n, width)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestTilesAreReadAhead(t *testing.T) {
	n := ledgertest.NewNation()
	city := n.AddRegistry("MA.156.1301", "sjz")
	src := ledgertest.NewSource(n)
	src.ReplaceBig(ledgertest.NewBig(city.Records, 64<<16))
	path := filepath.Join(t.TempDir(), "t.db")
	synctest.Test(t, func(t *testing.T) {
		c, err := cache.Open(path, cache.Options{Root: n.Root})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		if _, err := c.Sync(t.Context(), slow{src}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("64 tiles with a second each took %v", took)
		}
	})
}

// errCut is what a link that breaks gives.
var errCut = errors.New("link cut")

func TestInterruptedDownloadGoesOn(t *testing.T) {
	w := newWorld(t)
	w.city.Records.Fill(5*65536 + 700)
	for i := range 6000 {
		w.SetStatus(w.city, uint64(i), ledger.Suspended)
	}
	w.src.SetFault(func(_, resource string, b []byte) ([]byte, error) {
		if resource == "tile/1/003" || resource == "tile/entries/015" {
			return nil, errCut
		}
		return b, nil
	})
	for range 2 {
		if _, err := w.c.Sync(t.Context(), w.src); !errors.Is(err, errCut) {
			t.Fatalf("a link that breaks: %v", err)
		}
		w.reopen(t)
	}
	w.src.SetFault(nil)
	// Meanwhile the logs have grown.
	w.city.Records.Fill(65536)
	w.SetStatus(w.city, 9, ledger.Revoked)
	w.sync(t)
	w.same(t)
	for i := range 3 {
		if got := w.src.Reads(w.city.Records.Short, fmt.Sprintf("tile/1/%03d", i)); got != 1 {
			t.Errorf("level-1 tile %d was read %d times", i, got)
		}
	}
	if got := w.src.Reads(w.city.Status.Short, "tile/entries/007"); got != 1 {
		t.Errorf("entry bundle 7 was read %d times", got)
	}
	w.reopen(t)
	w.same(t)
}
