package registry

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"citygate/internal/durable"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
)

// restoreRoot publishes the root policy that a restored directory leads to, and brings back the checkpoints of its rotations. A rotation that
// no source has is an error, after everything else is restored: gateways that slept through it cannot go on from this mirror.
func restoreRoot(ctx context.Context, dir string, cfg Config, sources []mirror.Source) error {
	first, err := cfg.firstRoot(dir)
	if err != nil {
		return err
	}
	b, err := openBook(bookFile(dir, ledger.DirectoryLog))
	if err != nil {
		return err
	}
	defer b.close()
	d, err := ledger.NewDirectory(first)
	if err != nil {
		return err
	}
	if err := b.refresh(func(w row) error { d = d.With([][]byte{w.Entry}); return nil }); err != nil {
		return err
	}
	var errs []error
	policies, turns := d.Policies(ledger.DirectoryLog), d.Rotations()
	for n, turn := range turns {
		raw, err := findRotation(ctx, n, turn, policies[len(turns)-n], sources)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		path := filepath.Join(dir, "public", ledger.DirectoryLog, filepath.FromSlash(ledger.RotationPath(n)))
		if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := durable.WriteFile(path, raw, 0o644); err != nil {
			return err
		}
	}
	return errors.Join(append(errs, durable.WriteFile(RootPolicyFile(dir), d.Root().Marshal(), 0o644))...)
}

// findRotation takes the first checkpoint under a policy that covers the rotation which ended it.
func findRotation(ctx context.Context, n int, turn uint64, policy ledger.LogPolicy, sources []mirror.Source) ([]byte, error) {
	var errs []error
	for _, src := range sources {
		s, ok := src.(interface {
			Rotation(ctx context.Context, n int) ([]byte, error)
		})
		if !ok {
			continue
		}
		raw, err := s.Rotation(ctx, n)
		if err == nil {
			var cp ledger.Checkpoint
			if cp, err = policy.Open(raw); err == nil && cp.Size > turn {
				return raw, nil
			}
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("no source has rotation %d of the root policy: %w", n, errors.Join(errs...))
}
