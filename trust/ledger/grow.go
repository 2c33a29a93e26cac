package ledger

import (
	"errors"
	"fmt"
)

// This file implements growth: from the tree of one checkpoint to that of a
// later one, with tiles that nobody vouches for.

// Tiles reads the tiles of one log from a source that is not trusted.
type Tiles interface {
	// ReadTile returns at least width hashes of tile n of a level. More are
	// ignored, because a log may have grown beyond the checkpoint.
	ReadTile(level int, n uint64, width int) ([]Hash, error)
	// SaveTile hands over a full tile that has been found to belong to the
	// checkpoint's tree, so that an interrupted download can go on from it.
	SaveTile(level int, n uint64, hashes []Hash)
}

// BadTileError says that a tile does not belong to the checkpoint's tree. Its
// source lies or is damaged; another source may have the right one.
type BadTileError struct {
	Level int
	N     uint64
	// Edge says that the tiles of the right edge together do not rebuild the
	// root, so that any of them may be the bad one.
	Edge bool
}

func (e *BadTileError) Error() string {
	if e.Edge {
		return "the tiles of the right edge do not rebuild the root"
	}
	return fmt.Sprintf("tile %s does not belong to the tree", TilePath(e.Level, e.N, TileWidth))
}

// ForkError says that the log has shown two histories: tiles that rebuild the
// new checkpoint's root differ from what is held in a full subtree or in a leaf
// of the old open tile.
type ForkError struct {
	Level       int    // 1: a hash of the strip; 0: a leaf; RootLevel: a whole tree
	N           uint64 // its number, or the tree's size
	Held, Found Hash
}

// RootLevel is the level of a ForkError that was found by comparing whole trees.
const RootLevel = -1

func (e *ForkError) Error() string {
	what := "subtree"
	switch e.Level {
	case 0:
		what = "leaf"
	case RootLevel:
		what = "tree of size"
	}
	return fmt.Sprintf("fork: %s %d was %s and is %s", what, e.N, e.Held, e.Found)
}

// ErrRollback says that a checkpoint is older than what is held.
var ErrRollback = errors.New("checkpoint is smaller than the one held")

// quickTiles is the number of new level-1 tiles up to which Grow first tries to
// rebuild the root from the right edge that is held.
const quickTiles = 4

// Grow returns the tree of the checkpoint, given the tree of an earlier one,
// which may be empty. Nothing that src says is believed: the new root is
// rebuilt, all hashes of old are unchanged in the result, and the leaves of
// old's open tile are the first ones of that tile now.
//
// The error is a *ForkError if the log has shown two histories, a *BadTileError
// if a tile was wrong, ErrRollback if the checkpoint is smaller than old, or
// else src's. A checkpoint of old's size with another root is a fork by itself,
// which the caller finds by comparing the notes.
func Grow(old *Tree, size uint64, root Hash, src Tiles) (*Tree, error) {
	if size < old.Size() {
		return nil, ErrRollback
	}
	g := &growth{old: old, size: size, root: root, src: src}
	if g.level1Tiles() <= quickTiles {
		t, err := g.quick()
		if !errors.Is(err, errOtherRoot) {
			return t, err
		}
	}
	return g.walk()
}

// growth is one run of Grow.
type growth struct {
	old  *Tree
	size uint64
	root Hash
	src  Tiles
	b    builder // of the new tree, in walk
}

// errOtherRoot says that what is held and the new tiles rebuild another root,
// which is a fork or a bad tile.
var errOtherRoot = errors.New("the tiles do not rebuild the root")

// level1Tiles returns how many level-1 tiles have hashes that old lacks.
func (g *growth) level1Tiles() uint64 {
	full := g.size / TileWidth
	return (full+TileWidth-1)/TileWidth - g.old.full/TileWidth
}

// quick extends the held tree at its right edge. It reads one level-1 tile, the
// open tile and, where it has closed, the old open tile.
func (g *growth) quick() (*Tree, error) {
	full := g.size / TileWidth
	var strip []Hash
	for at := g.old.full; at < full; {
		end := min(full, (at/TileWidth+1)*TileWidth)
		hashes, err := g.read(1, at/TileWidth, int(end-at/TileWidth*TileWidth))
		if err != nil {
			return nil, err
		}
		strip = append(strip, hashes[at%TileWidth:]...)
		at = end
	}
	open, err := g.read(0, full, int(g.size%TileWidth))
	if err != nil {
		return nil, err
	}
	t, err := g.old.Extend(strip, open)
	if err != nil {
		return nil, err
	}
	if t.Root() != g.root {
		return nil, errOtherRoot
	}
	if full == g.old.full {
		return t, g.sameLeaves(open)
	}
	return t, g.closed(strip[0])
}

// read returns exactly width hashes of a tile; none for width 0.
func (g *growth) read(level int, n uint64, width int) ([]Hash, error) {
	if width == 0 {
		return nil, nil
	}
	hashes, err := g.src.ReadTile(level, n, width)
	if err != nil {
		return nil, err
	}
	if len(hashes) < width {
		return nil, &BadTileError{Level: level, N: n}
	}
	return hashes[:width:width], nil
}

// readFull returns a full tile whose root is known.
func (g *growth) readFull(level int, n uint64, root Hash) ([]Hash, error) {
	hashes, err := g.read(level, n, TileWidth)
	if err != nil {
		return nil, err
	}
	if TileRoot(hashes) != root {
		return nil, &BadTileError{Level: level, N: n}
	}
	g.src.SaveTile(level, n, hashes)
	return hashes, nil
}

// closed checks the leaves of the open tile that has become the full subtree
// with this hash.
func (g *growth) closed(subtree Hash) error {
	if len(g.old.open) == 0 {
		return nil
	}
	leaves, err := g.readFull(0, g.old.full, subtree)
	if err != nil {
		return err
	}
	return g.sameLeaves(leaves)
}

// sameLeaves checks that the old open tile's leaves are the first ones now.
func (g *growth) sameLeaves(leaves []Hash) error {
	for i, h := range g.old.open {
		if leaves[i] != h {
			return &ForkError{Level: 0, N: g.old.full*TileWidth + uint64(i), Held: h, Found: leaves[i]}
		}
	}
	return nil
}

// walk authenticates tiles from the top down. It first rebuilds the root from
// the tiles of the right edge, one for each level, and then descends where old
// lacks hashes or differs.
func (g *growth) walk() (*Tree, error) {
	edge, err := g.edge()
	if err != nil {
		return nil, err
	}
	g.b = newBuilder(g.old)
	for level := len(edge) - 1; level >= 1; level-- {
		first := g.size >> (TileHeight * level) / TileWidth * TileWidth
		for i, h := range edge[level] {
			if err := g.visit(level, first+uint64(i), h); err != nil {
				return nil, err
			}
		}
	}
	if g.size/TileWidth == g.old.full {
		if err := g.sameLeaves(edge[0]); err != nil {
			return nil, err
		}
	}
	return g.b.tree(edge[0]), nil
}

// edge reads the partial tiles of the right edge, by level, and checks that they
// rebuild the root.
func (g *growth) edge() ([][]Hash, error) {
	edge := [][]Hash{nil}
	for level := 0; g.size>>(TileHeight*level) > 0; level++ {
		nodes := g.size >> (TileHeight * level)
		hashes, err := g.read(level, nodes/TileWidth, int(nodes%TileWidth))
		if err != nil {
			return nil, err
		}
		edge = append(edge[:level], hashes)
	}
	var peaks []Hash
	for level := len(edge) - 1; level >= 0; level-- {
		for i, h := range edge[level] {
			peaks = push(peaks, uint64(i+1), h)
		}
	}
	if fold(peaks) != g.root {
		return nil, &BadTileError{Edge: true}
	}
	return edge, nil
}

// visit compares or collects what lies under the full node n of a tile level,
// whose hash belongs to the new tree.
func (g *growth) visit(level int, n uint64, h Hash) error {
	if held, ok := g.old.Node(level, n); ok && held == h {
		return nil
	} else if ok && level == 1 {
		return &ForkError{Level: 1, N: n, Held: held, Found: h}
	}
	if level == 1 {
		if n == g.old.full {
			if err := g.closed(h); err != nil {
				return err
			}
		}
		g.b.append(h)
		return nil
	}
	children, err := g.readFull(level-1, n, h)
	if err != nil {
		return err
	}
	for i, c := range children {
		if err := g.visit(level-1, n*TileWidth+uint64(i), c); err != nil {
			return err
		}
	}
	return nil
}
