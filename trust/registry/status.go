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
	err := r.exclusive(ctx, func() error {
		w, err := r.records.book.row(index)
		if err != nil || len(w.Body) == 0 {
			return fmt.Errorf("no record has index %d", index)
		}
		switch now := r.statuses.Of(index); {
		case s != ledger.Revoked && s != ledger.Suspended && s != ledger.Restored:
			return fmt.Errorf("%d is no status to set", s)
		case now == s, s == ledger.Restored && now == ledger.Good:
			return nil
		case now == ledger.Revoked:
			return fmt.Errorf("record %d is revoked, and that is final", index)
		}
		entry, err := ledger.StatusEntry{Index: index, Status: s, Time: r.opts.Now().Unix()}.Encode()
		if err != nil {
			return err
		}
		return r.status.append(ctx, []row{{Index: r.status.book.len(), Entry: entry}})
	})
	if err != nil {
		return fmt.Errorf("set status: %w", err)
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
