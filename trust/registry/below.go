package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// This file implements allocation below a city: the holder of the prefix above signs the rows with its allocation key, and the directory
// only logs them.

// SignedAllocation is an enrolment for a prefix below a city with the rows that the holder of the prefix above has signed for the directory's
// next places. It is a JSON file without secrets.
type SignedAllocation struct {
	Version   int       `json:"version"`
	Enrolment Enrolment `json:"enrolment"`
	// Rows are the registry row for the next place, and the key row for the one behind it and, should the registry row be there already, for the
	// next place itself. An issuer key has one row, so no more than one of both counts.
	Rows []Proposal `json:"rows"`
}

// ParseSignedAllocation reads the JSON form of a signed allocation, strictly.
func ParseSignedAllocation(b []byte) (SignedAllocation, error) {
	var s SignedAllocation
	if err := strict(b, &s); err != nil {
		return SignedAllocation{}, fmt.Errorf("signed allocation: %w", err)
	}
	if s.Version != configVersion {
		return SignedAllocation{}, fmt.Errorf("signed allocation has version %d, this program reads %d", s.Version, configVersion)
	}
	return s, nil
}

// Marshal gives the JSON form of a signed allocation.
func (s SignedAllocation) Marshal() []byte { return indented(s) }

// SignAllocation signs the rows of an enrolment with the allocation key of the registry in dir, whose prefix must be the one directly above. root
// is the root policy, which names the directory; index is the directory's next place. It needs no open registry.
func SignAllocation(dir string, e Enrolment, root ledger.RootPolicy, index uint64) (SignedAllocation, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return SignedAllocation{}, err
	}
	if err := c.directlyBelow(e.Prefix); err != nil {
		return SignedAllocation{}, fmt.Errorf("sign allocation: %w", err)
	}
	if err := e.Verify(); err != nil {
		return SignedAllocation{}, fmt.Errorf("sign allocation: %w", err)
	}
	s := SignedAllocation{Version: configVersion, Enrolment: e}
	registry, key := e.rows()
	for _, row := range []struct {
		entry ledger.DirectoryEntry
		index uint64
	}{{ledger.DirectoryEntry{Registry: registry}, index}, {ledger.DirectoryEntry{Key: key}, index + 1}, {ledger.DirectoryEntry{Key: key}, index}} {
		payload, err := ledger.EncodePayload(row.entry)
		if err != nil {
			return SignedAllocation{}, fmt.Errorf("sign allocation: %w", err)
		}
		p, err := signedProposal(dir, root.Directory.Origin, row.index, payload, []string{allocationKey})
		if err != nil {
			return SignedAllocation{}, err
		}
		s.Rows = append(s.Rows, p)
	}
	return s, nil
}

// SignWithdrawal signs the withdrawal of a key row of a registry directly below the one in dir, for the directory's next place. Enter logs it.
func SignWithdrawal(dir string, w ledger.Withdrawal, root ledger.RootPolicy, index uint64) (Proposal, error) {
	if _, err := ReadConfig(dir); err != nil {
		return Proposal{}, err
	}
	payload, err := ledger.EncodePayload(ledger.DirectoryEntry{Withdrawal: &w})
	if err != nil {
		return Proposal{}, fmt.Errorf("sign withdrawal: %w", err)
	}
	return signedProposal(dir, root.Directory.Origin, index, payload, []string{allocationKey})
}

// directlyBelow refuses what is not the registry's to allocate: everything but the prefixes one node longer than its own, and in a country all,
// because the directory keys allocate those.
func (c Config) directlyBelow(prefix string) error {
	own, err := cityid.ParsePrefix(c.Prefix)
	if err != nil {
		return err
	}
	p, err := cityid.ParsePrefix(prefix)
	if err != nil {
		return err
	}
	if parent, ok := p.Parent(); !ok || parent != own || own.IsCountry() {
		return fmt.Errorf("%s is not allocated by the allocation key of %s", p, own)
	}
	return nil
}

// AllocateBelow is Allocate for an enrolment that the holder of the prefix above has signed. Only the national registry logs it.
func (r *Registry) AllocateBelow(ctx context.Context, s SignedAllocation) (Allocation, error) {
	return r.allocate(ctx, s.Enrolment, func(e ledger.DirectoryEntry) (uint64, error) {
		payload, err := ledger.EncodePayload(e)
		if err != nil {
			return 0, err
		}
		next := r.directory.book.len()
		for _, p := range s.Rows {
			if p.Index == next && bytes.Equal(p.Payload, payload) {
				return r.enter(ctx, p)
			}
		}
		return 0, fmt.Errorf("no row is signed for entry %d, the directory's next: %w", next, ErrSignAgain)
	})
}

// ErrSignAgain says that a row is signed for a place in the directory that another entry has taken, or not at all.
var ErrSignAgain = errors.New("the holder of the prefix above has to sign again")
