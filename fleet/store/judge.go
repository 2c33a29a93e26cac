package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"citygate/fleet"
	"citygate/sync/wire"
)

// This file decides whether a batch and an epoch fit what is committed.

// findFork compares a batch's chain with the committed one at every number
// where both are known, and returns a finding at the first difference. Inside
// an evicted range no chain is known; the next number that has one decides.
func findFork(ctx context.Context, tx *sql.Tx, rows rowWriter, ep epochRow, b Batch) (*fleet.Finding, error) {
	compare := func(seq uint64, theirs Chain) (*fleet.Finding, error) {
		ours, known, err := chainAt(ctx, tx, rows, ep, b, seq)
		if err != nil || !known || ours == theirs {
			return nil, err
		}
		return &fleet.Finding{
			Device: b.Device, Kind: fleet.Fork, Epoch: b.Epoch, First: seq, Last: seq,
			Detail: fmt.Sprintf("two chains for number %d", seq),
			Ours:   ours[:], Theirs: theirs[:], Evidence: b.Evidence,
		}, nil
	}
	if f, err := compare(b.First()-1, b.Before); f != nil || err != nil {
		return f, err
	}
	for _, it := range b.Items {
		if it.Last > ep.mark {
			return nil, nil
		}
		if f, err := compare(it.Last, it.Chain); f != nil || err != nil {
			return f, err
		}
	}
	return nil, nil
}

// chainAt is the committed chain after number seq, if one is known there.
func chainAt(ctx context.Context, tx *sql.Tx, rows rowWriter, ep epochRow, b Batch, seq uint64) (Chain, bool, error) {
	if seq == ep.mark {
		return ep.chain, true, nil
	}
	if ep.branchOf != 0 && seq <= ep.base {
		return ep.baseChain, seq == ep.base, nil
	}
	if seq == 0 {
		return wire.Chain0(b.Device, b.Epoch), true, nil
	}
	if err := rows.flush(ctx); err != nil {
		return Chain{}, false, err
	}
	var chain []byte
	err := tx.QueryRowContext(ctx, `SELECT chain FROM events WHERE epoch = $1 AND seq = $2
		UNION ALL SELECT chain FROM evicted WHERE epoch = $1 AND last = $2`, ep.id, int64(seq)).Scan(&chain)
	if errors.Is(err, sql.ErrNoRows) {
		return Chain{}, false, nil
	}
	if err != nil {
		return Chain{}, false, fmt.Errorf("read chain at %d: %w", seq, err)
	}
	return Chain(chain), true, nil
}

// linkPredecessor stores what a start event says of the epoch before and
// checks it against what is committed there.
func (s *Store) linkPredecessor(ctx context.Context, tx *sql.Tx, ep epochRow, p Predecessor) error {
	if !p.Known {
		return s.unknownPredecessor(ctx, tx, ep)
	}
	_, err := tx.ExecContext(ctx, `UPDATE epochs SET prev_known = 1, prev_epoch = $1, prev_last = $2, prev_chain = $3 WHERE id = $4`,
		int64(p.Epoch), int64(p.Last), p.Chain[:], ep.id)
	if err != nil {
		return fmt.Errorf("store predecessor: %w", err)
	}
	if err := s.checkSiblings(ctx, tx, ep, p); err != nil {
		return err
	}
	prev, err := loadEpoch(ctx, tx, ep.device, Batch{Device: ep.name, Epoch: p.Epoch})
	if err != nil {
		return err
	}
	if prev.mark != p.Last || prev.chain != p.Chain { // perhaps it ended on its branch
		var n int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM epochs WHERE device = $1 AND branch_of = $2 AND mark = $3 AND chain = $4`,
			ep.device, int64(p.Epoch), int64(p.Last), p.Chain[:]).Scan(&n)
		if err != nil || n > 0 && p.Epoch != 0 {
			return err
		}
	}
	f := fleet.Finding{Device: ep.name, Epoch: p.Epoch, Ours: prev.chain[:], Theirs: p.Chain[:], Subject: fmt.Sprintf("%016x", ep.epoch)}
	switch {
	case prev.mark > p.Last:
		f.Kind, f.First, f.Last = fleet.Rollback, p.Last+1, prev.mark
		f.Detail = fmt.Sprintf("the next epoch says it ended at %d, but %d are stored", p.Last, prev.mark)
	case prev.mark == p.Last && prev.chain != p.Chain:
		f.Kind, f.First, f.Last = fleet.Fork, p.Last, p.Last
		f.Detail = "the next epoch names another chain for its end"
	case prev.mark < p.Last:
		f.Kind, f.First, f.Last, f.Subject = fleet.Gap, prev.mark+1, p.Last, ""
		f.Detail = fmt.Sprintf("the next epoch says it ended at %d, %d are stored", p.Last, prev.mark)
	default:
		return nil
	}
	return s.addFinding(ctx, tx, ep.device, f)
}

// unknownPredecessor is a finding where the fleet knows an earlier epoch: how
// much of it was lost cannot be told. Epochs that come after this one are no
// earlier ones, though their batches may have come before: several workers commit
// what several connections sent.
func (s *Store) unknownPredecessor(ctx context.Context, tx *sql.Tx, ep epochRow) error {
	var epoch, mark int64
	err := tx.QueryRowContext(ctx, `WITH RECURSIVE later (epoch) AS (
			SELECT epoch FROM epochs WHERE device = $1 AND id = $2
			UNION SELECT e.epoch FROM epochs e JOIN later ON e.prev_epoch = later.epoch WHERE e.device = $1 AND e.prev_known = 1)
		SELECT epoch, mark FROM epochs WHERE device = $1 AND epoch NOT IN (SELECT epoch FROM later) ORDER BY id DESC LIMIT 1`,
		ep.device, ep.id).Scan(&epoch, &mark)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read epoch before: %w", err)
	}
	return s.addFinding(ctx, tx, ep.device, fleet.Finding{
		Device: ep.name, Kind: fleet.Gap, Epoch: uint64(epoch), First: uint64(mark) + 1,
		Detail: "the next epoch does not know where this one ended",
	})
}

// checkSiblings finds two epochs that both name the same predecessor.
func (s *Store) checkSiblings(ctx context.Context, tx *sql.Tx, ep epochRow, p Predecessor) error {
	var other int64
	err := tx.QueryRowContext(ctx, `SELECT epoch FROM epochs WHERE device = $1 AND prev_known = 1 AND prev_epoch = $2 AND id <> $3 LIMIT 1`,
		ep.device, int64(p.Epoch), ep.id).Scan(&other)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read sibling epochs: %w", err)
	}
	return s.addFinding(ctx, tx, ep.device, fleet.Finding{
		Device: ep.name, Kind: fleet.Clone, Epoch: ep.epoch, First: 1, Last: 1, Subject: fmt.Sprintf("%016x", uint64(other)),
		Detail: fmt.Sprintf("epochs %016x and %016x both follow %016x", uint64(other), ep.epoch, p.Epoch),
		Ours:   p.Chain[:],
	})
}

// checkSuccessors finds an epoch that goes on after its successor named its
// end, or that reaches that end with another chain.
func (s *Store) checkSuccessors(ctx context.Context, tx *sql.Tx, ep epochRow) error {
	var next, last int64
	var chain []byte
	err := tx.QueryRowContext(ctx, `SELECT epoch, prev_last, prev_chain FROM epochs
		WHERE device = $1 AND prev_known = 1 AND prev_epoch = $2 ORDER BY id LIMIT 1`,
		ep.device, int64(ep.epoch)).Scan(&next, &last, &chain)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read following epoch: %w", err)
	}
	f := fleet.Finding{Device: ep.name, Epoch: ep.epoch, Ours: ep.chain[:], Theirs: chain, Subject: fmt.Sprintf("%016x", uint64(next))}
	switch {
	case ep.mark > uint64(last):
		f.Kind, f.First = fleet.Clone, uint64(last)+1
		f.Detail = fmt.Sprintf("goes on after %d, where the next epoch says it ended", last)
	case ep.mark == uint64(last) && ep.chain != Chain(chain):
		f.Kind, f.First, f.Last = fleet.Fork, ep.mark, ep.mark
		f.Detail = "the next epoch names another chain for its end"
	default:
		return nil
	}
	return s.addFinding(ctx, tx, ep.device, f)
}
