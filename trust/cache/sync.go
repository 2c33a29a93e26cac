package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"citygate/trust/ledger"
)

// This file implements the way from a checkpoint to a new view.

// maxRotations bounds how many rotations of the root policy one update walks.
const maxRotations = 64

// Sync brings all followed logs up to date from a source, the directory first.
// It goes on with the other logs when one fails, and its error joins theirs.
func (c *Cache) Sync(ctx context.Context, src Source) (Report, error) {
	var rep Report
	var errs []error
	for i := 0; i < len(c.Logs()); i++ { // the directory's update may add logs
		log := c.Logs()[i]
		r := c.syncLog(ctx, log, src)
		rep.Logs = append(rep.Logs, r)
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("log %s: %w", log, r.Err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return rep, errors.Join(errs...)
}

func (c *Cache) syncLog(ctx context.Context, log string, src Source) LogReport {
	r := LogReport{Log: log}
	before := c.View().Log(log)
	raws, err := c.newest(ctx, log, src)
	for _, raw := range raws {
		if err = c.Apply(ctx, log, raw, src); err == nil {
			break
		}
	}
	r.Err = err
	if l := c.View().Log(log); l != nil {
		r.Size, r.Root, r.Time, r.Grown = l.Size, l.Root, l.Time, l.Size
		if before != nil {
			r.Grown -= before.Size
		}
	}
	return r
}

// newest asks every alternative for its checkpoint, so that one that is stuck
// does not freeze the log, and returns them, the largest and newest first.
func (c *Cache) newest(ctx context.Context, log string, src Source) ([][]byte, error) {
	type candidate struct {
		raw []byte
		cp  ledger.Checkpoint
	}
	var found []candidate
	var errs []error
	policies := c.View().Directory().Policies(log)
	for _, alt := range alternatives(src) {
		raw, err := c.readCheckpoint(ctx, log, alt)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		cand := candidate{raw: raw}
		if len(policies) > 0 {
			// One that does not open may need a rotation first: it comes last.
			cand.cp, _ = policies[0].Open(raw)
		}
		found = append(found, cand)
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.cp.Size, a.cp.Size), b.cp.Time.Compare(a.cp.Time))
	})
	var raws [][]byte
	for _, f := range found {
		raws = append(raws, f.raw)
	}
	if len(raws) == 0 && len(errs) == 0 {
		return nil, errors.New("no source")
	}
	return raws, errors.Join(errs...)
}

func (c *Cache) readCheckpoint(ctx context.Context, log string, src Source) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Stall)
	defer cancel()
	return src.Checkpoint(ctx, log)
}

// alternatives returns the sources that a source consists of.
func alternatives(src Source) []Source {
	if m, ok := src.(interface{ Alternatives() []Source }); ok {
		return m.Alternatives()
	}
	return []Source{src}
}

// Apply takes one checkpoint of a log, reading from src what it lacks. When it
// returns nil, the view has the checkpoint's size or a newer one, and it is on
// disk. A checkpoint of the same size that is not newer changes nothing; a smaller
// one is refused with ledger.ErrRollback.
func (c *Cache) Apply(ctx context.Context, log string, checkpoint []byte, src Source) error {
	if c.readOnly {
		return ErrReadOnly
	}
	if !slices.Contains(c.Logs(), log) {
		return fmt.Errorf("%.64q: %w", log, ErrNotFollowed)
	}
	release, err := c.acquire(ctx, log)
	if err != nil {
		return err
	}
	defer release()
	if log == ledger.DirectoryLog {
		return c.applyDirectory(ctx, checkpoint, src)
	}
	cp, err := c.open(log, checkpoint)
	if err != nil {
		return err
	}
	return c.update(ctx, log, cp, src)
}

// open reads a checkpoint under the log's policy of now.
func (c *Cache) open(log string, raw []byte) (ledger.Checkpoint, error) {
	policies := c.View().Directory().Policies(log)
	if len(policies) == 0 {
		return ledger.Checkpoint{}, fmt.Errorf("log %s: %w", log, ErrNotFollowed)
	}
	return policies[0].Open(raw)
}

// applyDirectory is Apply for the directory, which may have rotated its root
// policy since: then the last checkpoint under each old policy comes first.
func (c *Cache) applyDirectory(ctx context.Context, raw []byte, src Source) error {
	for range maxRotations {
		cp, err := c.open(ledger.DirectoryLog, raw)
		if err == nil {
			return c.update(ctx, ledger.DirectoryLog, cp, src)
		}
		turns := len(c.View().Directory().Rotations())
		if walkErr := c.walkRotation(ctx, turns, src); walkErr != nil {
			return errors.Join(err, walkErr)
		}
	}
	return fmt.Errorf("more than %d rotations of the root policy", maxRotations)
}

// walkRotation applies the last checkpoint under the policy in force. Its number is turns, that of the rotations known; a gateway that was configured
// with a later policy and holds nothing yet does not know those before, and finds it under a higher one.
func (c *Cache) walkRotation(ctx context.Context, turns int, src Source) error {
	var errs []error
	for n := turns; n < maxRotations; n++ {
		err := c.applyRotation(ctx, n, src)
		if len(c.View().Directory().Rotations()) > turns {
			return nil
		}
		errs = append(errs, err)
		if turns > 0 || c.floor(ledger.DirectoryLog) > 0 || !errors.Is(err, ledger.ErrQuorum) {
			break
		}
	}
	return fmt.Errorf("the last checkpoint under the root policy in force was not taken: %w", errors.Join(errs...))
}

// applyRotation applies the last checkpoint under the n-th root policy.
func (c *Cache) applyRotation(ctx context.Context, n int, src Source) error {
	var errs []error
	for _, alt := range alternatives(src) {
		r, ok := alt.(interface {
			Rotation(ctx context.Context, n int) ([]byte, error)
		})
		if !ok {
			continue
		}
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, c.opts.Stall)
			defer cancel()
			raw, err := r.Rotation(ctx, n)
			if err != nil {
				return err
			}
			cp, err := c.open(ledger.DirectoryLog, raw)
			if err != nil {
				return err
			}
			return c.update(ctx, ledger.DirectoryLog, cp, src)
		}()
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("no rotation %d of the root policy: %w", n, errors.Join(errs...))
}

// update brings one log to a checkpoint that its policy has opened.
func (c *Cache) update(ctx context.Context, log string, cp ledger.Checkpoint, src Source) error {
	held := c.View().Log(log)
	last, known := c.last(log)
	switch {
	case cp.Size < c.floor(log):
		return c.older(ctx, log, cp, src)
	case known && last.Size == cp.Size && last.Root != cp.Root:
		return c.fork(log, last, cp, errors.New("two roots for one size"))
	case held != nil && held.Size == cp.Size:
		return c.refresh(held, cp)
	}
	return c.updateFromAny(ctx, log, held, cp, src)
}

// last returns the newest checkpoint that was committed, also that of a log whose
// rows are damaged, false if there is none.
func (c *Cache) last(log string) (ledger.Checkpoint, bool) {
	if l := c.View().Log(log); l != nil {
		return ledger.Checkpoint{Origin: l.Origin, Size: l.Size, Root: l.Root, Time: l.Time, Raw: l.Raw}, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cp, ok := c.broken[log]
	return cp, ok
}

// updateFromAny tries one alternative after the other.
func (c *Cache) updateFromAny(ctx context.Context, log string, held *ledger.LogView, cp ledger.Checkpoint, src Source) error {
	var errs []error
	for _, alt := range alternatives(src) {
		err := c.updateFrom(ctx, log, held, cp, alt)
		if err == nil {
			return nil
		}
		if forked := (*ledger.ForkError)(nil); errors.As(err, &forked) {
			last, _ := c.last(log)
			return c.fork(log, last, cp, err)
		}
		if bad := (*ledger.BadTileError)(nil); errors.As(err, &bad) {
			c.opts.Logger.Warn("mirror sent a bad tile", "log", log, "error", err)
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// refresh replaces the note of a log that did not grow by a newer one.
func (c *Cache) refresh(held *ledger.LogView, cp ledger.Checkpoint) error {
	if !cp.Time.After(held.Time) {
		return nil
	}
	next := ledger.NewLogView(held.Short, cp, held.Tree, held.Statuses)
	return c.commit(next, nil, func(q querier) error { return nil })
}

// floor returns the size below which no checkpoint of the log is taken.
func (c *Cache) floor(log string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.floors[log]
}

// commit writes a log's checkpoint and data in one transaction and then swaps
// the view. dir is the new directory, if the log is the directory's.
func (c *Cache) commit(next *ledger.LogView, dir *ledger.Directory, data func(q querier) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.transact(func(q querier) error {
		if err := data(q); err != nil {
			return err
		}
		return putCheckpoint(q, next.Short, next.Size, next.Raw)
	})
	if err != nil {
		return fmt.Errorf("store log %s: %w", next.Short, err)
	}
	first := c.View().Log(next.Short) == nil
	c.floors[next.Short] = next.Size
	delete(c.broken, next.Short)
	if dir == nil {
		c.view.Store(c.View().WithLog(next))
		return nil
	}
	c.view.Store(c.View().WithDirectory(dir, next))
	if first {
		return c.loadLogs() // they could not be read without the directory
	}
	return nil
}
