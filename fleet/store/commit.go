package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"citygate/fleet"
	"citygate/sync/wire"
)

// epochRow is one epoch as the transaction sees it.
type epochRow struct {
	id     int64 // 0: not stored yet
	device int64
	name   string
	epoch  uint64
	mark   uint64
	chain  Chain
	moved  bool // mark and chain are not written yet

	// Of a branch: the epoch it belongs to, and where it begins.
	branchOf   uint64
	base       uint64
	baseChain  Chain
	firstChain []byte
}

// Commit commits batches in their order, in one transaction: all of it is on
// disk when Commit returns nil, nothing of it when it returns an error. The
// results are in the order of the batches.
func (s *Store) Commit(ctx context.Context, batches []Batch) ([]Result, error) {
	for _, b := range batches {
		if err := b.check(); err != nil {
			return nil, err
		}
	}
	results := make([]Result, len(batches))
	names := make([]string, len(batches))
	for i, b := range batches {
		names[i] = b.Device
	}
	err := s.inTx(ctx, names, func(tx *sql.Tx) error {
		rows, err := s.kind.rows(ctx, tx)
		if err != nil {
			return err
		}
		defer rows.close()
		c := &commit{s: s, tx: tx, rows: rows, now: s.now(), devices: map[string]int64{}, epochs: map[epochKey]*epochRow{}}
		for i, b := range batches {
			if results[i], err = c.one(ctx, b); err != nil {
				return fmt.Errorf("commit %s %016x from %d: %w", b.Device, b.Epoch, b.First(), err)
			}
		}
		return c.settle(ctx)
	})
	if err != nil {
		return nil, err
	}
	for i, r := range results {
		if r.Outcome == Committed {
			s.watch.send(Change{Device: batches[i].Device, What: "events", Epoch: batches[i].Epoch, Mark: r.Mark})
		} else if r.Outcome == Forked {
			s.watch.send(Change{Device: batches[i].Device, What: "findings"})
		}
	}
	return results, nil
}

// commit is one transaction. It remembers devices and epochs, because the batches
// of a drain mostly follow each other: a new mark is written once, by settle.
type commit struct {
	s       *Store
	tx      *sql.Tx
	rows    rowWriter
	now     time.Time
	devices map[string]int64 // 0: not enrolled
	epochs  map[epochKey]*epochRow
}

type epochKey struct {
	device int64
	epoch  uint64
}

func (c *commit) one(ctx context.Context, b Batch) (Result, error) {
	ep, err := c.epoch(ctx, b)
	if err != nil {
		return Result{}, err
	}
	if ep == nil {
		return Result{Outcome: Stranger}, nil
	}
	fork, err := findFork(ctx, c.tx, c.rows, *ep, b)
	if err != nil {
		return Result{}, err
	}
	if fork == nil && b.First() > ep.mark+1 {
		// A branch may be longer than the chain that it parted from.
		if br, err := c.branch(ctx, *ep, b); err != nil {
			return Result{}, err
		} else if br != nil && b.First() <= br.mark+1 {
			return c.place(ctx, br, b)
		}
	}
	if fork != nil {
		br, err := c.branch(ctx, *ep, b)
		if err != nil {
			return Result{}, err
		}
		if br == nil {
			return Result{Outcome: Forked, Mark: ep.mark, Chain: ep.chain}, c.s.addFinding(ctx, c.tx, ep.device, *fork)
		}
		ep = br
	}
	return c.place(ctx, ep, b)
}

// place commits a batch that fits its epoch or branch.
func (c *commit) place(ctx context.Context, ep *epochRow, b Batch) (Result, error) {
	if b.First() > ep.mark+1 {
		return Result{Outcome: Ahead, Mark: ep.mark, Chain: ep.chain, NeedFirst: ep.mark + 1, NeedLast: b.First() - 1}, nil
	}
	if b.Last() <= ep.mark {
		return Result{Outcome: Repeated, Mark: ep.mark, Chain: ep.chain}, nil
	}
	return c.extend(ctx, ep, b)
}

// epoch finds the epoch of a batch, nil where the device is not enrolled.
func (c *commit) epoch(ctx context.Context, b Batch) (*epochRow, error) {
	device, known := c.devices[b.Device]
	if !known {
		var err error
		if device, err = deviceID(ctx, c.tx, b.Device); err != nil && !errors.Is(err, fleet.ErrUnknownDevice) {
			return nil, err
		}
		c.devices[b.Device] = device
	}
	if device == 0 {
		return nil, nil
	}
	key := epochKey{device, b.Epoch}
	if ep := c.epochs[key]; ep != nil {
		return ep, nil
	}
	ep, err := loadEpoch(ctx, c.tx, device, b)
	if err != nil {
		return nil, err
	}
	c.epochs[key] = &ep
	return &ep, nil
}

// extend commits what lies above the mark and moves the mark to the batch's end.
func (c *commit) extend(ctx context.Context, ep *epochRow, b Batch) (Result, error) {
	last := b.Items[len(b.Items)-1]
	old := ep.mark
	ep.mark, ep.chain, ep.moved = last.Last, last.Chain, true
	if ep.id == 0 {
		if err := openEpoch(ctx, c.tx, ep, c.now); err != nil {
			return Result{}, err
		}
	}
	tally := newTally()
	for _, it := range b.Items {
		if it.Last <= old {
			continue
		}
		it.First = max(it.First, old+1)
		if err := c.s.addItem(ctx, c.tx, c.rows, *ep, it, c.now); err != nil {
			return Result{}, err
		}
		tally.add(it)
		if it.Start != nil && it.First == 1 && ep.branchOf == 0 {
			if err := c.settle(ctx); err != nil {
				return Result{}, err
			}
			if err := c.s.linkPredecessor(ctx, c.tx, *ep, *it.Start); err != nil {
				return Result{}, err
			}
		}
	}
	return Result{Outcome: Committed, Mark: ep.mark, Chain: ep.chain, New: ep.mark - old}, tally.save(ctx, c.rows, ep.device)
}

// settle writes all that is remembered, and judges epochs by their new marks.
func (c *commit) settle(ctx context.Context) error {
	if err := c.rows.flush(ctx); err != nil {
		return err
	}
	for _, ep := range c.epochs {
		if !ep.moved {
			continue
		}
		ep.moved = false
		if err := moveMark(ctx, c.tx, *ep, c.now); err != nil {
			return err
		}
		if err := c.s.checkSuccessors(ctx, c.tx, *ep); err != nil {
			return err
		}
		if err := c.s.resolveGaps(ctx, c.tx, ep.device, ep.epoch, ep.mark); err != nil {
			return err
		}
		_, err := c.tx.ExecContext(ctx, `UPDATE devices SET heard_us = $1 WHERE id = $2 AND heard_us < $1`, micros(c.now), ep.device)
		if err != nil {
			return fmt.Errorf("note that the device was heard: %w", err)
		}
	}
	return nil
}

func (s *Store) addItem(ctx context.Context, tx *sql.Tx, rows rowWriter, ep epochRow, it Item, now time.Time) error {
	f := fleet.Finding{Device: ep.name, Epoch: ep.epoch, First: it.First, Last: it.Last, Detail: it.Reason, Theirs: it.Chain[:], Evidence: it.Raw}
	switch it.Kind {
	case ItemEvicted:
		if _, err := tx.ExecContext(ctx, `INSERT INTO evicted (epoch, first, last, stored_us, raw, chain)
			VALUES ($1, $2, $3, $4, $5, $6)`, ep.id, int64(it.First), int64(it.Last), micros(now), it.Raw, it.Chain[:]); err != nil {
			return fmt.Errorf("store evicted range: %w", err)
		}
		f.Kind = fleet.Evicted
		if it.Acknowledged {
			f.Kind = fleet.Lost
		}
		return s.addFinding(ctx, tx, ep.device, f)
	case ItemPoison:
		it.Type, it.Verdict, it.At = "", "", now // no event has an empty type
		f.Kind = fleet.Poison
		if err := s.addFinding(ctx, tx, ep.device, f); err != nil {
			return err
		}
	}
	return rows.event(ctx, eventRow{epoch: ep.id, seq: int64(it.First), at: micros(it.At), stored: micros(now),
		kind: it.Type, verdict: it.Verdict, raw: it.Raw, chain: it.Chain[:]})
}

func loadEpoch(ctx context.Context, tx *sql.Tx, device int64, b Batch) (epochRow, error) {
	ep := epochRow{device: device, name: b.Device, epoch: b.Epoch}
	var mark int64
	var chain []byte
	err := tx.QueryRowContext(ctx, `SELECT id, mark, chain FROM epochs WHERE device = $1 AND epoch = $2`,
		device, int64(b.Epoch)).Scan(&ep.id, &mark, &chain)
	if errors.Is(err, sql.ErrNoRows) {
		ep.chain = wire.Chain0(b.Device, b.Epoch)
		return ep, nil
	}
	if err != nil {
		return ep, fmt.Errorf("read mark: %w", err)
	}
	ep.mark = uint64(mark)
	copy(ep.chain[:], chain)
	return ep, nil
}

func moveMark(ctx context.Context, tx *sql.Tx, ep epochRow, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE epochs SET mark = $1, chain = $2, stored_us = $3 WHERE id = $4`,
		int64(ep.mark), ep.chain[:], micros(now), ep.id)
	if err != nil {
		return fmt.Errorf("move mark: %w", err)
	}
	return nil
}

func openEpoch(ctx context.Context, tx *sql.Tx, ep *epochRow, now time.Time) error {
	err := tx.QueryRowContext(ctx, `INSERT INTO epochs (device, epoch, mark, chain, opened_us, stored_us)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		ep.device, int64(ep.epoch), int64(ep.mark), ep.chain[:], micros(now), micros(now)).Scan(&ep.id)
	if err != nil {
		return fmt.Errorf("open epoch: %w", err)
	}
	return nil
}
