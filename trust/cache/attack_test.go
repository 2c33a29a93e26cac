package cache_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
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
	check := func() {
		t.Helper()
		alarms := w.c.Alarms()
		if len(alarms) != 2 {
			t.Fatalf("%d alarms, want 2: %v", len(alarms), alarms)
		}
		a := alarms[0]
		if a.Kind != cache.AlarmFork || a.Log != other.Short || string(a.Found) != string(raw) || string(a.Held) != string(view.Log(other.Short).Raw) {
			t.Errorf("alarm %+v", a)
		}
	}
	check()
	w.reopen(t)
	check()
	// The honest history goes on.
	w.src.Replace(w.city.Records)
	w.city.Records.Fill(300)
	w.sync(t)
	w.same(t)
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

func TestWithdrawnRowLoggedAgain(t *testing.T) {
	w := newWorld(t)
	w.Withdraw(w.key, 100)
	w.Directory.Append(w.Directory.Entry(uint64(w.key.Index)))
	w.sync(t)
	dir := w.c.View().Directory()
	if _, state := dir.Key(w.key.Index); state != ledger.KeyWithdrawn {
		t.Errorf("state %d", state)
	}
	if _, state := dir.Key(uint32(w.Directory.Size() - 1)); state != ledger.KeyNone {
		t.Errorf("the row logged again has state %d", state)
	}
}

// A gateway slept through two rotations that replaced institutes and witnesses.
func TestRotationsAreWalked(t *testing.T) {
	w := newWorld(t)
	w.sync(t)
	inst, witnesses := ledgertest.Institutes(), ledgertest.Witnesses()
	first := w.Root
	for i := range 2 {
		keys := []string{fmt.Sprintf("institute-x%d.example", i), fmt.Sprintf("institute-y%d.example", i)}
		cosigners := []string{fmt.Sprintf("witness-x%d.example", i), fmt.Sprintf("witness-y%d.example", i)}
		next := w.Root
		next.DirectoryKeys, next.Directory.Witnesses = nil, nil
		for j := range keys {
			next.DirectoryKeys = append(next.DirectoryKeys, ledgertest.VKey(keys[j]))
			next.Directory.Witnesses = append(next.Directory.Witnesses, ledgertest.VKey(cosigners[j]))
		}
		w.Log(ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: w.Root, Root: next}}, append(slices.Clone(inst[:2]), keys...)...)
		w.src.AddRotation(w.Directory.CheckpointOf(w.Directory.Size(), w.Time, witnesses...))
		w.Root, inst, witnesses = next, keys, cosigners
		w.Directory.Witnesses = cosigners
	}
	w.sync(t)
	w.same(t)
	if got := w.c.View().Directory().Rotations(); len(got) != 2 {
		t.Errorf("rotations %v", got)
	}
	// It starts again, with the old configuration and with the new one.
	newest := w.Root
	for _, root := range []ledger.RootPolicy{first, newest} {
		w.Root = root
		w.reopen(t)
		w.same(t)
		if _, state := w.c.View().Key(w.key.Index); state != ledger.KeyLive {
			t.Errorf("key state %d", state)
		}
	}
	if a := w.c.Alarms(); len(a) != 0 {
		t.Errorf("alarms %v", a)
	}
	// A checkpoint under the first policy has no say any more.
	old := w.Directory.CheckpointOf(w.Directory.Size(), w.Time.Add(time.Hour), ledgertest.Witnesses()...)
	if err := w.c.Apply(t.Context(), ledger.DirectoryLog, old, w.src); !errors.Is(err, ledger.ErrQuorum) {
		t.Errorf("a checkpoint under an old policy: %v", err)
	}
}
