package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"citygate/trust/ledger"
)

// history gives n entries of a status log about a few hundred records, with snapshots where they belong, as an office writes them.
func history(t *testing.T, n int, r *rand.Rand) [][]byte {
	t.Helper()
	var entries [][]byte
	var set *ledger.StatusSet
	folded := 0
	for len(entries) < n {
		if at := len(entries); at > 0 && at%ledger.SnapshotInterval == 0 {
			set, folded = set.With(entries[folded:]), at
			parts, err := ledger.EncodeSnapshot(set, uint64(at))
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, parts...)
			continue
		}
		raw, err := ledger.StatusEntry{Index: r.Uint64N(300) * r.Uint64N(1e9), Status: ledger.Status(1 + r.IntN(4)), Time: 1782900000}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, raw)
	}
	return entries
}

// testStatuses: from the newest whole snapshot on the page says of every record what the fold of all entries says, and reads no more than that.
func (s *stage) testStatuses(t *testing.T) {
	page := s.testPage(t)
	r := rand.New(rand.NewPCG(1, 2))
	whole := history(t, 9000, r)
	many := &ledger.StatusSet{}
	var raws [][]byte
	for i := range uint64(40_000) { // a snapshot of several parts
		raw, err := ledger.StatusEntry{Index: i * 1000, Status: ledger.Revoked + ledger.Status(i%2), Time: 1}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, raw)
	}
	parts, err := ledger.EncodeSnapshot(many.With(raws), ledger.SnapshotInterval)
	if err != nil || len(parts) < 3 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	long := slices.Concat(raws[:ledger.SnapshotInterval], parts, whole[:50])
	bad := slices.Clone(whole)
	bad[2*ledger.SnapshotInterval] = whole[ledger.SnapshotInterval]
	for _, c := range []struct {
		name    string
		entries [][]byte
		read    int
	}{
		{"nothing", [][]byte{}, 0},
		{"no snapshot yet", whole[:ledger.SnapshotInterval], ledger.SnapshotInterval},
		{"just a snapshot", whole[:ledger.SnapshotInterval+1], 1},
		{"a snapshot and more", whole[:ledger.SnapshotInterval+700], 700},
		{"two snapshots", whole, 9000 - 2*ledger.SnapshotInterval},
		{"a false place", bad, 9000 - ledger.SnapshotInterval},
		{"several parts", long, len(long) - ledger.SnapshotInterval},
		{"parts that are missing", long[:ledger.SnapshotInterval+2], ledger.SnapshotInterval + 2},
	} {
		want := set(c.entries)
		if strings.Contains(c.name, "several") {
			want = many.With(raws).With(whole[:50]) // what the snapshot says, not what came before it
		}
		indices := []uint64{0, 1, 999, 1000, 39_999_000, 1 << 40}
		for _, n := range want.NotGood() {
			indices = append(indices, n.Index, n.Index+1)
		}
		in, err := json.Marshal([]any{texts(c.entries), indices})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Read int
			Said []string
		}
		run(t, page, c.name, chromedp.Evaluate(fmt.Sprintf("statuses(...%s)", in), &got, awaitPromise))
		for i, index := range indices {
			if got.Said[i] != want.Of(index).String() {
				t.Fatalf("%s: record %d is %s, want %s", c.name, index, got.Said[i], want.Of(index))
			}
		}
		if got.Read != c.read {
			t.Errorf("%s: %d entries were read, want %d", c.name, got.Read, c.read)
		}
	}
	s.agreeOnParts(t, many, many.With(raws[:3]), set(whole[:40]))
}

func set(entries [][]byte) *ledger.StatusSet {
	var s *ledger.StatusSet
	return s.With(entries)
}

// agreeOnParts mangles snapshots of one part.
func (s *stage) agreeOnParts(t *testing.T, sets ...*ledger.StatusSet) {
	page := s.testPage(t)
	const index = ledger.SnapshotInterval
	for _, x := range sets {
		parts, err := ledger.EncodeSnapshot(x, index)
		if err != nil {
			t.Fatal(err)
		}
		short := parts[0]
		agree(t, page, "snapshot", texts(mangled(short, 900)), index, func(s string) string {
			p, err := ledger.ParseSnapshotPart(index, octets(s))
			if err != nil {
				return "refused"
			}
			set, err := ledger.StatusesOf([]ledger.SnapshotPart{{Size: p.Size, Parts: 1, List: p.List}})
			if err != nil {
				return "refused"
			}
			sum := uint64(0) // of all that is read, so that the test's log stays short
			for i, r := range set.NotGood() {
				sum = (sum + uint64(i+1)*(2*(r.Index%997)+uint64(r.Status))) % 31
			}
			return fmt.Sprintf("%d of %d", sum, len(set.NotGood()))
		})
	}
}

// testSnapshot: a phone answers from the newest snapshot of a long status log, whose history this mirror has lost; a mirror without the
// snapshot hides nothing.
func (s *stage) testSnapshot(t *testing.T) {
	w := newWorld(t)
	for w.sjz.Status.Size() < ledger.SnapshotInterval {
		w.SetStatus(w.sjz, 200, ledger.Suspended)
	}
	var raws [][]byte
	for i := range w.sjz.Status.Size() {
		raws = append(raws, w.sjz.Status.Entry(i))
	}
	parts, err := ledger.EncodeSnapshot(set(raws), w.sjz.Status.Size())
	if err != nil {
		t.Fatal(err)
	}
	w.sjz.Status.Append(parts...)
	w.SetStatus(w.sjz, w.index["placed"], ledger.Revoked)
	s.set(w)
	phone := tab(t, s.ctx, "en")
	ask := func() {
		for name, want := range map[string]string{"lamp": "valid", "revoked": "revoked", "suspended": "suspended", "restored": "valid", "placed": "revoked"} {
			if got := visit(t, phone, address(w.text(w.code(name, "sjz")))); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	w.source.SetFault(func(log, resource string, b []byte) ([]byte, error) {
		if log == "sjz-status" && strings.HasPrefix(resource, "tile/entries/0") && !strings.HasPrefix(resource, ledger.EntriesPath(16, 256)) {
			return nil, errors.New("lost")
		}
		return b, nil
	})
	ask()
	for name, f := range map[string]fault{
		"no bundle of the snapshot": missing("sjz-status"), "one bit of it": flip("sjz-status", ledger.EntriesPath(16, len(parts)+1)),
	} {
		w.source.SetFault(f)
		if got := visit(t, phone, address(w.text(w.code("revoked", "sjz")))); got != "stale-trust" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
