package mirrored

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"citygate/internal/durable"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
)

// This file implements the copy of the directory, whose root policy may rotate: the last checkpoint under each policy that has ended is
// kept with the log, as rotation/{n}, for everyone who has slept.

// maxRotations bounds how many rotations one Sync walks.
const maxRotations = 64

// Directory folds the copy of the directory, and checks that it is what its checkpoint says under the policies that it leads to.
func (c *Copy) Directory() (*ledger.Directory, error) {
	l := c.log(ledger.DirectoryLog, nil)
	raw, err := readFile(filepath.Join(l.dir, ledger.CheckpointPath))
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return ledger.NewDirectory(c.opts.Root)
	}
	text, _, _ := bytes.Cut(raw, []byte("\n\n"))
	cp, err := ledger.ParseCheckpointText(string(text) + "\n")
	if err != nil {
		return nil, fmt.Errorf("copy of the directory: %w", err)
	}
	var entries, bundle [][]byte
	for n := uint64(0); n*ledger.TileWidth < cp.Size; n++ {
		if bundle, err = l.bundle(n, width(n, cp.Size)); err != nil {
			return nil, err
		}
		entries = append(entries, bundle...)
	}
	d, err := ledger.FoldDirectory(c.opts.Root, entries)
	if err != nil {
		return nil, err
	}
	l.policies = d.Policies(ledger.DirectoryLog)
	held, err := l.load()
	if err != nil {
		return nil, err
	}
	for n := uint64(0); n*ledger.TileWidth < cp.Size; n++ {
		from := n * ledger.TileWidth
		if !belongs(held.tree, n, entries[from:from+uint64(width(n, cp.Size))]) {
			return nil, fmt.Errorf("copy of the directory: bundle %d is damaged", n)
		}
	}
	return d, nil
}

// syncDirectory brings the directory up to date. Where the sources' checkpoint does not open under the newest policy that is held, the last
// checkpoint under that policy comes first.
func (c *Copy) syncDirectory(ctx context.Context) LogReport {
	first := c.log(ledger.DirectoryLog, nil)
	d, err := c.Directory()
	if err != nil {
		c.opts.Logger.Warn("copy is damaged and is read again", "log", first.short, "error", err)
		if d, err = ledger.NewDirectory(c.opts.Root); err != nil {
			return LogReport{Log: first.short, Err: err}
		}
	}
	var report LogReport
	for i := range maxRotations {
		r := c.sync(ctx, first.short, d.Policies(first.short), mirror.Source.Checkpoint)
		if i == 0 {
			report.Log, report.From = r.Log, r.From
		}
		report.To, report.Err = r.To, r.Err
		if fork := (*ledger.ForkError)(nil); errors.As(r.Err, &fork) {
			return report
		}
		if r.Err != nil && !c.walk(ctx, d) {
			return report
		}
		before := len(d.Rotations())
		if d, err = c.Directory(); err != nil {
			report.Err = errors.Join(report.Err, err)
			return report
		}
		if r.Err == nil && len(d.Rotations()) == before {
			break
		}
	}
	if report.Err == nil {
		c.keepRotations(ctx, d)
	}
	return report
}

// walk takes the last checkpoint under the policy in force, and reports whether the directory has grown by it. Its number is that of the
// rotations known, or, if the copy began with a later policy, a higher one.
func (c *Copy) walk(ctx context.Context, d *ledger.Directory) bool {
	for n := len(d.Rotations()); n < maxRotations; n++ {
		read := rotation(n)
		r := c.sync(ctx, ledger.DirectoryLog, d.Policies(ledger.DirectoryLog), read)
		if r.Err == nil {
			return r.To > r.From
		}
		if errors.Is(r.Err, mirror.ErrNotFound) {
			return false
		}
	}
	return false
}

// rotation reads rotation n of a source that has such.
func rotation(n int) func(mirror.Source, context.Context, string) ([]byte, error) {
	return func(src mirror.Source, ctx context.Context, _ string) ([]byte, error) {
		s, ok := src.(interface {
			Rotation(ctx context.Context, n int) ([]byte, error)
		})
		if !ok {
			return nil, fmt.Errorf("rotation %d: %w", n, mirror.ErrNotFound)
		}
		return s.Rotation(ctx, n)
	}
}

// keepRotations copies the checkpoints of the rotations that are known, and publishes the newest policy. One that no source has now is
// asked for again by the next Sync.
func (c *Copy) keepRotations(ctx context.Context, d *ledger.Directory) {
	l := c.log(ledger.DirectoryLog, d.Policies(ledger.DirectoryLog))
	held, err := l.load()
	if err != nil {
		return // it was loaded a moment ago; the next Sync reports it
	}
	turns := d.Rotations()
	for n, turn := range turns {
		path := filepath.Join(l.dir, filepath.FromSlash(ledger.RotationPath(n)))
		if isFile(path) {
			continue
		}
		var errs []error
		for _, src := range c.opts.Sources {
			if err = l.keepRotation(ctx, path, l.policies[len(turns)-n], held, turn, rotation(n), src); err == nil {
				break
			}
			errs = append(errs, err)
		}
		if err != nil {
			c.opts.Logger.Warn("no source has the last checkpoint under an old root policy", "rotation", n, "error", errors.Join(errs...))
		}
	}
	if err := durable.WriteFile(filepath.Join(c.dir, "public", "root.json"), d.Root().Marshal(), 0o644); err != nil {
		c.opts.Logger.Warn("cannot publish the root policy", "error", err)
	}
}

// keepRotation keeps a source's checkpoint if the old policy opens it, it covers the rotation, and it is one of the held log's past.
func (l *logCopy) keepRotation(ctx context.Context, path string, p ledger.LogPolicy, held state, turn uint64,
	read func(mirror.Source, context.Context, string) ([]byte, error), src mirror.Source) error {
	raw, err := read(src, ctx, l.short)
	if err != nil {
		return err
	}
	cp, err := p.Open(raw)
	if err != nil {
		return err
	}
	if cp.Size <= turn || cp.Size > held.cp.Size {
		return fmt.Errorf("the checkpoint of %d entries does not cover entry %d of %d", cp.Size, turn, held.cp.Size)
	}
	if err := ledger.CheckPrefix(held.tree, cp.Size, cp.Root, heldTiles{l}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(path, raw, 0o644)
}
