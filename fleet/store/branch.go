package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"citygate/fleet"
	"citygate/sync/wire"
)

// This file lets a gateway go on whose epoch forked. Without a decision it would
// wait for ever: the fleet acknowledges only its own chain, and the gateway takes
// only an acknowledgement of its own. A person may decide to keep both: then the
// second chain is stored beside the first, from the number where they part, as an
// epoch of its own whose number is computed, and it is acknowledged as it is
// stored. Nothing of the first chain changes, and no third chain gets in.

// ErrNotFork is returned by KeepBoth for a finding that is not an open fork.
var ErrNotFork = errors.New("not an open fork")

const branchContext = "citygate/v1 branch"

// branchEpoch is the number under which a branch is stored.
func branchEpoch(device string, epoch, at uint64, chain Chain) uint64 {
	h := sha256.New()
	h.Write(append(append([]byte(branchContext+"\x00"), device...), 0))
	h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, epoch), at))
	h.Write(chain[:])
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// KeepBoth closes a fork with the decision to keep both chains: the one that was
// refused is stored and acknowledged from now on. Further findings of the same
// fork, at higher numbers, are closed with it. It returns the epoch under which
// the second chain will stand.
func (s *Store) KeepBoth(ctx context.Context, id int64, reason string) (uint64, error) {
	if strings.TrimSpace(reason) == "" {
		return 0, errNoReason
	}
	list, err := s.Findings(ctx, FindingsQuery{ID: id})
	if err != nil {
		return 0, err
	}
	if len(list) == 0 || list[0].Kind != fleet.Fork || !list[0].Resolved.IsZero() {
		return 0, fmt.Errorf("finding %d: %w", id, ErrNotFork)
	}
	var branch uint64
	err = s.inTx(ctx, []string{list[0].Device}, func(tx *sql.Tx) error {
		device, err := deviceID(ctx, tx, list[0].Device)
		if err != nil {
			return err
		}
		branch, err = s.openBranch(ctx, tx, device, list[0])
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE findings SET resolved_us = $1, reason = $2
			WHERE device = $3 AND kind = 'fork' AND epoch = $4 AND resolved_us = 0`,
			micros(s.now()), line(fmt.Sprintf("both kept, the second as %016x: %s", branch, reason)), device, int64(list[0].Epoch))
		return err
	})
	return branch, err
}

// openBranch begins a branch where the first of an epoch's forks was seen: the
// gateway sends from there again.
func (s *Store) openBranch(ctx context.Context, tx *sql.Tx, device int64, f fleet.Finding) (uint64, error) {
	var first int64
	var theirs, evidence []byte
	err := tx.QueryRowContext(ctx, `SELECT first, theirs, evidence FROM findings
		WHERE device = $1 AND kind = 'fork' AND epoch = $2 AND resolved_us = 0 ORDER BY first LIMIT 1`,
		device, int64(f.Epoch)).Scan(&first, &theirs, &evidence)
	if err != nil {
		return 0, fmt.Errorf("read fork: %w", err)
	}
	row, err := branchRow(f.Device, f.Epoch, uint64(first), theirs, evidence)
	if err != nil {
		return 0, err
	}
	now := micros(s.now())
	_, err = tx.ExecContext(ctx, `INSERT INTO epochs (device, epoch, mark, chain, opened_us, stored_us, branch_of, base, base_chain, first_chain)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (device, epoch) DO NOTHING`,
		device, int64(row.epoch), int64(row.mark), row.chain[:], now, now, int64(f.Epoch), int64(row.base), row.baseChain[:], row.firstChain)
	if err != nil {
		return 0, fmt.Errorf("open branch: %w", err)
	}
	return row.epoch, nil
}

// branchRow finds in a fork's evidence where the second chain parts from ours: at
// the chain before the batch, or at one of its items.
func branchRow(device string, epoch, at uint64, theirs, evidence []byte) (epochRow, error) {
	var row epochRow
	m, err := wire.DecodeBatch(evidence)
	if err != nil || len(theirs) != len(row.chain) {
		return row, fmt.Errorf("a fork whose message was not kept: %w", errors.Join(ErrNotFork, err))
	}
	b, err := FromWire(m, nil)
	if err != nil {
		return row, err
	}
	row = epochRow{name: device, epoch: branchEpoch(device, epoch, at, Chain(theirs)), branchOf: epoch, firstChain: []byte{}}
	if b.First()-1 == at {
		row.base, row.baseChain = at, b.Before
	} else {
		row.base, row.baseChain, row.firstChain = b.First()-1, b.Before, theirs
		for _, it := range b.Items {
			if it.Last >= at {
				break
			}
			row.base, row.baseChain = it.Last, it.Chain
		}
		if row.base+1 != at { // an evicted range stands there: its chain is known at its end only
			row.firstChain = []byte{}
		}
	}
	row.mark, row.chain = row.base, row.baseChain
	return row, nil
}

// branch finds the branch that a batch belongs to which does not fit its epoch,
// or nil.
func (c *commit) branch(ctx context.Context, ep epochRow, b Batch) (*epochRow, error) {
	rows, err := c.tx.QueryContext(ctx, `SELECT id, epoch, mark, chain, base, base_chain, first_chain FROM epochs
		WHERE device = $1 AND branch_of = $2 AND branch_of <> 0 ORDER BY id`, ep.device, int64(ep.epoch))
	if err != nil {
		return nil, fmt.Errorf("read branches: %w", err)
	}
	defer rows.Close()
	var list []*epochRow
	for rows.Next() {
		r := epochRow{device: ep.device, name: ep.name, branchOf: ep.epoch}
		var epoch, mark, base int64
		var chain, baseChain []byte
		if err := rows.Scan(&r.id, &epoch, &mark, &chain, &base, &baseChain, &r.firstChain); err != nil {
			return nil, fmt.Errorf("read branches: %w", err)
		}
		r.epoch, r.mark, r.base = uint64(epoch), uint64(mark), uint64(base)
		copy(r.chain[:], chain)
		copy(r.baseChain[:], baseChain)
		key := epochKey{ep.device, r.epoch}
		if c.epochs[key] == nil {
			c.epochs[key] = &r
		}
		list = append(list, c.epochs[key])
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read branches: %w", err)
	}
	rows.Close() // before the next statement of this transaction
	for _, r := range list {
		if r.begins(b) {
			if fork, err := findFork(ctx, c.tx, c.rows, *r, b); err != nil || fork == nil {
				return r, err
			}
		}
	}
	return nil, nil
}

// begins tells whether a batch agrees with a branch where the branch parts, as
// far as it covers that.
func (r *epochRow) begins(b Batch) bool {
	if b.First()-1 > r.base {
		return true // inside the branch: findFork compares
	}
	if b.First()-1 == r.base && b.Before != r.baseChain {
		return false
	}
	for _, it := range b.Items {
		if it.Last == r.base && it.Chain != r.baseChain || it.Last == r.base+1 && len(r.firstChain) > 0 && Chain(r.firstChain) != it.Chain {
			return false
		}
	}
	return b.Last() > r.base
}
