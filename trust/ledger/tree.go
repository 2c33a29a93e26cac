package ledger

import (
	"crypto/sha256"
	"errors"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// This file implements the tree that a client keeps of a log: strip, open tile
// and the root rebuilt from them (RFC 9162, section 2.1.1).

// Hash is a SHA-256 node or leaf hash.
type Hash = tlog.Hash

// TileWidth is the number of hashes in a full tile and of leaves under one hash
// of the strip; TileHeight is its base-2 logarithm.
const (
	TileWidth  = 256
	TileHeight = 8
)

// tile is one full or growing level-1 tile of the strip.
type tile = [TileWidth]Hash

// Tree is the strip and the open tile of one log at one size. A Tree never
// changes; Extend returns a new one that shares what did not change. The zero
// Tree is the empty log's.
type Tree struct {
	tiles []*tile // the strip: level-1 tiles, the last may be partial
	full  uint64  // full 256-leaf subtrees in the strip
	peaks []Hash  // roots of the perfect subtrees of the strip, widest first
	open  []Hash  // leaves behind the strip, at most 255
}

// NewTree builds a tree from all hashes of a strip, in order, and the leaves of
// the open tile, which may be at most 255.
func NewTree(strip, open []Hash) (*Tree, error) {
	return new(Tree).Extend(strip, open)
}

// Extend returns the tree that has the hashes of strip behind those of t and
// open as its open tile. It proves nothing by itself: Grow does. Its cost does
// not depend on t's size, apart from one pointer for 65,536 leaves.
func (t *Tree) Extend(strip, open []Hash) (*Tree, error) {
	if len(open) >= TileWidth {
		return nil, errors.New("open tile has 256 leaves or more")
	}
	b := newBuilder(t)
	for _, h := range strip {
		b.append(h)
	}
	return b.tree(open), nil
}

// builder collects the strip of a tree that grows out of another one.
type builder struct {
	t   Tree
	own int // index of the last tile that the builder may write to, -1 for none
}

func newBuilder(old *Tree) builder {
	b := builder{t: Tree{full: old.full}, own: -1}
	b.t.tiles = append(make([]*tile, 0, len(old.tiles)+2), old.tiles...)
	b.t.peaks = append(make([]Hash, 0, 64), old.peaks...)
	return b
}

// append adds one hash to the strip, copying a tile that older trees share.
func (b *builder) append(h Hash) {
	i, at := int(b.t.full/TileWidth), b.t.full%TileWidth
	switch {
	case at == 0:
		b.t.tiles = append(b.t.tiles, new(tile))
	case b.own != i:
		shared := *b.t.tiles[i]
		b.t.tiles[i] = &shared
	}
	b.own = i
	b.t.tiles[i][at] = h
	b.t.full++
	b.t.peaks = push(b.t.peaks, b.t.full, h)
}

// tree returns what was built; the builder must not be used afterwards.
func (b *builder) tree(open []Hash) *Tree {
	b.t.open = open
	return &b.t
}

// push adds the count-th hash to the roots of perfect subtrees, merging as many
// as count has trailing zero bits.
func push(peaks []Hash, count uint64, h Hash) []Hash {
	for range bits.TrailingZeros64(count) {
		h = tlog.NodeHash(peaks[len(peaks)-1], h)
		peaks = peaks[:len(peaks)-1]
	}
	return append(peaks, h)
}

// Size returns the number of leaves.
func (t *Tree) Size() uint64 { return t.full*TileWidth + uint64(len(t.open)) }

// Full returns the number of full 256-leaf subtrees, which is the strip's length.
func (t *Tree) Full() uint64 { return t.full }

// Root computes the tree's root from the roots of its perfect subtrees.
func (t *Tree) Root() Hash {
	peaks := append(make([]Hash, 0, 128), t.peaks...)
	for i, h := range t.open {
		peaks = push(peaks, uint64(i+1), h)
	}
	return fold(peaks)
}

// fold joins the roots of perfect subtrees, widest first, to a tree's root.
func fold(peaks []Hash) Hash {
	if len(peaks) == 0 {
		return sha256.Sum256(nil)
	}
	h := peaks[len(peaks)-1]
	for i := len(peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(peaks[i], h)
	}
	return h
}

// RebuildRoot computes the root of the log whose strip and open tile are given,
// from nothing else.
func RebuildRoot(strip, open []Hash) Hash {
	peaks := make([]Hash, 0, 128)
	for i, h := range strip {
		peaks = push(peaks, uint64(i+1), h)
	}
	for i, h := range open {
		peaks = push(peaks, uint64(i+1), h)
	}
	return fold(peaks)
}

// Subtree returns hash n of the strip.
func (t *Tree) Subtree(n uint64) (Hash, bool) {
	if n >= t.full {
		return Hash{}, false
	}
	return t.tiles[n/TileWidth][n%TileWidth], true
}

// OpenLeaf returns the hash of the leaf at index if it lies in the open tile.
func (t *Tree) OpenLeaf(index uint64) (Hash, bool) {
	if index/TileWidth != t.full || index%TileWidth >= uint64(len(t.open)) {
		return Hash{}, false
	}
	return t.open[index%TileWidth], true
}

// Open returns the leaves of the open tile. Callers must not change them.
func (t *Tree) Open() []Hash { return t.open }

// StripTile returns the hashes that the strip has of level-1 tile n, at most
// 256, nil if it has none. Callers must not change them.
func (t *Tree) StripTile(n uint64) []Hash {
	if n*TileWidth >= t.full {
		return nil
	}
	return t.tiles[n][:min(TileWidth, t.full-n*TileWidth)]
}

// Node returns the hash of the full node n at tile level (a node of level 1 has
// 256 leaves, of level 2 65,536), if the strip covers all of it. Level 1 costs
// nothing, level 2 hashes one tile, each level above 256 times as much.
func (t *Tree) Node(level int, n uint64) (Hash, bool) {
	if level < 1 || level > 7 {
		return Hash{}, false
	}
	width := uint64(1) << (TileHeight * (level - 1)) // strip hashes under one node
	if n >= t.full/width {
		return Hash{}, false
	}
	peaks := make([]Hash, 0, 64)
	for i := range width {
		h, _ := t.Subtree(n*width + i)
		peaks = push(peaks, i+1, h)
	}
	return peaks[0], true
}

// PathRoot returns the root of the 256-leaf subtree that path leads to from the
// leaf at index: path has exactly 8 sibling hashes of 32 bytes, leaf upward.
// It does not allocate.
func PathRoot(leaf Hash, index uint64, path []byte) (Hash, bool) {
	if len(path) != TileHeight*tlog.HashSize {
		return Hash{}, false
	}
	h := leaf
	for ; len(path) > 0; path, index = path[tlog.HashSize:], index>>1 {
		sibling := Hash(path[:tlog.HashSize])
		if index&1 == 0 {
			h = tlog.NodeHash(h, sibling)
		} else {
			h = tlog.NodeHash(sibling, h)
		}
	}
	return h, true
}

// Path returns the 8 sibling hashes that lead from leaf i of a full tile of
// leaves to the tile's root, in the form that PathRoot takes.
func Path(leaves *[TileWidth]Hash, i int) []byte {
	level := leaves[:]
	path := make([]byte, 0, TileHeight*tlog.HashSize)
	for ; len(level) > 1; i >>= 1 {
		path = append(path, level[i^1][:]...)
		next := make([]Hash, len(level)/2)
		for j := range next {
			next[j] = tlog.NodeHash(level[2*j], level[2*j+1])
		}
		level = next
	}
	return path
}
