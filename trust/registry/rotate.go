package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"citygate/internal/durable"
	"citygate/trust/code"
	"citygate/trust/ledger"
)

// This file implements the change of an issuer key. A registry makes the next key (Rotate), the directory enters its row (Allocate), the
// registry takes it (Accept) and issues with it from then on; last, the directory withdraws the old row (Withdraw) at the size up to which its
// sealed codes stand, so that printed plates outlive the key.

// Rotate makes the registry's next issuer key, unless one waits already, and gives the enrolment request for it. Nothing changes until Accept.
func Rotate(dir string) (Enrolment, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return Enrolment{}, err
	}
	if err := c.makeIssuerKey(dir, nextIssuer); err != nil {
		return Enrolment{}, err
	}
	return c.enrol(dir, seedFile(dir, nextIssuer))
}

// Accept notes in the registry's configuration that the directory has its rows, so that it can issue. If the allocation is for the next
// key of a rotation, that becomes the issuer key; the old key's file stays. A change that was prepared comes into force with its row.
func Accept(dir string, a Allocation) error {
	c, err := ReadConfig(dir)
	if err != nil {
		return err
	}
	if a.Prefix != c.Prefix {
		return fmt.Errorf("accept: the allocation is for %s, this registry holds %s", a.Prefix, c.Prefix)
	}
	if ok, err := holds(c.issuerKeyFile(dir), a.IssuerKey); err != nil {
		return fmt.Errorf("accept: %w", err)
	} else if ok {
		if err := c.finish(dir, a.Row); err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		c.Key = &a.Key
		return writeConfig(dir, c)
	}
	next := seedFile(dir, nextIssuer)
	if ok, err := holds(next, a.IssuerKey); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("accept: %w", err)
	} else if !ok {
		return errors.New("accept: the allocation is for another issuer key than this registry's")
	}
	// The configuration decides, and names key and row at once. Before it is written the old key holds, afterwards the new one.
	c.Key, c.Issuer = &a.Key, fmt.Sprintf("%s-%d", firstIssuer, a.Key)
	if err := os.Link(next, c.issuerKeyFile(dir)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("accept: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(next)); err != nil {
		return err
	}
	if err := writeConfig(dir, c); err != nil {
		return err
	}
	if err := os.Remove(next); err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	return nil
}

// holds reports whether a key file has the secret of a public key.
func holds(file string, public []byte) (bool, error) {
	key, err := LoadIssuerKey(file)
	if err != nil {
		return false, err
	}
	_, own, err := code.KeyOf(key.Public())
	return err == nil && bytes.Equal(own, public), err
}

// Withdraw ends the key row at index key of the directory: from now on only its sealed codes whose index in the records log is below size
// stand. It is signed by the threshold of the directory keys. Withdrawing again at the same size changes nothing; a row can only be cut further.
func (r *Registry) Withdraw(ctx context.Context, key uint32, size uint64) error {
	if r.directory == nil {
		return errors.New("withdraw: only the national registry runs the directory")
	}
	err := r.exclusive(ctx, func() error {
		if k, state := r.fold.Key(key); state == ledger.KeyWithdrawn && k.StandsUpTo == size {
			return nil
		}
		_, err := r.logEntry(ctx, ledger.DirectoryEntry{Withdrawal: &ledger.Withdrawal{Key: uint64(key), Size: size}})
		return err
	})
	if err != nil {
		return fmt.Errorf("withdraw key row %d: %w", key, err)
	}
	return nil
}
