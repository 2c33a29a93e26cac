package cache

import (
	"database/sql"
	"errors"
	"fmt"

	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// This file implements the way from the file to the first view. Roots are
// rebuilt whole and signatures are checked again.

// The keys of the table meta.
const (
	metaRoot = "root" // the root policy last configured, JSON
)

// start loads the view of a cache that may write; damage is why an older file
// was set aside.
func (c *Cache) start(damage error) error {
	if err := c.checkOwner(); err != nil {
		return err
	}
	if err := c.load(); err != nil {
		return err
	}
	if damage != nil {
		return c.raise(Alarm{Log: "all", Kind: AlarmDamage, Detail: "database set aside: " + damage.Error()})
	}
	return nil
}

// checkOwner refuses a file that was made for another directory, and notes the
// root policy for OpenReadOnly.
func (c *Cache) checkOwner() error {
	old, err := getMeta(c.db, metaRoot)
	if err != nil {
		return err
	}
	if old != "" {
		p, err := ledger.ParseRootPolicy([]byte(old))
		if err == nil && p.Directory.Origin != c.opts.Root.Directory.Origin {
			return fmt.Errorf("it holds the ledger of %s, not of %s: name another file", p.Directory.Origin, c.opts.Root.Directory.Origin)
		}
	}
	return c.transact(func(q querier) error { return putMeta(q, metaRoot, string(c.opts.Root.Marshal())) })
}

func loadReadOnly(db *sql.DB) (*Cache, error) {
	text, err := getMeta(db, metaRoot)
	if err != nil {
		return nil, err
	}
	root, err := ledger.ParseRootPolicy([]byte(text))
	if err != nil {
		return nil, err
	}
	c := newCache(db, Options{Root: root})
	c.readOnly = true
	return c, c.load()
}

// load builds the view from the file. Damaged logs stay out of it.
func (c *Cache) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.alarms, err = getAlarms(c.db); err != nil {
		return err
	}
	rows, err := checkpoints(c.db)
	if err != nil {
		return err
	}
	var note []byte
	for _, r := range rows {
		if c.floors[r.log] = r.size; r.log == ledger.DirectoryLog {
			note = r.note
		}
	}
	if err := c.loadDirectory(note); err != nil {
		return err
	}
	return c.loadLogs()
}

// loadLogs adds to the view the followed logs that have rows and are not in it.
// The caller holds c.mu.
func (c *Cache) loadLogs() error {
	rows, err := checkpoints(c.db)
	if err != nil {
		return err
	}
	notes := map[string][]byte{}
	for _, r := range rows {
		notes[r.log] = r.note
	}
	dir := c.View().Directory()
	for _, log := range c.Logs()[1:] {
		note, ok := notes[log]
		if !ok || c.View().Log(log) != nil {
			continue
		}
		l, err := c.loadLog(dir, log, note)
		if err != nil {
			if err := c.damaged(dir, log, note, err); err != nil {
				return err
			}
			continue
		}
		c.view.Store(c.View().WithLog(l))
	}
	return nil
}

// damaged raises the alarm for a log whose rows do not fit its checkpoint. The
// rows stay: the next update authenticates each and reads the bad ones again.
func (c *Cache) damaged(dir *ledger.Directory, log string, note []byte, why error) error {
	if c.readOnly {
		return nil
	}
	for _, p := range dir.Policies(log) {
		if cp, err := p.Open(note); err == nil && cp.Size == c.floors[log] {
			c.broken[log] = cp
			break
		}
	}
	return c.raiseLocked(Alarm{Log: log, Kind: AlarmDamage, Detail: why.Error()})
}

// loadDirectory stores the first view, with the directory if its rows are sound.
func (c *Cache) loadDirectory(note []byte) error {
	empty, err := ledger.NewDirectory(c.opts.Root)
	if err != nil {
		return err
	}
	c.view.Store(ledger.NewView(empty))
	if note == nil {
		return nil
	}
	size := c.floors[ledger.DirectoryLog]
	var entries [][]byte
	tree, err := c.loadEntries(ledger.DirectoryLog, size, func(e [][]byte) { entries = append(entries, e...) })
	if err != nil {
		return c.damaged(empty, ledger.DirectoryLog, note, err)
	}
	dir, err := ledger.FoldDirectory(c.opts.Root, entries)
	if err != nil {
		return err
	}
	l, err := head(ledger.DirectoryLog, dir, note, size, tree, nil)
	if err != nil {
		return c.damaged(empty, ledger.DirectoryLog, note, err)
	}
	c.view.Store(ledger.NewView(dir, l))
	return nil
}

// loadLog rebuilds one log from its rows.
func (c *Cache) loadLog(dir *ledger.Directory, log string, note []byte) (*ledger.LogView, error) {
	size := c.floors[log]
	if dir.IsStatusLog(log) {
		statuses := new(ledger.StatusSet)
		tree, err := c.loadEntries(log, size, func(e [][]byte) { statuses = statuses.With(e) })
		if err != nil {
			return nil, err
		}
		return head(log, dir, note, size, tree, statuses)
	}
	tree, err := c.loadStrip(log, size)
	if err != nil {
		return nil, err
	}
	return head(log, dir, note, size, tree, nil)
}

// head joins a tree to the stored note, if one of the log's policies opens it
// and its root is the tree's.
func head(log string, dir *ledger.Directory, note []byte, size uint64, tree *ledger.Tree, statuses *ledger.StatusSet) (*ledger.LogView, error) {
	err := fmt.Errorf("no policy for log %s", log)
	for _, p := range dir.Policies(log) {
		var cp ledger.Checkpoint
		if cp, err = p.Open(note); err != nil {
			continue
		}
		if cp.Size != size || tree.Size() != size || tree.Root() != cp.Root {
			return nil, errors.New("the stored rows do not rebuild the checkpoint's root")
		}
		return ledger.NewLogView(log, cp, tree, statuses), nil
	}
	return nil, fmt.Errorf("the stored checkpoint: %w", err)
}

// loadStrip reads the tree of a records log. A row may be wider than the
// checkpoint needs, because an unfinished download went beyond it.
func (c *Cache) loadStrip(log string, size uint64) (*ledger.Tree, error) {
	full := size / ledger.TileWidth
	tree := new(ledger.Tree)
	err := strips().each(c.db, log, tiles(full), func(n uint64, b []byte) error {
		hashes, err := ledger.ParseTile(b)
		if err != nil {
			return err
		}
		keep := min(uint64(len(hashes)), full-n*ledger.TileWidth)
		tree, err = tree.Extend(hashes[:keep], nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	b, err := getOpen(c.db, log)
	if err != nil {
		return nil, err
	}
	var open []ledger.Hash
	if len(b) > 0 {
		if open, err = ledger.ParseTile(b); err != nil {
			return nil, err
		}
	}
	return tree.Extend(nil, open)
}

// tiles returns how many tiles or bundles hold count hashes or entries.
func tiles(count uint64) uint64 { return (count + ledger.TileWidth - 1) / ledger.TileWidth }

// foldBundles is how many bundles are folded at once.
const foldBundles = 256

// loadEntries reads all entries of a log, hands them to f in portions and returns
// the tree that they make.
func (c *Cache) loadEntries(log string, size uint64, f func([][]byte)) (*ledger.Tree, error) {
	var strip, open []ledger.Hash
	var portion [][]byte
	err := bundles().each(c.db, log, tiles(size), func(n uint64, b []byte) error {
		// The fold keeps parts of the entries, and b is the driver's.
		entries, err := ledger.ParseBundle(append([]byte(nil), b...))
		if err != nil {
			return err
		}
		entries = entries[:min(uint64(len(entries)), size-n*ledger.TileWidth)]
		hashes := leafHashes(entries)
		if len(hashes) == ledger.TileWidth {
			strip = append(strip, ledger.TileRoot(hashes))
		} else {
			open = hashes
		}
		if portion = append(portion, entries...); len(portion) >= foldBundles*ledger.TileWidth {
			f(portion)
			portion = nil
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f(portion)
	return ledger.NewTree(strip, open)
}

func leafHashes(entries [][]byte) []ledger.Hash {
	hashes := make([]ledger.Hash, len(entries))
	for i, e := range entries {
		hashes[i] = ledger.LeafHash(e)
	}
	return hashes
}

// follows says whether the logs of a registry are kept.
func (c *Cache) follows(prefix string) bool {
	if len(c.opts.Follow) == 0 {
		return true
	}
	p, err := cityid.ParsePrefix(prefix)
	if err != nil {
		return false
	}
	for _, f := range c.opts.Follow {
		q, err := cityid.ParsePrefix(f)
		if err == nil && (p == q || !q.IsCountry() && q.CoversPrefix(p)) {
			return true
		}
	}
	return false
}
