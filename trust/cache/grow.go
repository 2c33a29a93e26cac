package cache

import (
	"context"
	"sync"

	"citygate/trust/ledger"
)

// This file implements the growth of one log from one source.

// updateFrom grows a log to a checkpoint with what one source serves. held is
// nil for a log that is new or damaged: its stored rows are then checked one by
// one as the download comes to them.
func (c *Cache) updateFrom(ctx context.Context, log string, held *ledger.LogView, cp ledger.Checkpoint, src Source) error {
	ctx, cancel := context.WithCancel(ctx)
	var reads sync.WaitGroup
	defer reads.Wait()
	defer cancel()
	f := c.newFetcher(ctx, log, src, cp.Size, &reads)
	if held != nil {
		f.base = held.Tree
	}
	tree, err := ledger.Grow(f.base, cp.Size, cp.Root, f)
	for err != nil && f.forgetLocal(err) {
		tree, err = ledger.Grow(f.base, cp.Size, cp.Root, f)
	}
	if last, ok := c.last(log); err == nil && held == nil && ok {
		// The rows were damaged, but the note that they belonged to was not.
		err = ledger.CheckPrefix(tree, last.Size, last.Root, f)
	}
	if !f.entryLog {
		if err != nil {
			// What has been authenticated so far stays for the next try.
			_ = f.flush(strips())
			return err
		}
		return c.commit(ledger.NewLogView(log, cp, tree, nil), nil, func(q querier) error { return f.putStrip(q, tree) })
	}
	if err != nil {
		return err
	}
	return c.updateEntries(f, held, cp, tree)
}

// newFetcher returns a fetcher for a log that grows to a size. The owner ends its
// context and then waits for its reads.
func (c *Cache) newFetcher(ctx context.Context, log string, src Source, size uint64, reads *sync.WaitGroup) *fetcher {
	f := &fetcher{
		c: c, ctx: ctx, log: log, src: src, base: new(ledger.Tree),
		entryLog: log == ledger.DirectoryLog || c.View().Directory().IsStatusLog(log),
		bundles:  map[uint64][][]byte{}, pending: map[uint64][]byte{}, saved: map[uint64]bool{}, fresh: map[uint64][][]byte{},
	}
	ahead := func(t blobs, end uint64, read func(ctx context.Context, n uint64) ([]byte, error)) *readAhead {
		return &readAhead{
			ctx: ctx, stall: c.opts.Stall, end: end, read: read, under: map[uint64]chan blob{}, wg: reads,
			have: func(n uint64) bool { return t.has(c.db, log, n) },
		}
	}
	f.ahead.tiles = ahead(strips(), size>>(2*ledger.TileHeight), func(ctx context.Context, n uint64) ([]byte, error) {
		return src.Tile(ctx, log, 1, n, ledger.TileWidth)
	})
	f.ahead.bundles = ahead(bundles(), size>>ledger.TileHeight, func(ctx context.Context, n uint64) ([]byte, error) {
		return src.Entries(ctx, log, n, ledger.TileWidth)
	})
	return f
}

// putStrip writes the rows of the strip that changed, and the open tile.
func (f *fetcher) putStrip(q querier, tree *ledger.Tree) error {
	for n := f.base.Full() / ledger.TileWidth; n < tiles(tree.Full()); n++ {
		if f.saved[n] {
			continue
		}
		if err := strips().put(q, f.log, n, ledger.AppendTile(nil, tree.StripTile(n))); err != nil {
			return err
		}
	}
	return putOpen(q, f.log, ledger.AppendTile([]byte{}, tree.Open()))
}

// updateEntries reads the new entries of a directory or status log, folds them
// and commits.
func (c *Cache) updateEntries(f *fetcher, held *ledger.LogView, cp ledger.Checkpoint, tree *ledger.Tree) error {
	var statuses *ledger.StatusSet
	if held != nil {
		statuses = held.Statuses
	}
	isDirectory := f.log == ledger.DirectoryLog
	var entries [][]byte
	err := f.entries(tree, f.base.Size(), func(portion [][]byte) {
		if isDirectory {
			entries = append(entries, portion...)
		} else {
			statuses = statuses.With(portion)
		}
	})
	if err != nil {
		_ = f.flush(bundles())
		return err
	}
	var dir *ledger.Directory
	if isDirectory {
		if held != nil {
			dir = c.View().Directory().With(entries)
		} else if dir, err = ledger.FoldDirectory(c.opts.Root, entries); err != nil {
			return err
		}
		for _, v := range dir.Voids() {
			if v.Index >= f.base.Size() {
				c.opts.Logger.Warn("directory entry is void", "index", v.Index, "reason", v.Reason)
			}
		}
	}
	return c.commit(ledger.NewLogView(f.log, cp, tree, statuses), dir, f.putBundles)
}

// putBundles writes the bundles that are new or have grown.
func (f *fetcher) putBundles(q querier) error {
	for n, b := range f.pending {
		if err := bundles().put(q, f.log, n, b); err != nil {
			return err
		}
	}
	for n, entries := range f.fresh {
		b, err := joined(entries)
		if err != nil {
			return err
		}
		if err := bundles().put(q, f.log, n, b); err != nil {
			return err
		}
	}
	return nil
}
