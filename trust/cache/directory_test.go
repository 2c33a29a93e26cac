package cache_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

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
	var between ledger.RootPolicy
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
		between = w.Root
		w.Root, inst, witnesses = next, keys, cosigners
		w.Directory.Witnesses = cosigners
	}
	w.sync(t)
	w.same(t)
	if got := w.c.View().Directory().Rotations(); len(got) != 2 {
		t.Errorf("rotations %v", got)
	}
	// A new gateway whose image was made between the rotations finds the one that it needs.
	c, err := cache.Open(filepath.Join(t.TempDir(), "trust.db"), cache.Options{Root: between})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Sync(t.Context(), w.src); err != nil || len(c.View().Directory().Rotations()) != 2 {
		t.Errorf("configured between the rotations: %v, %v", c.View().Directory().Rotations(), err)
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
