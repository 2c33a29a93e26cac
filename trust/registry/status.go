package registry

import (
	"context"
	"fmt"

	"citygate/trust/ledger"
)

// visitStatus folds a row of the status book.
func (r *Registry) visitStatus(w row) error {
	r.statuses = r.statuses.With([][]byte{w.Entry})
	return nil
}

// SetStatus revokes, suspends or restores the record at index. Revoked is final; Restored ends a suspension. Asking for what holds already
// changes nothing and is no error. The entry is in the log when SetStatus returns.
func (r *Registry) SetStatus(ctx context.Context, index uint64, s ledger.Status) error {
	return r.SetStatuses(ctx, []uint64{index}, s)
}

// SetStatuses is SetStatus for several records, all or, if one of them is refused, none.
func (r *Registry) SetStatuses(ctx context.Context, indices []uint64, s ledger.Status) error {
	err := r.exclusive(ctx, func() error {
		b := statusBatch{next: r.status.book.len(), set: r.statuses}
		for _, index := range indices {
			if needed, err := r.judge(index, b.of(index), s); err != nil {
				return err
			} else if !needed {
				continue
			}
			entry, err := ledger.StatusEntry{Index: index, Status: s, Time: r.opts.Now().Unix()}.Encode()
			if err != nil {
				return err
			}
			if err := b.add(index, s, entry); err != nil {
				return err
			}
		}
		return r.status.append(ctx, b.rows)
	})
	if err != nil {
		return fmt.Errorf("set status: %w", err)
	}
	return nil
}

// judge says whether a status is to be set that holds not yet.
func (r *Registry) judge(index uint64, now, s ledger.Status) (bool, error) {
	if w, err := r.records.book.row(index); err != nil || len(w.Body) == 0 {
		return false, fmt.Errorf("no record has index %d", index)
	}
	switch {
	case s != ledger.Revoked && s != ledger.Suspended && s != ledger.Restored:
		return false, fmt.Errorf("%d is no status to set", s)
	case now == s, s == ledger.Restored && now == ledger.Good:
		return false, nil
	case now == ledger.Revoked:
		return false, fmt.Errorf("record %d is revoked, and that is final", index)
	}
	return true, nil
}

// statusBatch is what one call of SetStatuses is about to write.
type statusBatch struct {
	next uint64            // index of the first row in the log
	set  *ledger.StatusSet // the fold of what comes before the unfolded entries
	rows []row

	unfolded [][]byte
	changed  map[uint64]ledger.Status // by the unfolded entries
}

func (b *statusBatch) of(index uint64) ledger.Status {
	if s, ok := b.changed[index]; ok {
		return s
	}
	return b.set.Of(index)
}

// add adds an entry, and before it a snapshot if this is a place for one.
func (b *statusBatch) add(index uint64, s ledger.Status, entry []byte) error {
	if at := b.next + uint64(len(b.rows)); at > 0 && at%ledger.SnapshotInterval == 0 {
		b.set, b.unfolded, b.changed = b.set.With(b.unfolded), nil, nil
		parts, err := ledger.EncodeSnapshot(b.set, at)
		if err != nil {
			return err
		}
		for i, p := range parts {
			b.rows = append(b.rows, row{Index: at + uint64(i), Entry: p})
		}
	}
	b.rows = append(b.rows, row{Index: b.next + uint64(len(b.rows)), Entry: entry})
	b.unfolded = append(b.unfolded, entry)
	if b.changed == nil {
		b.changed = make(map[uint64]ledger.Status)
	}
	if b.changed[index] = s; s == ledger.Restored {
		b.changed[index] = ledger.Good
	}
	return nil
}

// Status gives the status of the record at index: Good, Revoked or Suspended.
func (r *Registry) Status(ctx context.Context, index uint64) (s ledger.Status, err error) {
	err = r.exclusive(ctx, func() error {
		s = r.statuses.Of(index)
		return nil
	})
	return s, err
}

// Statuses gives the statuses of all records, and how many entries the records log has.
func (r *Registry) Statuses(ctx context.Context) (set *ledger.StatusSet, size uint64, err error) {
	err = r.exclusive(ctx, func() error {
		set, size = r.statuses, r.records.book.len() // a set never changes
		return nil
	})
	return set, size, err
}
