package store

import (
	"context"
	"errors"
	"fmt"

	"citygate/sync/wire"
)

// ErrBroken is wrapped when the database contradicts itself.
var ErrBroken = errors.New("chain is broken")

// Audit reads every record of a device, or of all devices when name is empty,
// and checks that each epoch holds every number from 1 to its mark once (a
// branch: from where it begins) and
// that every stored chain follows from the one before. It returns how many
// numbers it saw. It takes as long as reading everything takes.
func (s *Store) Audit(ctx context.Context, name string) (uint64, error) {
	names := []string{name}
	if name == "" {
		list, err := s.gateways(ctx, "")
		if err != nil {
			return 0, err
		}
		names = names[:0]
		for _, g := range list {
			names = append(names, g.Name)
		}
	}
	var total uint64
	for _, n := range names {
		epochs, err := s.Epochs(ctx, n)
		if err != nil {
			return total, err
		}
		for _, e := range epochs {
			if err := s.auditEpoch(ctx, n, e); err != nil {
				return total, fmt.Errorf("device %s, epoch %016x: %w", n, e.Epoch, err)
			}
			total += e.Mark - e.Base
		}
	}
	return total, nil
}

func (s *Store) auditEpoch(ctx context.Context, device string, e Epoch) error {
	next, chain := e.Base+1, e.BaseChain
	err := s.Events(ctx, EventsQuery{Device: device, Epoch: e.Epoch}, func(r Record) error {
		if r.First != next {
			return fmt.Errorf("%w: number %d where %d should be", ErrBroken, r.First, next)
		}
		if r.Last > e.Mark { // committed since the epoch was read
			return errAuditEnd
		}
		want := r.Chain // of an evicted range there is nothing to compute it from
		if r.Kind != ItemEvicted {
			want = wire.ChainNext(chain, r.Raw)
		}
		if r.Chain != want {
			return fmt.Errorf("%w: at number %d", ErrBroken, r.Last)
		}
		next, chain = r.Last+1, r.Chain
		return nil
	})
	if err != nil && !errors.Is(err, errAuditEnd) {
		return err
	}
	if next-1 != e.Mark || chain != e.Chain {
		return fmt.Errorf("%w: the mark says %d, the records end at %d", ErrBroken, e.Mark, next-1)
	}
	return nil
}

// errAuditEnd stops reading where the mark stood when the audit began.
var errAuditEnd = errors.New("end of audit")
