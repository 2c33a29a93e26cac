package feed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"citygate/sync/wire"
	"citygate/trust/ledger"
)

// publishGrowth publishes the tiles and entries that differ between two sizes.
func (f *Feed) publishGrowth(ctx context.Context, name string, from, to uint64) error {
	for level := 0; ; level++ {
		before, now := from>>(8*level), to>>(8*level)
		if now == 0 {
			break
		}
		first := before / ledger.TileWidth
		if tiles := (now + ledger.TileWidth - 1) / ledger.TileWidth; level == 0 && tiles > recentTiles {
			first = max(first, tiles-recentTiles)
		}
		for n := first; n*ledger.TileWidth < now; n++ {
			if before == now {
				break
			}
			if err := f.publishTile(ctx, name, level, n, width(now, n)); err != nil {
				return err
			}
		}
	}
	if from == to {
		return nil
	}
	first, bundles := from/ledger.TileWidth, (to+ledger.TileWidth-1)/ledger.TileWidth
	if strings.HasSuffix(name, "-records") && bundles > recentTiles {
		first = max(first, bundles-recentTiles)
	}
	for n := first; n < bundles; n++ {
		if err := f.publishEntries(ctx, name, n, width(to, n)); err != nil {
			return err
		}
	}
	return nil
}

// width is how many of count hashes lie in tile n.
func width(count, n uint64) int {
	return int(min(ledger.TileWidth, count-n*ledger.TileWidth))
}

func (f *Feed) publishTile(ctx context.Context, name string, level int, n uint64, width int) error {
	b, err := f.src.Tile(ctx, name, level, n, width)
	if err != nil {
		return err
	}
	path := ledger.TilePath(level, n, ledger.TileWidth)
	if hashes, err := ledger.ParseTile(b); err != nil || len(hashes) < width {
		return fmt.Errorf("%s/%s: %d bytes are not a tile of %d hashes", name, path, len(b), width)
	}
	return f.pub.Retain(ctx, wire.TopicTrust(name, path), b)
}

func (f *Feed) publishEntries(ctx context.Context, name string, n uint64, width int) error {
	b, err := f.src.Entries(ctx, name, n, width)
	if err != nil {
		return err
	}
	path := ledger.EntriesPath(n, ledger.TileWidth)
	entries, err := ledger.ParseBundle(b)
	if err != nil || len(entries) < width {
		return fmt.Errorf("%s/%s: %d bytes are not a bundle of %d entries", name, path, len(b), width)
	}
	if name == ledger.DirectoryLog {
		f.discover(n, entries)
	}
	return f.pub.Retain(ctx, wire.TopicTrust(name, path), b)
}

// discover keeps the names that registry rows give and, unless the logs are
// configured, follows the logs that they name. Whether a row is obeyed is for
// gateways to judge; following a log too many costs only traffic.
func (f *Feed) discover(n uint64, entries [][]byte) {
	for i, raw := range entries {
		e, err := ledger.ParseDirectoryEntry(n*ledger.TileWidth+uint64(i), raw)
		if err != nil || e.Registry == nil {
			continue
		}
		f.mu.Lock()
		f.places[e.Registry.Prefix] = e.Registry.Names
		f.mu.Unlock()
		if len(f.cfg.Logs) > 0 {
			continue
		}
		for _, short := range []string{e.Registry.Records.Short, e.Registry.Status.Short} {
			if f.logs[short] == nil && ledger.ValidShort(short) && len(f.logs) < maxLogs {
				f.logs[short] = &logState{}
			}
		}
	}
}

// serve publishes again what a gateway misses, each file at most once a second
// however many ask for it.
func (f *Feed) serve(ctx context.Context, n wire.Need, served map[string]time.Time, now time.Time) {
	l := f.logs[n.Log]
	if l == nil || l.checkpoint == nil {
		return
	}
	for key, at := range served {
		if now.Sub(at) > needEvery {
			delete(served, key)
		}
	}
	for _, path := range n.Resources {
		r, err := ledger.ParseResource(path)
		if err != nil {
			continue
		}
		r.Width = ledger.TileWidth // two widths of one tile share a topic
		key := n.Log + "/" + r.String()
		if _, ok := served[key]; ok || len(served) > 4*needQueue {
			continue
		}
		served[key] = now
		if err := f.publishAgain(ctx, n.Log, l, r); err != nil {
			f.cfg.Logger.Warn("needed file is not published", "log", n.Log, "resource", r.String(), "error", err)
		}
	}
}

func (f *Feed) publishAgain(ctx context.Context, name string, l *logState, r ledger.Resource) error {
	switch r.Kind {
	case ledger.ResourceCheckpoint:
		return f.pub.Retain(ctx, wire.TopicTrust(name, r.String()), l.checkpoint)
	case ledger.ResourceRotation:
		b, err := f.src.Rotation(ctx, int(r.N))
		if err != nil {
			return err
		}
		return f.pub.Retain(ctx, wire.TopicTrust(name, r.String()), b)
	}
	level := max(r.Level, 0)
	count := l.size >> (8 * level)
	if r.N > count/ledger.TileWidth || r.N*ledger.TileWidth == count {
		return fmt.Errorf("beyond size %d", l.size)
	}
	if r.Kind == ledger.ResourceEntries {
		return f.publishEntries(ctx, name, r.N, width(count, r.N))
	}
	return f.publishTile(ctx, name, r.Level, r.N, width(count, r.N))
}
