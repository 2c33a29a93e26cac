// Package mirrored keeps a full, verified copy of other registries' logs, in the same layout in which a registry publishes its own: any city
// mirrors any other, and what one serves is as good as what the other did.
//
// A [Copy] follows the directory from a root policy, and the logs that the directory names. Nothing that a source says is believed: a checkpoint needs
// the log's signature and a quorum, the tree is rebuilt from what is held, and each entry bundle is compared with the tree before it is kept. Entries and tiles are on
// the disk before the checkpoint that covers them replaces the old one, so the folder is a consistent log at any moment, also after a power cut; an interrupted
// download goes on where it stopped. A source that lies or fails is left for the next.
//
// A log that shows two histories is not followed any further: both notes are kept below evidence/ as they were signed, and Sync reports the
// fork again each time.
package mirrored

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"citygate/internal/durable"
	"citygate/trust/cityid"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
)

// Options say what to copy, and from where.
type Options struct {
	// Root is the root policy to start from.
	Root ledger.RootPolicy
	// Follow are the prefixes whose registries' logs are copied; none is all. The directory always is.
	Follow []string
	// Sources are where bytes come from, in order of preference.
	Sources []mirror.Source
	// Logger gets what an operator should know; nil discards.
	Logger *slog.Logger
}

// A Copy is a folder with copies of logs, in public/{log}. It is used by one goroutine, and by one process.
type Copy struct {
	dir  string
	opts Options
}

// LogReport says what Sync did with one log.
type LogReport struct {
	// Log is the short name.
	Log string
	// From and To are the copy's sizes before and after.
	From, To uint64
	// Err says why the log is not up to date, nil if it is. A *ledger.ForkError is in it if the log has shown two histories.
	Err error
}

// Open opens or begins a folder of copies. It reads nothing from the sources yet.
func Open(dir string, o Options) (*Copy, error) {
	if err := o.Root.Validate(); err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	for _, p := range o.Follow {
		if _, err := cityid.ParsePrefix(p); err != nil {
			return nil, fmt.Errorf("open mirror: %w", err)
		}
	}
	if len(o.Sources) == 0 {
		return nil, errors.New("open mirror: no source")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	public := filepath.Join(dir, "public")
	if err := durable.MkdirAll(public, 0o755); err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	// The root policy is served with the logs: whoever trusts it already may compare, nobody else should take it from here. Rotations replace it.
	if err := durable.WriteNew(filepath.Join(public, "root.json"), o.Root.Marshal(), 0o644); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	return &Copy{dir: dir, opts: o}, nil
}

// Sync brings the directory up to date, and then every log that it names and that is followed. One log that fails does not keep the others
// from being copied. The error is the directory's: without it nothing else can be checked.
func (c *Copy) Sync(ctx context.Context) ([]LogReport, error) {
	report := c.syncDirectory(ctx)
	reports := []LogReport{report}
	if report.Err != nil {
		c.opts.Logger.Warn("directory is not up to date", "error", report.Err)
	}
	d, err := c.Directory()
	if err != nil {
		return reports, errors.Join(report.Err, err)
	}
	for _, row := range d.Registries() {
		if len(c.opts.Follow) > 0 && !slices.Contains(c.opts.Follow, row.Prefix) {
			continue
		}
		for _, l := range []ledger.LogRef{row.Records, row.Status} {
			r := c.sync(ctx, l.Short, d.Policies(l.Short), mirror.Source.Checkpoint)
			if r.Err != nil {
				c.opts.Logger.Warn("log is not up to date", "log", l.Short, "size", r.To, "error", r.Err)
			}
			reports = append(reports, r)
		}
	}
	return reports, report.Err
}

func (c *Copy) log(short string, policies []ledger.LogPolicy) *logCopy {
	return &logCopy{short: short, dir: filepath.Join(c.dir, "public", short), evidence: filepath.Join(c.dir, "evidence"), policies: policies}
}

// sync advances one log with the checkpoint that read gives of each source in turn, so that a source that is frozen or behind hides nothing that another has. The log is up to
// date if one of them worked.
func (c *Copy) sync(ctx context.Context, short string, policies []ledger.LogPolicy,
	read func(mirror.Source, context.Context, string) ([]byte, error)) LogReport {
	l := c.log(short, policies)
	held, err := l.load()
	report := LogReport{Log: short, From: held.cp.Size, To: held.cp.Size}
	if err != nil {
		// What is held is damaged. It is read again from the start; what is still right in it is not fetched again.
		c.opts.Logger.Warn("copy is damaged and is read again", "log", short, "error", err)
	}
	var errs []error
	worked := false
	for _, src := range c.opts.Sources {
		raw, err := read(src, ctx, short)
		if err == nil {
			held, err = l.advance(ctx, held, raw, src)
			l.keepRoot(ctx, held, src)
		}
		report.To = held.cp.Size
		if fork := (*ledger.ForkError)(nil); errors.As(err, &fork) {
			report.Err = err
			return report
		}
		worked = worked || err == nil
		errs = append(errs, err)
	}
	if !worked {
		report.Err = errors.Join(errs...)
	}
	return report
}

// width is how many entries bundle n has in a log of a size.
func width(n, size uint64) int {
	return int(min(size-n*ledger.TileWidth, ledger.TileWidth))
}

func readFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}
