package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"citygate/sync/wire"
)

// Record is one stored number: an event, a poisonous item or an evicted range.
type Record struct {
	Device string
	Epoch  uint64
	// First and Last differ only for an evicted range.
	First, Last uint64
	Kind        ItemKind
	// Event is set for ItemEvent, Evicted for ItemEvicted.
	Event   *wire.Event
	Evicted *wire.Evicted
	Raw     []byte
	Chain   Chain
	Stored  time.Time
}

// EventsQuery says which records to list.
type EventsQuery struct {
	Device string
	// Epoch 0 means all epochs, in the order in which they were opened.
	Epoch uint64
	// After leaves out numbers up to it; it needs an Epoch.
	After uint64
	// Before, if not 0, leaves out numbers from it on; it needs an Epoch.
	Before uint64
	// Newest lists from the last to the first.
	Newest bool
	Limit  int // 0 means no limit
}

// Epoch is one start of a device's daemon and how far it is stored.
type Epoch struct {
	Epoch  uint64
	Mark   uint64
	Chain  Chain
	Opened time.Time
	Stored time.Time
	// BranchOf is the epoch of which this is the second chain that a person let go
	// on, 0 for all others; its numbers begin above Base, where the chain is
	// BaseChain.
	BranchOf  uint64
	Base      uint64
	BaseChain Chain
	rowID     int64
}

// Epochs lists a device's epochs in the order in which they were opened.
func (s *Store) Epochs(ctx context.Context, device string) ([]Epoch, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT e.id, e.epoch, e.mark, e.chain, e.opened_us, e.stored_us,
		e.branch_of, e.base, e.base_chain
		FROM epochs e JOIN devices d ON d.id = e.device WHERE d.name = $1 ORDER BY e.id`, device)
	if err != nil {
		return nil, fmt.Errorf("list epochs of %s: %w", device, err)
	}
	defer rows.Close()
	var out []Epoch
	for rows.Next() {
		var e Epoch
		var epoch, mark, opened, stored, branchOf, base int64
		var chain, baseChain []byte
		if err := rows.Scan(&e.rowID, &epoch, &mark, &chain, &opened, &stored, &branchOf, &base, &baseChain); err != nil {
			return nil, fmt.Errorf("list epochs of %s: %w", device, err)
		}
		e.Epoch, e.Mark, e.Opened, e.Stored = uint64(epoch), uint64(mark), fromMicros(opened), fromMicros(stored)
		e.BranchOf, e.Base, e.BaseChain = uint64(branchOf), uint64(base), wire.Chain0(device, e.Epoch)
		if branchOf != 0 {
			copy(e.BaseChain[:], baseChain)
		}
		copy(e.Chain[:], chain)
		out = append(out, e)
	}
	return out, rows.Err()
}

// Events calls f for each record in order and stops when f returns an error.
// It reads in small pages, so a slow receiver holds no read transaction open
// and the write-ahead log can still be folded back.
func (s *Store) Events(ctx context.Context, q EventsQuery, f func(Record) error) error {
	epochs, err := s.Epochs(ctx, q.Device)
	if err != nil {
		return err
	}
	left := q.Limit
	for i := range epochs {
		e := epochs[i]
		if q.Newest {
			e = epochs[len(epochs)-1-i]
		}
		if q.Epoch != 0 && q.Epoch != e.Epoch {
			continue
		}
		n, err := s.epochEvents(ctx, q, e, left, f)
		if err != nil {
			return err
		}
		if left > 0 {
			if left -= n; left <= 0 {
				return nil
			}
		}
	}
	return nil
}

const eventsPage = 512

func (s *Store) epochEvents(ctx context.Context, q EventsQuery, e Epoch, limit int, f func(Record) error) (int, error) {
	after, before, total := q.After, e.Mark+1, 0
	if q.Before != 0 {
		before = min(before, q.Before)
	}
	for {
		want := eventsPage
		if limit > 0 {
			want = min(want, limit-total)
		}
		page, err := s.eventsPage(ctx, q, e, after, before, want)
		if err != nil || len(page) == 0 {
			return total, err
		}
		for _, r := range page {
			if err := f(r); err != nil {
				return total, err
			}
		}
		total += len(page)
		if edge := page[len(page)-1]; q.Newest {
			before = edge.First
		} else {
			after = edge.Last
		}
		if limit > 0 && total >= limit {
			return total, nil
		}
	}
}

func (s *Store) eventsPage(ctx context.Context, q EventsQuery, e Epoch, after, before uint64, limit int) ([]Record, error) {
	order := "ASC"
	if q.Newest {
		order = "DESC"
	}
	rows, err := s.read.QueryContext(ctx, `SELECT first, last, kind, raw, chain, stored_us FROM (
		SELECT * FROM (SELECT seq AS first, seq AS last, CASE type WHEN '' THEN 2 ELSE 0 END AS kind, raw, chain, stored_us
			FROM events WHERE epoch = $1 AND seq > $2 AND seq < $3 ORDER BY seq `+order+` LIMIT $4) AS kept
		UNION ALL
		SELECT * FROM (SELECT first, last, 1 AS kind, raw, chain, stored_us
			FROM evicted WHERE epoch = $1 AND last > $2 AND first < $3 ORDER BY first `+order+` LIMIT $4) AS given_up
		) AS both_kinds ORDER BY first `+order+` LIMIT $4`, e.rowID, int64(after), int64(before), limit)
	if err != nil {
		return nil, fmt.Errorf("list events of %s: %w", q.Device, err)
	}
	defer rows.Close()
	var out []Record
	for rows.Next() {
		r, err := scanRecord(rows, q.Device, e.Epoch)
		if err != nil {
			return nil, fmt.Errorf("list events of %s: %w", q.Device, err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

func scanRecord(rows *sql.Rows, device string, epoch uint64) (Record, error) {
	r := Record{Device: device, Epoch: epoch}
	var first, last, stored int64
	var chain []byte
	if err := rows.Scan(&first, &last, &r.Kind, &r.Raw, &chain, &stored); err != nil {
		return r, err
	}
	r.First, r.Last, r.Stored = uint64(first), uint64(last), fromMicros(stored)
	copy(r.Chain[:], chain)
	switch r.Kind {
	case ItemEvicted:
		var ev wire.Evicted
		if err := json.Unmarshal(r.Raw, &ev); err != nil {
			return r, err
		}
		r.Evicted = &ev
	case ItemEvent:
		if e, err := wire.DecodeEvent(r.Raw); err == nil {
			e.Device, e.Epoch = device, epoch
			r.Event = &e
		}
	}
	return r, nil
}
