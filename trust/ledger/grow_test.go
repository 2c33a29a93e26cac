package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// mirror serves a log's tiles, wider than asked for, and lies where fault says so.
type mirror struct {
	*ledgertest.Log
	fault func(level int, n uint64, hashes []ledger.Hash) []ledger.Hash
	saved []string
	reads int
}

func (m *mirror) ReadTile(level int, n uint64, width int) ([]ledger.Hash, error) {
	m.reads++
	widest := int(min(ledger.TileWidth, m.Size()>>(8*level)-n*ledger.TileWidth))
	if width > widest {
		return nil, fmt.Errorf("tile %d/%d has no %d hashes", level, n, width)
	}
	b, err := m.Tile(level, n, widest)
	if err != nil {
		return nil, err
	}
	hashes, err := ledger.ParseTile(b)
	if m.fault != nil {
		hashes = m.fault(level, n, slices.Clone(hashes))
	}
	return hashes, err
}

func (m *mirror) SaveTile(level int, n uint64, _ []ledger.Hash) {
	m.saved = append(m.saved, ledger.TilePath(level, n, ledger.TileWidth))
}

// at returns the tree of the log's first size entries.
func at(t testing.TB, l *ledgertest.Log, size uint64) *ledger.Tree {
	t.Helper()
	tree, err := ledger.Grow(new(ledger.Tree), size, l.Root(size), &mirror{Log: l})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func filled(n int) *ledgertest.Log {
	l := ledgertest.NewLog("x-records", "x.example", ledgertest.Witnesses()...)
	l.Fill(n)
	return l
}

// From any size to any larger one, with mirrors that hold more, the tree is the
// one that x/mod computes.
func TestGrow(t *testing.T) {
	l := filled(200_000)
	sizes := []uint64{0, 1, 2, 255, 256, 257, 511, 512, 1000, 65535, 65536, 65537, 66000, 70000, 131072, 131328, 199999, 200000}
	for i, from := range sizes {
		old := at(t, l, from)
		for _, to := range sizes[i:] {
			m := &mirror{Log: l}
			tree, err := ledger.Grow(old, to, l.Root(to), m)
			if err != nil {
				t.Fatalf("%d to %d: %v", from, to, err)
			}
			if tree.Size() != to || tree.Root() != l.Root(to) {
				t.Fatalf("%d to %d: size %d, root %s", from, to, tree.Size(), tree.Root())
			}
			if old.Size() != from || old.Root() != l.Root(from) {
				t.Fatalf("%d to %d changed the old tree", from, to)
			}
		}
	}
	if _, err := ledger.Grow(at(t, l, 300), 299, l.Root(299), &mirror{Log: l}); !errors.Is(err, ledger.ErrRollback) {
		t.Errorf("smaller: %v", err)
	}
}

// Reading one more batch costs three tiles, however large the log is.
func TestGrowReadsOnlyTheEdge(t *testing.T) {
	l := filled(200_000)
	for _, from := range []uint64{1000, 70_001, 199_000} {
		m := &mirror{Log: l}
		if _, err := ledger.Grow(at(t, l, from), from+256, l.Root(from+256), m); err != nil || m.reads != 3 {
			t.Errorf("from %d: %d reads, %v", from, m.reads, err)
		}
	}
}

// second returns another history: the log's first keep entries and then others.
func second(l *ledgertest.Log, keep uint64, size int) *ledgertest.Log {
	f := ledgertest.NewLog(l.Short, l.Origin, l.Witnesses...)
	for i := range keep {
		f.Append(l.Entry(i))
	}
	for i := f.Size(); i < uint64(size); i++ {
		f.Append(fmt.Appendf(nil, "\x01other %d", i))
	}
	return f
}

func TestGrowFindsForks(t *testing.T) {
	l := filled(70_000)
	for _, tc := range []struct {
		held, keep uint64
		size       int
		level      int
		n          uint64
	}{
		{1000, 300, 1200, 1, 1},    // a full subtree differs, few tiles
		{1000, 900, 1200, 0, 900},  // a leaf of the open tile that has closed
		{1000, 900, 1010, 0, 900},  // a leaf of the open tile
		{69_990, 10, 70_000, 1, 0}, // an old subtree under a level-2 node
		{69_990, 69_985, 199_000, 0, 69_985},
		{1000, 0, 199_000, 1, 0},
	} {
		f := second(l, tc.keep, tc.size)
		_, err := ledger.Grow(at(t, l, tc.held), f.Size(), f.Root(f.Size()), &mirror{Log: f})
		var fork *ledger.ForkError
		if !errors.As(err, &fork) || fork.Level != tc.level || fork.N != tc.n {
			t.Errorf("%+v: %v", tc, err)
		}
		// The note without its tiles, on top of honest ones, is a bad tile.
		if uint64(tc.size) <= l.Size() {
			_, err = ledger.Grow(at(t, l, tc.held), f.Size(), f.Root(f.Size()), &mirror{Log: l})
			var bad *ledger.BadTileError
			if !errors.As(err, &bad) {
				t.Errorf("%+v with the other history's tiles: %v", tc, err)
			}
		}
	}
}

// A mirror that lies in one hash never looks like a fork and never gets in.
func TestGrowFindsBadTiles(t *testing.T) {
	l := filled(140_000)
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Uint64Range(0, l.Size()).Draw(t, "from")
		to := rapid.Uint64Range(from, l.Size()).Draw(t, "to")
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, 1))
		count := 0
		m := &mirror{Log: l}
		m.fault = func(level int, n uint64, hashes []ledger.Hash) []ledger.Hash {
			if count++; rng.IntN(3) == 0 {
				hashes[rng.IntN(len(hashes))][rng.IntN(32)] ^= 1 << rng.IntN(8)
			}
			return hashes
		}
		old, err := ledger.Grow(new(ledger.Tree), from, l.Root(from), &mirror{Log: l})
		if err != nil {
			t.Fatal(err)
		}
		tree, err := ledger.Grow(old, to, l.Root(to), m)
		var bad *ledger.BadTileError
		switch {
		case err == nil && (tree.Root() != l.Root(to) || tree.Size() != to):
			t.Fatal("a wrong tree was accepted")
		case err != nil && !errors.As(err, &bad):
			t.Fatalf("not a bad tile: %v", err)
		}
	})
}

func TestGrowShortAndFailingTiles(t *testing.T) {
	l := filled(1000)
	short := &mirror{Log: l, fault: func(_ int, _ uint64, h []ledger.Hash) []ledger.Hash { return h[:1] }}
	var bad *ledger.BadTileError
	if _, err := ledger.Grow(new(ledger.Tree), 1000, l.Root(1000), short); !errors.As(err, &bad) {
		t.Errorf("short tiles: %v", err)
	}
	if _, err := ledger.Grow(new(ledger.Tree), 1200, l.Root(1000), &mirror{Log: l}); err == nil {
		t.Error("tiles that nobody has")
	}
}

func TestGrowSavesWhatItAuthenticated(t *testing.T) {
	l := filled(400_000)
	m := &mirror{Log: l}
	if _, err := ledger.Grow(new(ledger.Tree), l.Size(), l.Root(l.Size()), m); err != nil {
		t.Fatal(err)
	}
	want := []string{"tile/1/000", "tile/1/001", "tile/1/002", "tile/1/003", "tile/1/004", "tile/1/005"}
	if !slices.Equal(m.saved, want) {
		t.Errorf("saved %v", m.saved)
	}
}
