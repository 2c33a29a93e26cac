package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Slot is the step in which scans are counted.
const Slot = 15 * time.Minute

// commitStmts are the statements of one commit that run once for each event.
type commitStmts struct {
	event, evicted, count *sql.Stmt
}

func prepareCommit(ctx context.Context, tx *sql.Tx) (*commitStmts, error) {
	var c commitStmts
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&c.event, `INSERT INTO events (epoch, seq, at_us, stored_us, type, verdict, raw, chain)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`},
		{&c.evicted, `INSERT INTO evicted (epoch, first, last, stored_us, raw, chain) VALUES ($1, $2, $3, $4, $5, $6)`},
		{&c.count, `INSERT INTO counts (device, slot_us, verdict, n, quick) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (device, slot_us, verdict) DO UPDATE SET n = counts.n + excluded.n, quick = counts.quick + excluded.quick`},
	} {
		stmt, err := tx.PrepareContext(ctx, p.sql)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare commit: %w", err), c.close())
		}
		*p.to = stmt
	}
	return &c, nil
}

func (c *commitStmts) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{c.event, c.evicted, c.count} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
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

func (t tally) save(ctx context.Context, stmts *commitStmts, device int64) error {
	for k, v := range t {
		if _, err := stmts.count.ExecContext(ctx, device, k.slot, k.verdict, v.n, v.quick); err != nil {
			return fmt.Errorf("count verdicts: %w", err)
		}
	}
	return nil
}
