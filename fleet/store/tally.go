package store

import (
	"context"
	"time"
)

// Slot is the step in which scans are counted.
const Slot = 15 * time.Minute

// rowWriter takes the rows of one transaction that there are many of. They can be
// read in the transaction after flush.
type rowWriter interface {
	event(ctx context.Context, r eventRow) error
	count(ctx context.Context, device int64, k tallyKey, v tallyValue) error
	flush(ctx context.Context) error
	close() error
}

// eventRow is one row of the table events.
type eventRow struct {
	epoch, seq, at, stored int64
	kind, verdict          string
	raw, chain             []byte
}

type tallyKey struct {
	slot    int64
	verdict string
}

type tallyValue struct{ n, quick int64 }

// tally counts the scans of one batch, so that each slot is written once.
type tally map[tallyKey]tallyValue

func newTally() tally { return make(tally) }

func (t tally) add(it Item) {
	if it.Kind != ItemEvent || it.Verdict == "" {
		return
	}
	k := tallyKey{slot: it.At.Truncate(Slot).UnixMicro(), verdict: it.Verdict}
	v := t[k]
	v.n++
	if it.Quick {
		v.quick++
	}
	t[k] = v
}

func (t tally) save(ctx context.Context, rows rowWriter, device int64) error {
	for k, v := range t {
		if err := rows.count(ctx, device, k, v); err != nil {
			return err
		}
	}
	return nil
}
