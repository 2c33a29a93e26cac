package registry

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"math/big"

	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
)

// Seal says what Seal did.
type Seal struct {
	// From and To are the size of the records log before and after.
	From, To uint64
	// Personal counts the records that had waited for this batch, Padding the null entries behind the last record.
	Personal, Padding int
}

// Seal closes the batch: the personal records that wait are logged in random order, signed, and the log is padded to a multiple of 256
// entries. From then on every record has a sealed code. Sealing a sealed log changes nothing.
func (r *Registry) Seal(ctx context.Context) (Seal, error) {
	var s Seal
	err := r.exclusive(ctx, func() error {
		pending, err := r.readPending()
		if err != nil {
			return err
		}
		s = Seal{From: r.records.book.len()}
		rows, err := r.personal(pending)
		if err != nil {
			return err
		}
		s.Personal = len(rows)
		for next := s.From + uint64(len(rows)); next%ledger.TileWidth != 0; next++ {
			rows = append(rows, row{Index: next})
			s.Padding++
		}
		s.To = s.From + uint64(len(rows))
		if err := r.records.append(ctx, rows); err != nil {
			return err
		}
		// A crash before this leaves pending records that are in the book; readPending drops them.
		return removePending(r.dir)
	})
	if err != nil {
		return Seal{}, fmt.Errorf("seal: %w", err)
	}
	return s, nil
}

// personal shuffles and signs the pending records, so that their order in the log says nothing about when each was issued.
func (r *Registry) personal(pending []row) ([]row, error) {
	if len(pending) == 0 {
		return nil, nil
	}
	key, err := r.issuer()
	if err != nil {
		return nil, err
	}
	rows := append([]row(nil), pending...)
	for i := len(rows) - 1; i > 0; i-- {
		j, err := rand.Int(rand.Reader, big.NewInt(int64(i+1)))
		if err != nil {
			return nil, err
		}
		k := int(j.Int64())
		rows[i], rows[k] = rows[k], rows[i]
	}
	return rows, r.sign(rows, key)
}

// sign gives rows their indices and signatures. Their key is today's, which may be another than when they were asked for.
func (r *Registry) sign(rows []row, key issuerKey) error {
	for i := range rows {
		rows[i].Index = r.records.book.len() + uint64(i)
		if err := key.sign(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// Sealed gives the sealed code of the record at index. It fails until its batch is sealed.
func (r *Registry) Sealed(ctx context.Context, index uint64) (code.Code, error) {
	i, err := r.Record(ctx, index)
	if err != nil {
		return code.Code{}, err
	}
	if !i.Code.Sealed() {
		return code.Code{}, fmt.Errorf("record %d is not sealed yet", index)
	}
	return i.Code, nil
}

// Record gives the record at index with the best code there is.
func (r *Registry) Record(ctx context.Context, index uint64) (i Issued, err error) {
	err = r.exclusive(ctx, func() error {
		i, err = r.answer(ctx, index, make(subtrees))
		return err
	})
	return i, err
}

// Records gives the records from index from to before index to, padding left out, each with the best code there is. It stops with the
// first error of yield.
func (r *Registry) Records(ctx context.Context, from, to uint64, yield func(Issued) error) error {
	leaves := make(subtrees)
	for from < to {
		var part []Issued
		err := r.exclusive(ctx, func() error {
			to = min(to, r.records.book.len())
			for ; from < to && len(part) < window; from++ {
				w, err := r.records.book.row(from)
				if err != nil {
					return err
				}
				if len(w.Body) == 0 {
					continue
				}
				i, err := r.answer(ctx, from, leaves)
				if err != nil {
					return err
				}
				part = append(part, i)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, i := range part {
			if err := yield(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// Find gives the newest record of an identifier.
func (r *Registry) Find(ctx context.Context, id cityid.ID) (i Issued, err error) {
	err = r.exclusive(ctx, func() error {
		index, ok, err := r.newest(id)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("no record of %s: %w", id, fs.ErrNotExist)
		}
		i, err = r.answer(ctx, index, make(subtrees))
		return err
	})
	return i, err
}

// Answer gives what a request got, with Pending set while its batch is not sealed.
func (r *Registry) Answer(ctx context.Context, request string) (i Issued, err error) {
	err = r.exclusive(ctx, func() error {
		if index, ok, err := r.requested(request); err != nil {
			return err
		} else if ok {
			i, err = r.answer(ctx, index, make(subtrees))
			return err
		}
		pending, err := r.readPending()
		if err != nil {
			return err
		}
		for _, w := range pending {
			if w.Request == request {
				i = Issued{Request: request, Pending: true}
				return nil
			}
		}
		return fmt.Errorf("no request %q: %w", request, fs.ErrNotExist)
	})
	return i, err
}
