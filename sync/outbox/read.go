package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"citygate/sync/wire"
)

// Cursor is a place in the outbox: behind one number of one epoch. The zero value stands before everything.
type Cursor struct {
	ord int64
	seq uint64
}

// Before reports whether c stands before d.
func (c Cursor) Before(d Cursor) bool {
	return c.ord < d.ord || c.ord == d.ord && c.seq < d.seq
}

// Acked returns the place behind what is acknowledged of the oldest epoch that has something waiting.
func (o *Outbox) Acked(ctx context.Context) (Cursor, error) {
	var c Cursor
	err := o.read.QueryRowContext(ctx, `SELECT ord, acked FROM epoch AS e WHERE EXISTS (
		SELECT 1 FROM item WHERE id > (e.ord << 40) + e.acked AND id < (e.ord + 1) << 40) ORDER BY ord LIMIT 1`).Scan(&c.ord, &c.seq)
	if errors.Is(err, sql.ErrNoRows) {
		err = o.read.QueryRowContext(ctx, "SELECT ord, acked FROM epoch ORDER BY ord DESC LIMIT 1").Scan(&c.ord, &c.seq)
	}
	if err != nil {
		return Cursor{}, fmt.Errorf("outbox: read the acknowledged number: %w", err)
	}
	return c, nil
}

// Find returns the place before a number, for ranges that the fleet asks for again. It reports false if the epoch is
// not known any more.
func (o *Outbox) Find(ctx context.Context, epoch, first uint64) (Cursor, bool, error) {
	if first == 0 || first > wire.MaxSeq {
		return Cursor{}, false, nil
	}
	c := Cursor{seq: first - 1}
	err := o.read.QueryRowContext(ctx, "SELECT ord FROM epoch WHERE epoch = ?", int64(epoch)).Scan(&c.ord)
	if errors.Is(err, sql.ErrNoRows) {
		return Cursor{}, false, nil
	}
	if err != nil {
		return Cursor{}, false, fmt.Errorf("outbox: find epoch: %w", err)
	}
	return c, true, nil
}

// Next returns an unsigned batch of at most limit items behind a place, and the place behind the batch. A batch never
// mixes epochs. A batch without items means that nothing is there. If what follows the place is an evicted range that
// begins before it, the batch begins with that whole range. Numbers that were deleted after their acknowledgement
// come as one evicted range from 1, counted as "acknowledged".
//
// The chain is computed again from the bytes: an event that does not fit it any more is handed out as an evicted
// range of one, counted as "damaged", so that one flipped bit on the disk does not stop the drain.
func (o *Outbox) Next(ctx context.Context, c Cursor, limit int) (wire.Batch, Cursor, error) {
	tx, err := o.read.BeginTx(ctx, nil)
	if err != nil {
		return wire.Batch{}, c, fmt.Errorf("outbox: read: %w", err)
	}
	defer tx.Rollback() // it only read
	b, after, err := o.next(ctx, tx, c, min(limit, wire.MaxItems))
	if err != nil {
		return wire.Batch{}, c, fmt.Errorf("outbox: read behind %d: %w", c.seq, err)
	}
	return b, after, nil
}

func (o *Outbox) next(ctx context.Context, tx *sql.Tx, c Cursor, limit int) (wire.Batch, Cursor, error) {
	for {
		b := wire.Batch{Device: o.opts.Device}
		err := o.anchor(ctx, tx, &c, &b)
		if err == nil && len(b.Items) < limit {
			err = readItems(ctx, tx, c, &b, limit)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return wire.Batch{}, c, err
		}
		if len(b.Items) > 0 {
			return b, Cursor{ord: c.ord, seq: b.Last()}, nil
		}
		var n Cursor
		err = tx.QueryRowContext(ctx, `SELECT ord, acked FROM epoch AS e WHERE ord > ? AND EXISTS (
			SELECT 1 FROM item WHERE id > (e.ord << 40) + e.acked AND id < (e.ord + 1) << 40) ORDER BY ord LIMIT 1`, c.ord).Scan(&n.ord, &n.seq)
		if errors.Is(err, sql.ErrNoRows) {
			return wire.Batch{}, c, nil
		}
		if err != nil {
			return wire.Batch{}, c, err
		}
		c = n
	}
}

// anchor sets the batch's epoch, first number and the chain before it. It moves the cursor back when it stands inside
// an evicted range, and lets the batch begin with a range when the numbers before are deleted. Its error is
// sql.ErrNoRows when nothing is known of the place, which is so behind the last number.
func (o *Outbox) anchor(ctx context.Context, tx *sql.Tx, c *Cursor, b *wire.Batch) error {
	var epoch int64
	var floor uint64
	var floorchain []byte
	err := tx.QueryRowContext(ctx, "SELECT epoch, floor, floorchain FROM epoch WHERE ord = ?", c.ord).Scan(&epoch, &floor, &floorchain)
	if err != nil {
		return err
	}
	b.Epoch = uint64(epoch)
	if c.seq < floor {
		b.First, b.Prev = 1, wire.Chain0(o.opts.Device, b.Epoch)
		b.Items = []wire.Item{{Evicted: &wire.Evicted{First: 1, Last: floor, Chain: wire.Hash(floorchain),
			Counts: map[string]uint64{"acknowledged": floor}}}}
		c.seq = floor
		return nil
	}
	for c.seq > floor {
		var id, span int64
		var chain []byte
		err := tx.QueryRowContext(ctx, "SELECT id, span, chain FROM item WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1",
			itemID(c.ord, floor), itemID(c.ord, c.seq)).Scan(&id, &span, &chain)
		if err != nil {
			return err
		}
		switch end := id + span - 1; {
		case end == itemID(c.ord, c.seq):
			b.First, b.Prev = c.seq+1, wire.Hash(chain)
			return nil
		case end < itemID(c.ord, c.seq):
			return sql.ErrNoRows
		}
		c.seq = uint64(id-1) & wire.MaxSeq
	}
	b.First, b.Prev = floor+1, wire.Hash(floorchain)
	return nil
}

// maxBatchBody bounds the bytes of a batch's items: evicted ranges with many counts are large.
const maxBatchBody = wire.MaxBatch - 16<<10

// readItems appends the rows behind the cursor to the batch.
func readItems(ctx context.Context, tx *sql.Tx, c Cursor, b *wire.Batch, limit int) error {
	rows, err := tx.QueryContext(ctx, "SELECT id, span, prio, chain, body FROM item WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
		itemID(c.ord, c.seq), itemID(c.ord+1, 0), limit-len(b.Items))
	if err != nil {
		return err
	}
	defer rows.Close()
	prev, bytes := b.Chain(), 0
	for rows.Next() {
		var id, span, prio int64
		var rawChain, body []byte
		if err := rows.Scan(&id, &span, &prio, &rawChain, &body); err != nil {
			return err
		}
		first, chain := uint64(id)&wire.MaxSeq, wire.Hash(rawChain)
		it := wire.Item{Event: body}
		switch {
		case prio == prioEvicted:
			it = wire.Item{Evicted: &wire.Evicted{First: first, Last: first + uint64(span) - 1, Chain: chain}}
			if err := json.Unmarshal(body, &it.Evicted.Counts); err != nil {
				return fmt.Errorf("counts of the range at %d: %w", first, err)
			}
		case wire.ChainNext(prev, body) != chain:
			it = wire.Item{Evicted: &wire.Evicted{First: first, Last: first, Chain: chain, Counts: map[string]uint64{"damaged": 1}}}
		}
		if bytes += len(body); bytes > maxBatchBody && len(b.Items) > 0 {
			break
		}
		b.Items, prev = append(b.Items, it), chain
	}
	return rows.Err()
}
