package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"citygate/trust/ledger"
)

// pollInterval is how often the published checkpoint is looked at while waiting for it.
const pollInterval = 50 * time.Millisecond

// Head is what is published of one log.
type Head struct {
	Log  string
	Size uint64
	Root ledger.Hash
	// Time is the checkpoint's time: that of the quorum-th newest cosignature.
	Time time.Time
}

// Published gives the published head of each log, and an error if one is missing or would not be believed.
func (r *Registry) Published(ctx context.Context) ([]Head, error) {
	var heads []Head
	for _, l := range r.logs {
		cp, err := l.published(ctx)
		if err != nil {
			return nil, err
		}
		heads = append(heads, Head{Log: l.ref.Short, Size: cp.Size, Root: cp.Root, Time: cp.Time})
	}
	return heads, nil
}

// Await waits until everything that is logged now is covered by a cosigned checkpoint.
func (r *Registry) Await(ctx context.Context) ([]Head, error) {
	return r.await(ctx, func(*ledgerLog) bool { return true })
}

// Publish has every log cosigned anew, also those that did not grow, and waits for it: afterwards each checkpoint covers all that was
// logged before the call. It takes about one CheckpointInterval.
func (r *Registry) Publish(ctx context.Context) ([]Head, error) {
	for _, l := range r.logs {
		if err := l.outdate(); err != nil {
			return nil, err
		}
	}
	heads, err := r.await(ctx, (*ledgerLog).renewed)
	if err == nil && r.directory != nil {
		err = r.exclusive(ctx, func() error { return r.keepRotations(ctx) })
	}
	return heads, err
}

// outdate makes Tessera take the published checkpoint for older than Recosign: it goes by the file's time.
func (l *ledgerLog) outdate() error {
	long := time.Unix(0, 0)
	if err := os.Chtimes(l.checkpointFile(), long, long); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("log %s: %w", l.ref.Short, err)
	}
	return nil
}

// renewDisbelieved has a checkpoint made anew at once that readers would not take, because witnesses or log keys have changed since.
func (l *ledgerLog) renewDisbelieved(ctx context.Context) error {
	if _, err := l.published(ctx); err == nil {
		return nil
	}
	return l.outdate()
}

// renewed reports whether the checkpoint was written anew since outdate.
func (l *ledgerLog) renewed() bool {
	st, err := os.Stat(l.checkpointFile())
	return err == nil && st.ModTime().Unix() > 0
}

func (l *ledgerLog) checkpointFile() string { return filepath.Join(l.dir, "checkpoint") }

func (r *Registry) await(ctx context.Context, fresh func(*ledgerLog) bool) ([]Head, error) {
	want := make([]uint64, len(r.logs))
	err := r.exclusive(ctx, func() error {
		for i, l := range r.logs {
			want[i] = l.book.len()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t := time.NewTicker(pollInterval)
	defer t.Stop()
	for i, l := range r.logs {
		for {
			cp, err := l.published(ctx)
			if err == nil && cp.Raw != nil && cp.Size >= want[i] && fresh(l) {
				break
			}
			select {
			case <-ctx.Done():
				return nil, fmt.Errorf("log %s has %d entries, of which %d are published: %w", l.ref.Short, want[i], cp.Size, errors.Join(err, ctx.Err()))
			case <-t.C:
			}
		}
	}
	return r.Published(ctx)
}

// Run watches until ctx ends that the checkpoints stay new, which Tessera's publication sees to, and warns when one does not: then too
// few witnesses answer, and gateways will soon answer "cannot check now". It ends with ErrChanged when the registry has to be opened again.
func (r *Registry) Run(ctx context.Context) error {
	t := time.NewTicker(max(r.opts.Recosign/2, r.opts.CheckpointInterval))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := r.unchanged(); err != nil {
			return err
		}
		for _, l := range r.logs {
			cp, err := l.published(ctx)
			if err != nil {
				r.opts.Logger.Warn("published checkpoint would not be believed", "log", l.ref.Short, "error", err)
			} else if age := time.Since(cp.Time); age > 2*r.opts.Recosign {
				r.opts.Logger.Warn("too few witnesses cosign: the checkpoint grows old", "log", l.ref.Short, "age", age.Round(time.Second))
			}
		}
	}
}
