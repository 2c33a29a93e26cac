package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"citygate/internal/durable"
	"citygate/trust/ledger"
)

// This file implements the root policy: what it is at first, and its rotation. A rotation is an entry that the threshold of the old and that
// of the new directory keys have signed; the checkpoint under the old policy that covers it is kept as rotation/{n} for gateways that slept.

// RootPolicyFile is where the national registry in dir publishes the root policy that gateways start from: the newest.
func RootPolicyFile(dir string) string { return filepath.Join(dir, "public", rootFile) }

func directoryKey(i int) string { return fmt.Sprintf("directory-%d", i+1) }

// firstRoot is the policy that the directory began with.
func (c Config) firstRoot(dir string) (ledger.RootPolicy, error) {
	if c.Root != nil {
		return *c.Root, c.Root.Validate()
	}
	ps, err := c.policies(dir, ledger.DirectoryLog)
	if err != nil {
		return ledger.RootPolicy{}, err
	}
	p := ledger.RootPolicy{Directory: ps[0], DirectoryThreshold: defaultThreshold}
	for i := range directoryKeys {
		key, err := verifierKey(dir, directoryKey(i))
		if err != nil {
			return ledger.RootPolicy{}, err
		}
		p.DirectoryKeys = append(p.DirectoryKeys, key)
	}
	return p, p.Validate()
}

// keepRoot notes the first policy in the configuration, before keys or witnesses become others.
func (c *Config) keepRoot(dir string) error {
	root, err := c.firstRoot(dir)
	c.Root = &root
	return err
}

func readRoot(dir string) (ledger.RootPolicy, error) {
	b, err := os.ReadFile(RootPolicyFile(dir))
	if err != nil {
		return ledger.RootPolicy{}, fmt.Errorf("read root policy: %w", err)
	}
	return ledger.ParseRootPolicy(b)
}

// ProposeRotation makes the rotation to the next root policy, with the signatures of the keys in keys/directory-*.skey that the old or the new
// policy names. The next policy has these directory keys and this threshold, nil and 0 for those in force, and the witnesses and log key of a
// prepared change if there is one (Prepare).
func (r *Registry) ProposeRotation(ctx context.Context, directoryKeys []string, threshold int) (p Proposal, err error) {
	if r.directory == nil {
		return Proposal{}, errors.New("rotate root: only the national registry has a root policy")
	}
	err = r.exclusive(ctx, func() error {
		old := r.fold.Root()
		next := ledger.RootPolicy{Directory: r.nextDirectory(), DirectoryKeys: directoryKeys, DirectoryThreshold: threshold}
		if directoryKeys == nil {
			next.DirectoryKeys = old.DirectoryKeys
		}
		if threshold == 0 {
			next.DirectoryThreshold = old.DirectoryThreshold
		}
		if err := next.Validate(); err != nil {
			return err
		}
		if next.Equal(old) {
			return errors.New("nothing would change")
		}
		keys, err := directorySigners(r.dir, append(append([]string(nil), old.DirectoryKeys...), next.DirectoryKeys...))
		if err != nil {
			return err
		}
		p, err = r.propose(ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: old, Root: next}}, keys)
		return err
	})
	if err != nil {
		return Proposal{}, fmt.Errorf("rotate root: %w", err)
	}
	return p, nil
}

// nextDirectory is the directory log's policy after a prepared change, or as it is.
func (r *Registry) nextDirectory() ledger.LogPolicy {
	return r.directory.policies[len(r.directory.policies)-1]
}

// RotateRoot enters a rotation, waits until a checkpoint under the old policy covers it, keeps that for gateways that slept, and publishes the
// new policy as root.json. It refuses a rotation that lacks the threshold of either policy, and one whose witnesses or log key the registry's
// checkpoints do not satisfy already. After an interruption the next Publish completes it.
func (r *Registry) RotateRoot(ctx context.Context, p Proposal) error {
	if r.directory == nil {
		return errors.New("rotate root: only the national registry has a root policy")
	}
	e, err := p.Entry()
	if err != nil {
		return fmt.Errorf("rotate root: %w", err)
	}
	if e.Kind != ledger.KindRotation {
		return errors.New("rotate root: the entry is no rotation")
	}
	if !reflect.DeepEqual(e.Rotation.Root.Directory, r.nextDirectory()) {
		return errors.New("rotate root: the registry is not prepared for the policy's witnesses or log key")
	}
	err = r.exclusive(ctx, func() error {
		if r.fold.Root().Equal(e.Rotation.Root) {
			return nil // entered before
		}
		c, err := ReadConfig(r.dir)
		if err != nil {
			return err
		}
		if err := c.keepRoot(r.dir); err != nil {
			return err
		}
		if err := writeConfig(r.dir, c); err != nil {
			return err
		}
		_, err = r.enter(ctx, p)
		return err
	})
	if err != nil {
		return fmt.Errorf("rotate root: %w", err)
	}
	_, err = r.Publish(ctx)
	return err
}

// keepRotations keeps, for each rotation that is entered, the published checkpoint under the policy before, and publishes the newest policy.
func (r *Registry) keepRotations(ctx context.Context) error {
	policies, turns := r.fold.Policies(ledger.DirectoryLog), r.fold.Rotations()
	for n, turn := range turns {
		path := filepath.Join(r.directory.dir, filepath.FromSlash(ledger.RotationPath(n)))
		if _, err := os.Stat(path); err == nil {
			continue
		}
		raw, err := r.directory.reader.ReadCheckpoint(ctx)
		if err != nil {
			return fmt.Errorf("keep rotation %d: %w", n, err)
		}
		if cp, err := policies[len(turns)-n].Open(raw); err != nil || cp.Size <= turn {
			return errors.Join(fmt.Errorf("keep rotation %d: the published checkpoint is not one of the policy before", n), err)
		}
		if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := durable.WriteFile(path, raw, 0o644); err != nil {
			return err
		}
	}
	if len(turns) == 0 {
		return nil
	}
	return durable.WriteFile(RootPolicyFile(r.dir), r.fold.Root().Marshal(), 0o644)
}
