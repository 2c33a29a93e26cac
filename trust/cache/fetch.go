package cache

import (
	"context"
	"errors"
	"fmt"

	"citygate/trust/ledger"
)

// This file implements reading from one source for one log: what is stored
// already comes first, and what is authenticated is stored.

// saveBatch is how many tiles or bundles one transaction stores during a
// download: at most 2 MB of tiles, lost if power fails.
const saveBatch = 256

// fetcher reads the tiles and entries of one log. It implements ledger.Tiles.
type fetcher struct {
	c    *Cache
	ctx  context.Context
	log  string
	src  Source
	base *ledger.Tree // what the new tree grows from

	entryLog bool                // the log is kept by its entries
	bundles  map[uint64][][]byte // read, not yet authenticated
	pending  map[uint64][]byte   // authenticated, not yet stored
	saved    map[uint64]bool     // stored beyond the floor
	fresh    map[uint64][][]byte // authenticated bundles that the commit stores
	local    bool                // the last tile came from the file

	ahead struct{ tiles, bundles *readAhead } // of full ones
}

// ReadTile returns a tile from the file or the source. Tiles of a log that is
// kept by its entries are computed from a few bundles where that is enough,
// because the bundles are needed anyway.
func (f *fetcher) ReadTile(level int, n uint64, width int) ([]ledger.Hash, error) {
	f.local = false
	if f.entryLog {
		if hashes, ok, err := f.computed(level, n, width); ok || err != nil {
			return hashes, err
		}
	} else if level == 1 && width == ledger.TileWidth {
		b, err := strips().get(f.c.db, f.log, n)
		if err != nil {
			return nil, err
		}
		if hashes, err := ledger.ParseTile(b); err == nil && len(hashes) == width {
			f.local = true
			return hashes, nil
		}
	}
	b, err := f.readTile(level, n, width)
	if err != nil {
		return nil, err
	}
	return ledger.ParseTile(b)
}

func (f *fetcher) readTile(level int, n uint64, width int) ([]byte, error) {
	if level == 1 && width == ledger.TileWidth && !f.entryLog {
		return f.ahead.tiles.get(n)
	}
	ctx, cancel := context.WithTimeout(f.ctx, f.c.opts.Stall)
	defer cancel()
	return f.src.Tile(ctx, f.log, level, n, width)
}

// readBundle reads a bundle from the source.
func (f *fetcher) readBundle(n uint64, width int) ([]byte, error) {
	if width == ledger.TileWidth {
		return f.ahead.bundles.get(n)
	}
	ctx, cancel := context.WithTimeout(f.ctx, f.c.opts.Stall)
	defer cancel()
	return f.src.Entries(ctx, f.log, n, width)
}

// computed returns a tile at the right edge made from bundles, if at most two of
// them are needed.
func (f *fetcher) computed(level int, n uint64, width int) ([]ledger.Hash, bool, error) {
	if level == 0 && n >= f.base.Full() && n <= f.base.Full()+1 {
		entries, err := f.bundle(n, width)
		if err != nil {
			return nil, false, err
		}
		return leafHashes(entries), true, nil
	}
	end := n*ledger.TileWidth + uint64(width)
	if level != 1 || n != f.base.Full()/ledger.TileWidth || end > f.base.Full()+1 {
		return nil, false, nil
	}
	hashes := append([]ledger.Hash(nil), f.base.StripTile(n)...)
	for i := f.base.Full(); i < end; i++ {
		entries, err := f.bundle(i, ledger.TileWidth)
		if err != nil {
			return nil, false, err
		}
		hashes = append(hashes, ledger.TileRoot(leafHashes(entries)))
	}
	return hashes[:width], true, nil
}

// SaveTile stores a full level-1 tile that lies wholly beyond what is held.
// Others are not kept, and those that are held must not change before the
// commit.
func (f *fetcher) SaveTile(level int, n uint64, hashes []ledger.Hash) {
	switch {
	case level != 1 || f.entryLog || n < tiles(f.base.Full()):
	case f.local:
		f.saved[n] = true
	default:
		f.save(strips(), n, ledger.AppendTile(nil, hashes))
	}
}

// save keeps an authenticated blob for the next batch.
func (f *fetcher) save(t blobs, n uint64, b []byte) {
	f.pending[n] = b
	if len(f.pending) >= saveBatch {
		// A failure only costs the resumption; the commit would report it.
		_ = f.flush(t)
	}
}

// flush stores the pending blobs beyond the floor.
func (f *fetcher) flush(t blobs) error {
	if len(f.pending) == 0 {
		return nil
	}
	err := f.c.transact(func(q querier) error {
		for n, b := range f.pending {
			if err := t.put(q, f.log, n, b); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		for n := range f.pending {
			f.saved[n] = true
		}
	}
	f.pending = map[uint64][]byte{}
	return err
}

// forgetLocal drops a stored tile that turned out bad, and says whether there
// was one, so that a new try will read it from the source.
func (f *fetcher) forgetLocal(err error) bool {
	var bad *ledger.BadTileError
	if !f.local || !errors.As(err, &bad) || bad.Edge {
		return false
	}
	f.c.opts.Logger.Warn("stored tile is bad, reading it again", "log", f.log, "tile", bad.N)
	return strips().drop(f.c.db, f.log, bad.N) == nil
}

// bundle returns width entries of a bundle that nobody has checked yet.
func (f *fetcher) bundle(n uint64, width int) ([][]byte, error) {
	if e := f.bundles[n]; len(e) >= width {
		return e[:width], nil
	}
	b, err := f.readBundle(n, width)
	if err != nil {
		return nil, err
	}
	entries, err := ledger.ParseBundle(b)
	if err != nil {
		return nil, err
	}
	if len(entries) < width {
		return nil, fmt.Errorf("entry bundle %d has %d entries, want %d", n, len(entries), width)
	}
	f.bundles[n] = entries[:width:width]
	return f.bundles[n], nil
}

// entries hands all entries of the tree from index from on to keep, in order and
// in portions, each bundle checked against the tree.
func (f *fetcher) entries(tree *ledger.Tree, from uint64, keep func([][]byte)) error {
	var portion [][]byte
	for n := from / ledger.TileWidth; n < tiles(tree.Size()); n++ {
		entries, err := f.checkedBundle(tree, n)
		if err != nil {
			return err
		}
		if first := n * ledger.TileWidth; first < from {
			entries = entries[from-first:]
		}
		if portion = append(portion, entries...); len(portion) >= foldBundles*ledger.TileWidth {
			keep(portion)
			portion = nil
		}
	}
	keep(portion)
	return nil
}

// checkedBundle returns a bundle's entries after comparing their hashes with the
// tree, from the file if they are there and right.
func (f *fetcher) checkedBundle(tree *ledger.Tree, n uint64) ([][]byte, error) {
	width := int(min(ledger.TileWidth, tree.Size()-n*ledger.TileWidth))
	stored, err := bundles().get(f.c.db, f.log, n)
	if err != nil {
		return nil, err
	}
	if entries, err := ledger.ParseBundle(stored); err == nil && len(entries) >= width && inTree(tree, n, entries[:width]) {
		if width == ledger.TileWidth {
			f.saved[n] = true
		}
		return entries[:width], nil
	}
	entries, err := f.bundle(n, width)
	if err != nil {
		return nil, err
	}
	if !inTree(tree, n, entries) {
		return nil, fmt.Errorf("entry bundle %d does not belong to the tree", n)
	}
	delete(f.bundles, n)
	if width == ledger.TileWidth && n >= tiles(f.c.floor(f.log)) {
		b, err := joined(entries)
		if err != nil {
			return nil, err
		}
		f.save(bundles(), n, b)
	} else {
		f.fresh[n] = entries
	}
	return entries, nil
}

// inTree says whether the entries are those of bundle n in the tree.
func inTree(tree *ledger.Tree, n uint64, entries [][]byte) bool {
	hashes := leafHashes(entries)
	if sub, ok := tree.Subtree(n); ok {
		return len(hashes) == ledger.TileWidth && ledger.TileRoot(hashes) == sub
	}
	for i, h := range hashes {
		if held, ok := tree.OpenLeaf(n*ledger.TileWidth + uint64(i)); !ok || held != h {
			return false
		}
	}
	return true
}

// joined writes entries as a bundle.
func joined(entries [][]byte) ([]byte, error) {
	var b []byte
	var err error
	for _, e := range entries {
		if b, err = ledger.AppendBundle(b, e); err != nil {
			return nil, err
		}
	}
	return b, nil
}
