package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
	"citygate/trust/mirror"
)

// Whoever waits for a long log sees how far it is, and the answers are the place's own.
func TestProgress(t *testing.T) {
	n := ledgertest.NewNation()
	city := n.AddRegistry("MA.156.1301", "sjz")
	city.Records.Fill(600)
	dir := t.TempDir()
	put := func(resource string, b []byte, err error) {
		path := filepath.Join(dir, "sjz-records", filepath.FromSlash(resource))
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	put(ledger.CheckpointPath, city.Records.Checkpoint(n.Time), nil)
	for i, width := range []int{ledger.TileWidth, ledger.TileWidth, 88} {
		b, err := city.Records.Bundle(uint64(i), width)
		put(ledger.EntriesPath(uint64(i), width), b, err)
	}
	var said strings.Builder
	w := watch(mirror.Dir{Path: dir}, &said)
	if _, err := w.Checkpoint(t.Context(), "sjz-records"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Entries(t.Context(), "sjz-records", 1, ledger.TileWidth); err != nil || said.Len() > 0 {
		t.Errorf("said %q, %v", said.String(), err)
	}
	w.every = 0
	b, err := w.Entries(t.Context(), "sjz-records", 2, 88)
	if err != nil || said.String() != "sjz-records: entry 512 of 600\n" {
		t.Errorf("said %q, %v", said.String(), err)
	}
	if entries, err := ledger.ParseBundle(b); err != nil || len(entries) != 88 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if _, err := w.Entries(t.Context(), "nothing", 0, 1); err == nil {
		t.Error("no error for what is not there")
	}
}
