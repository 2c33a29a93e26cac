package ledger_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"citygate/trust/ledger"
)

func statusEntry(t testing.TB, index uint64, s ledger.Status) []byte {
	t.Helper()
	raw, err := ledger.StatusEntry{Index: index, Status: s, Time: 1782900000}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestStatusRules(t *testing.T) {
	const unknown = 9
	for _, tc := range []struct {
		entries []ledger.Status
		want    ledger.Status
	}{
		{nil, ledger.Good},
		{[]ledger.Status{ledger.Revoked}, ledger.Revoked},
		{[]ledger.Status{ledger.Revoked, ledger.Restored}, ledger.Revoked},
		{[]ledger.Status{ledger.Revoked, ledger.Suspended, ledger.Restored}, ledger.Revoked},
		{[]ledger.Status{ledger.Suspended}, ledger.Suspended},
		{[]ledger.Status{ledger.Suspended, ledger.Restored}, ledger.Good},
		{[]ledger.Status{ledger.Restored}, ledger.Good},
		{[]ledger.Status{ledger.Suspended, ledger.Revoked, ledger.Restored}, ledger.Revoked},
		{[]ledger.Status{unknown}, ledger.Suspended},
		{[]ledger.Status{unknown, ledger.Restored}, ledger.Good},
		{[]ledger.Status{ledger.Revoked, unknown}, ledger.Revoked},
		{[]ledger.Status{1 << 40}, ledger.Suspended},
	} {
		var set *ledger.StatusSet
		for _, s := range tc.entries {
			set = set.With([][]byte{statusEntry(t, 70_000, s)})
		}
		if got := set.Of(70_000); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.entries, got, tc.want)
		}
		if set.Of(69_999) != ledger.Good || set.Of(70_001) != ledger.Good || set.Of(1<<60) != ledger.Good {
			t.Errorf("%v: a neighbour changed", tc.entries)
		}
	}
	set := (*ledger.StatusSet)(nil).With([][]byte{{0}, nil, []byte("garbage"), statusEntry(t, 1, ledger.Revoked)})
	if set.Void != 3 || set.Of(1) != ledger.Revoked {
		t.Errorf("garbage: %d void", set.Void)
	}
}

// The paged set is a map from index to status, and folds never change each other.
func TestStatusSetIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := map[uint64]ledger.Status{}
		set := new(ledger.StatusSet)
		index := rapid.OneOf(rapid.Uint64Range(0, 12_000), rapid.Uint64Range(65_000, 66_000), rapid.Uint64Range(0, ledger.MaxIndex-1))
		for range rapid.IntRange(1, 20).Draw(t, "folds") {
			before := set
			probe := index.Draw(t, "probe")
			was := before.Of(probe)
			var raws [][]byte
			start := index.Draw(t, "start")
			for i := range uint64(rapid.IntRange(0, 3000).Draw(t, "count")) {
				s := ledger.Status(rapid.SampledFrom([]int{1, 2, 3, 7}).Draw(t, "status"))
				at := (start + i) % ledger.MaxIndex
				raw, err := ledger.StatusEntry{Index: at, Status: s}.Encode()
				if err != nil {
					t.Fatal(err)
				}
				raws = append(raws, raw)
				switch {
				case model[at] == ledger.Revoked:
				case s == ledger.Revoked:
					model[at] = ledger.Revoked
				case s == ledger.Restored:
					delete(model, at)
				default:
					model[at] = ledger.Suspended
				}
			}
			set = set.With(raws)
			if before.Of(probe) != was {
				t.Fatal("a fold changed the one before")
			}
		}
		for i, want := range model {
			if got := set.Of(i); got != want {
				t.Fatalf("status of %d: %v, want %v", i, got, want)
			}
		}
		if i := index.Draw(t, "other"); set.Of(i) != model[i] {
			t.Fatalf("status of %d: %v, want %v", i, set.Of(i), model[i])
		}
	})
}

func TestStatusEntryBytes(t *testing.T) {
	raw := statusEntry(t, 421, ledger.Suspended)
	if got := hex.EncodeToString(raw); got != "831901a5021a6a44e520" {
		t.Errorf("bytes %s", got)
	}
	for _, e := range []ledger.StatusEntry{{Index: 1 << 48, Status: 1}, {Status: 0}, {Status: 1, Time: -1}} {
		if _, err := e.Encode(); err == nil {
			t.Errorf("%+v is written", e)
		}
	}
	for _, bad := range []string{"", "00", "80", "8201a5", "83010100ff", "9f010100ff", "8318010100", "83010001", "83200100", "c1830101 00"} {
		b, _ := hex.DecodeString(bad)
		if e, err := ledger.ParseStatusEntry(b); err == nil {
			t.Errorf("%s is read as %+v", bad, e)
		}
	}
}

func FuzzParseStatusEntry(f *testing.F) {
	f.Add(statusEntry(f, 421, ledger.Suspended))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ledger.ParseStatusEntry(raw)
		if err != nil {
			return
		}
		if again, err := e.Encode(); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%x is written as %x: %v", raw, again, err)
		}
	})
}
