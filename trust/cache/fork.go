package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"citygate/trust/ledger"
)

// This file implements what happens when two notes of one log do not agree.

// fork raises the alarm over two notes that cannot both be true.
func (c *Cache) fork(log string, held, cp ledger.Checkpoint, why error) error {
	a := Alarm{Log: log, Kind: AlarmFork, Held: held.Raw, Found: cp.Raw,
		Detail: fmt.Sprintf("sizes %d and %d, roots %s and %s: %v", held.Size, cp.Size, held.Root, cp.Root, why)}
	return errors.Join(fmt.Errorf("fork of %s: %w", log, why), c.raise(a))
}

// older refuses a checkpoint that is smaller than the one held. If it is not one
// of this log's past, which the held tree tells, it is a fork all the same.
func (c *Cache) older(ctx context.Context, log string, cp ledger.Checkpoint, src Source) error {
	refused := fmt.Errorf("size %d, held %d: %w", cp.Size, c.floor(log), ledger.ErrRollback)
	held := c.View().Log(log)
	if held == nil || !c.firstLook(log, cp) {
		return refused
	}
	for _, alt := range alternatives(src) {
		err := func() error {
			ctx, cancel := context.WithCancel(ctx)
			var reads sync.WaitGroup
			defer reads.Wait()
			defer cancel()
			f := c.newFetcher(ctx, log, alt, held.Size, &reads)
			f.base = held.Tree
			return ledger.CheckPrefix(held.Tree, cp.Size, cp.Root, f)
		}()
		if err == nil {
			return refused
		}
		if forked := (*ledger.ForkError)(nil); errors.As(err, &forked) {
			last, _ := c.last(log)
			return c.fork(log, last, cp, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.looked, log) // nobody had the tile: look again next time
	return refused
}

// firstLook says whether this old checkpoint is another than the one that was
// looked at last: a mirror that lags sends the same one again and again, and the
// look costs a pass over the strip.
func (c *Cache) firstLook(log string, cp ledger.Checkpoint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.looked[log]
	c.looked[log] = ledger.LogHead{Size: cp.Size, Root: cp.Root}
	return seen.Size != cp.Size || seen.Root != cp.Root
}
