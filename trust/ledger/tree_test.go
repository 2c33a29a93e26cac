package ledger_test

import (
	"fmt"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"citygate/trust/ledger"
)

// Our roots are those of transparency-dev/merkle, for every shape of tree.
func TestRootConformance(t *testing.T) {
	h := rfc6962.DefaultHasher
	factory := compact.RangeFactory{Hash: h.HashChildren}
	all := factory.NewEmptyRange(0)
	tree := new(ledger.Tree)
	var strip, leaves []ledger.Hash
	for i := range 3000 {
		var root []byte
		if i == 0 {
			root = h.EmptyRoot()
		} else {
			r, err := all.GetRootHash(nil)
			if err != nil {
				t.Fatal(err)
			}
			root = r
		}
		if tree.Root() != ledger.Hash(root) || ledger.RebuildRoot(strip, leaves) != ledger.Hash(root) {
			t.Fatalf("size %d: root %s, want %x", i, tree.Root(), root)
		}
		entry := fmt.Appendf(nil, "entry %d", i)
		if err := all.Append(h.HashLeaf(entry), nil); err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, ledger.LeafHash(entry))
		var full []ledger.Hash
		if len(leaves) == ledger.TileWidth {
			full = []ledger.Hash{ledger.TileRoot(leaves)}
			strip, leaves = append(strip, full...), nil
		}
		var err error
		if tree, err = tree.Extend(full, leaves); err != nil {
			t.Fatal(err)
		}
	}
}

// A path of 8 hashes is an inclusion proof in a tree of 256 leaves, and growth
// between two of our roots has a consistency proof by x/mod.
func TestProofConformance(t *testing.T) {
	l := filled(2000)
	h := rfc6962.DefaultHasher
	tree := at(t, l, 2000)
	for _, i := range []uint64{0, 1, 255, 256, 700, 1791} {
		var hashes [][]byte
		path := l.Path(i)
		for j := 0; j < len(path); j += 32 {
			hashes = append(hashes, path[j:j+32])
		}
		sub, _ := tree.Subtree(i / 256)
		leaf := ledger.LeafHash(l.Entry(i))
		if err := proof.VerifyInclusion(h, i%256, 256, leaf[:], hashes, sub[:]); err != nil {
			t.Errorf("leaf %d: %v", i, err)
		}
		if got, ok := ledger.PathRoot(leaf, i, path); !ok || got != sub {
			t.Errorf("leaf %d: PathRoot %s", i, got)
		}
		for b := range path {
			path[b] ^= 1
			if got, ok := ledger.PathRoot(leaf, i, path); ok && got == sub {
				t.Errorf("leaf %d: byte %d of the path does not count", i, b)
			}
			path[b] ^= 1
		}
		if _, ok := ledger.PathRoot(leaf, i, path[:len(path)-1]); ok {
			t.Error("a short path leads somewhere")
		}
	}
	for _, size := range []int64{1, 256, 300, 1999} {
		p, err := tlog.ProveTree(2000, size, l)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(p, 2000, tree.Root(), size, at(t, l, uint64(size)).Root()); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

func TestTreeParts(t *testing.T) {
	l := filled(70_000)
	tree := at(t, l, 70_000)
	if tree.Full() != 273 || len(tree.Open()) != 70_000-273*256 || len(tree.StripTile(1)) != 17 || tree.StripTile(2) != nil {
		t.Errorf("full %d, open %d", tree.Full(), len(tree.Open()))
	}
	b, err := l.Tile(2, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if h, ok := tree.Node(2, 0); !ok || string(h[:]) != string(b) {
		t.Error("node of level 2 differs from the tile")
	}
	if _, ok := tree.Node(2, 1); ok {
		t.Error("a node that is not full has a hash")
	}
	if _, err := tree.Extend(nil, make([]ledger.Hash, 256)); err == nil {
		t.Error("a full tile is taken as the open one")
	}
}

func TestTilePaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<40).Draw(t, "n")
		width := rapid.IntRange(1, 256).Draw(t, "width")
		level := rapid.IntRange(0, 5).Draw(t, "level")
		path := ledger.TilePath(level, n, width)
		// x/mod writes the tile's height too.
		want := tlog.Tile{H: 8, L: level, N: int64(n), W: width}.Path()
		if "tile/8/"+path[len("tile/"):] != want {
			t.Fatalf("%s, want %s", path, want)
		}
		for _, p := range []string{path, ledger.EntriesPath(n, width), ledger.CheckpointPath, ledger.RotationPath(int(n % 65536))} {
			r, err := ledger.ParseResource(p)
			if err != nil || r.String() != p {
				t.Fatalf("%s is read as %+v: %v", p, r, err)
			}
		}
	})
	for _, bad := range []string{
		"", "tile", "tile/", "tile/0/1", "tile/0/0001", "tile/0/x000/001", "tile/6/000", "tile/-1/000", "tile/0/000.p/256",
		"tile/0/000.p/0", "tile/0/000.p/01", "tile/0/../000", "checkpoint/", "/checkpoint", "rotation/", "rotation/01", "tile/0/000/",
		"tile/entries/000.p/", "tile/data/000", "tile/0/x001/x002",
	} {
		if r, err := ledger.ParseResource(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, r)
		}
	}
}

func TestBundles(t *testing.T) {
	l := filled(300)
	b, err := l.Bundle(1, 44)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := ledger.ParseBundle(b)
	if err != nil || len(entries) != 44 || string(entries[43]) != string(l.Entry(299)) {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i := range b {
		if e, err := ledger.ParseBundle(b[:i]); err == nil && len(e) == 44 {
			t.Fatalf("whole without its last %d bytes", len(b)-i)
		}
	}
	if _, err := ledger.AppendBundle(nil, make([]byte, 1<<16)); err == nil {
		t.Error("an entry of 65,536 bytes is written")
	}
	if _, err := ledger.ParseBundle(make([]byte, 2*257)); err == nil {
		t.Error("257 entries are read")
	}
}

func FuzzParseResource(f *testing.F) {
	f.Add("tile/0/x001/234.p/12")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ledger.ParseResource(s); err == nil && r.String() != s {
			t.Errorf("%q is written as %q", s, r)
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte("\x00\x01a\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := ledger.ParseBundle(b)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			if again, err = ledger.AppendBundle(again, e); err != nil {
				t.Fatal(err)
			}
		}
		if string(again) != string(b) {
			t.Errorf("%x is written as %x", b, again)
		}
	})
}

func FuzzParseTile(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		if hashes, err := ledger.ParseTile(b); err == nil && string(ledger.AppendTile(nil, hashes)) != string(b) {
			t.Errorf("%x is written otherwise", b)
		}
	})
}
