package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"citygate/sync/wire"
)

// Acknowledge marks all events of an epoch up to a number as acknowledged, after comparing the fleet's chain there
// with our own. It returns an error that wraps [ErrAck], and changes nothing, if the epoch is not ours, if the number
// was never given, or if the chains differ. An acknowledgement at or below an earlier one is not an error.
//
// Acknowledged events are deleted some time later, see Options.Keep.
func (o *Outbox) Acknowledge(ctx context.Context, v wire.VerifiedAck) error {
	r := &request{ack: &v, done: make(chan struct{})}
	err := o.submit(ctx, r)
	if errors.Is(err, ErrAck) {
		o.refused.Add(1)
	}
	return err
}

// released is what an acknowledgement lets go.
type released struct {
	events uint64 // waiting no more
	rows   int64  // kept until there are too many
}

// acknowledge applies one acknowledgement inside the writer's transaction.
func (o *Outbox) acknowledge(ctx context.Context, v wire.VerifiedAck) (released, error) {
	var ord int64
	var acked uint64
	var ackchain []byte
	err := o.w.conn.QueryRowContext(ctx, "SELECT ord, acked, ackchain FROM epoch WHERE epoch = ?", int64(v.Epoch())).Scan(&ord, &acked, &ackchain)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return released{}, fmt.Errorf("%w: epoch %s is not one of ours", ErrAck, wire.FormatEpoch(v.Epoch()))
	case err != nil:
		return released{}, fmt.Errorf("read the acknowledged number: %w", err)
	case v.Seq() < acked:
		return released{}, nil // redelivered, or overtaken by a later one
	case v.Seq() == acked:
		if v.Chain() != wire.Hash(ackchain) {
			return released{}, fmt.Errorf("%w: chain at %d is not ours", ErrAck, v.Seq())
		}
		return released{}, nil
	}
	var id, span int64
	var chain []byte
	err = o.w.conn.QueryRowContext(ctx, "SELECT id, span, chain FROM item WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1",
		itemID(ord, acked), itemID(ord, v.Seq())).Scan(&id, &span, &chain)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && id+span-1 != itemID(ord, v.Seq()):
		return released{}, fmt.Errorf("%w: number %d was never given or lies inside an evicted range", ErrAck, v.Seq())
	case err != nil:
		return released{}, fmt.Errorf("read our chain: %w", err)
	case v.Chain() != wire.Hash(chain):
		return released{}, fmt.Errorf("%w: chain at %d is not ours", ErrAck, v.Seq())
	}
	var rel released
	err = o.w.conn.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(prio >= 0), 0) FROM item WHERE id > ? AND id <= ?",
		itemID(ord, acked), itemID(ord, v.Seq())).Scan(&rel.rows, &rel.events)
	if err != nil {
		return released{}, fmt.Errorf("count what is acknowledged: %w", err)
	}
	_, err = o.w.conn.ExecContext(ctx, "UPDATE epoch SET acked = ?, ackchain = ? WHERE ord = ?", int64(v.Seq()), chain, ord)
	if err != nil {
		return released{}, fmt.Errorf("store the acknowledged number: %w", err)
	}
	return rel, nil
}

// prune deletes up to n of the oldest acknowledged rows and returns how many it deleted. The floor of their epoch
// moves with them, so that the chain before what is left stays known.
func (o *Outbox) prune(ctx context.Context, n int) (int64, error) {
	var ord int64
	var floor, acked uint64
	var chain []byte
	err := o.w.conn.QueryRowContext(ctx, "SELECT ord, floor, acked, ackchain FROM epoch WHERE floor < acked ORDER BY ord LIMIT 1").Scan(&ord, &floor, &acked, &chain)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("find acknowledged rows: %w", err)
	}
	to := itemID(ord, acked)
	var id, span int64
	var at []byte
	err = o.w.conn.QueryRowContext(ctx, "SELECT id, span, chain FROM item WHERE id > ? AND id <= ? ORDER BY id LIMIT 1 OFFSET ?",
		itemID(ord, floor), to, n-1).Scan(&id, &span, &at)
	if err == nil {
		to, chain = id+span-1, at
	} else if !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("find acknowledged rows: %w", err)
	}
	var deleted int64
	err = o.transact(ctx, func() error {
		res, err := o.w.conn.ExecContext(ctx, "DELETE FROM item WHERE id > ? AND id <= ?", itemID(ord, floor), to)
		if err != nil {
			return err
		}
		deleted, _ = res.RowsAffected() // go-sqlite3 never fails here
		_, err = o.w.conn.ExecContext(ctx, "UPDATE epoch SET floor = ?, floorchain = ? WHERE ord = ?", to&wire.MaxSeq, chain, ord)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete acknowledged rows: %w", err)
	}
	o.w.kept -= deleted
	o.w.dirty += deleted * 64
	return deleted, nil
}

// transact runs f in a transaction of its own.
func (o *Outbox) transact(ctx context.Context, f func() error) error {
	if _, err := o.w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err := f()
	if err == nil {
		_, err = o.w.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		o.w.stale = true
		o.rollback(ctx)
	}
	return err
}
