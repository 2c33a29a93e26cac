package ledger_test

import (
	"bytes"
	"slices"
	"testing"

	"citygate/trust/ledger"
	"pgregory.net/rapid"
)

// set is a fold of statuses by index.
func set(t interface{ Fatal(...any) }, statuses map[uint64]ledger.Status) *ledger.StatusSet {
	var raws [][]byte
	for i, s := range statuses {
		raw, err := ledger.StatusEntry{Index: i, Status: s}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, raw)
	}
	return new(ledger.StatusSet).With(raws)
}

// A snapshot says what the fold says, however many records it has.
func TestSnapshot(t *testing.T) {
	many := map[uint64]ledger.Status{}
	for i := range uint64(60_000) {
		many[i*i%(1<<40)] = ledger.Revoked + ledger.Status(i&1)
	}
	dense := map[uint64]ledger.Status{}
	for i := range uint64(9000) {
		dense[1<<20+i] = ledger.Suspended
	}
	for what, c := range map[string]map[uint64]ledger.Status{
		"nothing": {}, "the first and the last": {0: ledger.Suspended, ledger.MaxIndex - 1: ledger.Revoked}, "many": many, "dense": dense,
	} {
		s := set(t, c)
		entries, err := ledger.EncodeSnapshot(s, 8192)
		if err != nil {
			t.Fatal(err)
		}
		var parts []ledger.SnapshotPart
		for i, e := range entries {
			p, err := ledger.ParseSnapshotPart(8192+uint64(i), e)
			if err != nil {
				t.Fatalf("%s: part %d: %v", what, i, err)
			}
			if _, err := ledger.ParseSnapshotPart(8193+uint64(i), e); err == nil {
				t.Errorf("%s: took part %d out of its place", what, i)
			}
			parts = append(parts, p)
		}
		got, err := ledger.StatusesOf(parts)
		if err != nil || len(got.NotGood()) != len(c) || !slices.Equal(got.NotGood(), s.NotGood()) {
			t.Errorf("%s: %d records of %d, %v", what, len(got.NotGood()), len(c), err)
		}
		if n := s.With(entries); n.Void != 0 || !slices.Equal(n.NotGood(), s.NotGood()) {
			t.Errorf("%s: a snapshot changed something", what)
		}
		if len(parts) > 1 {
			if _, err := ledger.StatusesOf(parts[1:]); err == nil {
				t.Errorf("%s: took a snapshot without its beginning", what)
			}
		}
	}
}

func TestSnapshotOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		statuses := rapid.MapOf(rapid.Uint64Range(0, 1<<18), rapid.SampledFrom([]ledger.Status{ledger.Revoked, ledger.Suspended})).Draw(t, "statuses")
		s := set(t, statuses)
		entries, err := ledger.EncodeSnapshot(s, 4096)
		if err != nil || len(entries) != 1 {
			t.Fatal(err)
		}
		p, err := ledger.ParseSnapshotPart(4096, entries[0])
		if err != nil {
			t.Fatal(err)
		}
		got, err := ledger.StatusesOf([]ledger.SnapshotPart{p})
		if err != nil || !slices.Equal(got.NotGood(), s.NotGood()) {
			t.Fatalf("%v, %v", got.NotGood(), err)
		}
	})
}

func FuzzSnapshotPart(f *testing.F) {
	for _, c := range []map[uint64]ledger.Status{{}, {3: ledger.Revoked, 900: ledger.Suspended}} {
		entries, err := ledger.EncodeSnapshot(set(f, c), 4096)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(entries[0])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ledger.ParseSnapshotPart(4096, b)
		if err != nil || p.Parts != 1 {
			return
		}
		s, err := ledger.StatusesOf([]ledger.SnapshotPart{p})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ledger.EncodeSnapshot(s, 4096); err != nil || !bytes.Equal(again[0], b) {
			t.Errorf("%x became %x, %v", b, again, err)
		}
	})
}
