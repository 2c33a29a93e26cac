package mirrored

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"citygate/internal/cose"
	"citygate/internal/durable"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"golang.org/x/sys/unix"
)

// This file implements the copy of one log.

// errStale says that a source has nothing newer than what is held.
var errStale = errors.New("source is behind the copy")

// logCopy is one log's folder.
type logCopy struct {
	short    string
	dir      string
	evidence string
	policies []ledger.LogPolicy // newest first: only the newest opens new checkpoints
}

// state is what is held of a log: a believed checkpoint and its tree.
type state struct {
	cp   ledger.Checkpoint
	tree *ledger.Tree
}

// load reads what is held and checks that it is one log. Nothing held is the empty state.
func (l *logCopy) load() (state, error) {
	raw, err := readFile(filepath.Join(l.dir, ledger.CheckpointPath))
	if err != nil || raw == nil {
		return state{tree: new(ledger.Tree)}, err
	}
	s := state{}
	for _, p := range l.policies {
		if s.cp, err = p.Open(raw); err == nil {
			break
		}
	}
	if err != nil {
		return state{tree: new(ledger.Tree)}, err
	}
	s.tree, err = ledger.Grow(new(ledger.Tree), s.cp.Size, s.cp.Root, heldTiles{l})
	if err != nil {
		return state{tree: new(ledger.Tree)}, fmt.Errorf("copy of %s: %w", l.short, err)
	}
	return s, nil
}

// advance brings the copy from what is held to a checkpoint of the source. The state that it returns is held in any case.
func (l *logCopy) advance(ctx context.Context, held state, raw []byte, src mirror.Source) (state, error) {
	cp, err := l.policies[0].Open(raw)
	switch {
	case err != nil:
		return held, err
	case cp.Size < held.cp.Size:
		return held, fmt.Errorf("log %s: %w: %d entries, %d are held", l.short, errStale, cp.Size, held.cp.Size)
	case held.cp.Raw != nil && cp.Size == held.cp.Size && cp.Root != held.cp.Root:
		fork := &ledger.ForkError{Level: ledger.RootLevel, N: cp.Size, Held: held.cp.Root, Found: cp.Root}
		return held, errors.Join(fork, l.keepEvidence(held.cp, cp))
	case held.cp.Raw != nil && cp.Size == held.cp.Size:
		if !cp.Time.After(held.cp.Time) {
			return held, nil
		}
		return state{cp, held.tree}, l.publish(cp)
	}
	tree, err := ledger.Grow(held.tree, cp.Size, cp.Root, sourceTiles{ctx, l.short, src})
	if err != nil {
		if fork := (*ledger.ForkError)(nil); errors.As(err, &fork) {
			err = errors.Join(err, l.keepEvidence(held.cp, cp))
		}
		return held, fmt.Errorf("log %s: %w", l.short, err)
	}
	if err := l.fill(ctx, held.cp.Size, tree, src); err != nil {
		return held, err
	}
	return state{cp, tree}, l.publish(cp)
}

// fill fetches the bundles from the one that held the old size's end on, compares them with the tree, and writes them and all tiles.
func (l *logCopy) fill(ctx context.Context, from uint64, tree *ledger.Tree, src mirror.Source) error {
	size := tree.Size()
	for n := from / ledger.TileWidth; n*ledger.TileWidth < size; n++ {
		w := width(n, size)
		entries, err := l.bundle(n, w)
		if err != nil || len(entries) != w || !belongs(tree, n, entries) { // else an earlier download got this far
			if entries, err = l.fetch(ctx, n, w, tree, src); err != nil {
				return err
			}
		}
		if err := l.writeBundle(n, entries); err != nil {
			return err
		}
	}
	return l.writeTiles(from, tree)
}

// fetch reads a bundle from the source and compares it with the tree.
func (l *logCopy) fetch(ctx context.Context, n uint64, width int, tree *ledger.Tree, src mirror.Source) ([][]byte, error) {
	raw, err := src.Entries(ctx, l.short, n, width)
	if err != nil {
		return nil, err
	}
	entries, err := ledger.ParseBundle(raw)
	if err != nil {
		return nil, fmt.Errorf("log %s: bundle %d: %w", l.short, n, err)
	}
	if len(entries) < width || !belongs(tree, n, entries[:width]) {
		return nil, fmt.Errorf("log %s: bundle %d does not belong to the log", l.short, n)
	}
	return entries[:width], nil
}

// belongs reports whether the entries are those of bundle n in the tree.
func belongs(tree *ledger.Tree, n uint64, entries [][]byte) bool {
	leaves := leafHashes(entries)
	if len(leaves) == ledger.TileWidth {
		want, ok := tree.Subtree(n)
		return ok && ledger.TileRoot(leaves) == want
	}
	for i, h := range leaves {
		if want, ok := tree.OpenLeaf(n*ledger.TileWidth + uint64(i)); !ok || h != want {
			return false
		}
	}
	return true
}

func leafHashes(entries [][]byte) []ledger.Hash {
	hs := make([]ledger.Hash, len(entries))
	for i, e := range entries {
		hs[i] = ledger.LeafHash(e)
	}
	return hs
}

func (l *logCopy) writeBundle(n uint64, entries [][]byte) (err error) {
	var b []byte
	for _, e := range entries {
		if b, err = ledger.AppendBundle(b, e); err != nil {
			return err
		}
	}
	if err := l.write(ledger.EntriesPath(n, len(entries)), b); err != nil {
		return err
	}
	return l.write(ledger.TilePath(0, n, len(entries)), ledger.AppendTile(nil, leafHashes(entries)))
}

// writeTiles writes the tiles above the leaves that changed since the log had size from.
func (l *logCopy) writeTiles(from uint64, tree *ledger.Tree) error {
	for level := 1; tree.Size()>>(ledger.TileHeight*level) > 0; level++ {
		count := tree.Size() >> (ledger.TileHeight * level)
		for n := from >> (ledger.TileHeight * level) / ledger.TileWidth; n*ledger.TileWidth < count; n++ {
			hs := make([]ledger.Hash, width(n, count))
			for i := range hs {
				h, ok := tree.Node(level, n*ledger.TileWidth+uint64(i))
				if !ok {
					return fmt.Errorf("log %s: the tree lacks a node of level %d", l.short, level)
				}
				hs[i] = h
			}
			if err := l.write(ledger.TilePath(level, n, len(hs)), ledger.AppendTile(nil, hs)); err != nil {
				return err
			}
		}
	}
	return nil
}

// write writes a file in one step, without syncing: publish does that once for all.
func (l *logCopy) write(resource string, b []byte) error {
	path := filepath.Join(l.dir, filepath.FromSlash(resource))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write copy: %w", err)
	}
	part := path + ".part"
	if err := os.WriteFile(part, b, 0o644); err != nil {
		return fmt.Errorf("write copy: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("write copy: %w", err)
	}
	return nil
}

// keepRoot keeps the source's COSE signature of the root that is held, if it has it now. Without it there are no receipts, and nothing else.
func (l *logCopy) keepRoot(ctx context.Context, held state, src mirror.Source) {
	s, ok := src.(interface {
		Root(ctx context.Context, log string) ([]byte, error)
	})
	if !ok || held.cp.Raw == nil {
		return
	}
	raw, err := s.Root(ctx, l.short)
	if err != nil {
		return
	}
	m, err := cose.Parse(raw)
	if err != nil || !bytes.Equal(m.Payload, held.cp.Root[:]) || checkRoot(m, held.cp.Root, l.policies[0].LogKeys) != nil {
		return
	}
	// It is asked for again with each Sync, so it need not be synced; a reader checks it.
	_ = l.write(ledger.RootPath, raw)
}

// publish replaces the checkpoint, after everything that it covers has reached the disk.
func (l *logCopy) publish(cp ledger.Checkpoint) error {
	if err := durable.MkdirAll(l.dir, 0o755); err != nil {
		return err
	}
	d, err := os.Open(l.dir)
	if err != nil {
		return fmt.Errorf("publish copy: %w", err)
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("publish copy: sync: %w", err)
	}
	return durable.WriteFile(filepath.Join(l.dir, ledger.CheckpointPath), cp.Raw, 0o644)
}

// keepEvidence keeps both notes of a fork, once each.
func (l *logCopy) keepEvidence(notes ...ledger.Checkpoint) error {
	if err := durable.MkdirAll(l.evidence, 0o755); err != nil {
		return err
	}
	for _, cp := range notes {
		sum := sha256.Sum256(cp.Raw)
		name := fmt.Sprintf("%s-%d-%x.note", l.short, cp.Size, sum[:8])
		if err := durable.WriteFile(filepath.Join(l.evidence, name), cp.Raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// bundle reads a bundle that is held.
func (l *logCopy) bundle(n uint64, width int) ([][]byte, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, filepath.FromSlash(ledger.EntriesPath(n, width))))
	if err != nil {
		return nil, fmt.Errorf("copy of %s: %w", l.short, err)
	}
	return ledger.ParseBundle(b)
}

// heldTiles reads the copy's own tiles, which are no more believed than a source's.
type heldTiles struct{ l *logCopy }

// ReadTile implements ledger.Tiles.
func (h heldTiles) ReadTile(level int, n uint64, width int) ([]ledger.Hash, error) {
	b, err := os.ReadFile(filepath.Join(h.l.dir, filepath.FromSlash(ledger.TilePath(level, n, width))))
	if err != nil {
		return nil, err
	}
	return ledger.ParseTile(b)
}

// SaveTile implements ledger.Tiles.
func (heldTiles) SaveTile(int, uint64, []ledger.Hash) {}

// sourceTiles reads a source's tiles.
type sourceTiles struct {
	ctx context.Context
	log string
	src mirror.Source
}

// ReadTile implements ledger.Tiles.
func (s sourceTiles) ReadTile(level int, n uint64, width int) ([]ledger.Hash, error) {
	b, err := s.src.Tile(s.ctx, s.log, level, n, width)
	if err != nil {
		return nil, err
	}
	return ledger.ParseTile(b)
}

// SaveTile implements ledger.Tiles.
func (sourceTiles) SaveTile(int, uint64, []ledger.Hash) {}
