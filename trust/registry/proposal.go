package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"citygate/trust/ledger"
	"golang.org/x/mod/sumdb/note"
)

// This file implements directory entries that several offices sign, each with its own keys and on its own machine.

// A Proposal is an entry for one place in the directory, with the signatures that it has so far. It is a JSON file without secrets. A signature
// is for this place only: if another entry takes it, everybody has to sign again.
type Proposal struct {
	Version int `json:"version"`
	// Origin is the directory log's, Index the entry's place in it.
	Origin string `json:"origin"`
	Index  uint64 `json:"index"`
	// Payload is the entry's payload, CBOR as docs/formats/ledger.md has it.
	Payload []byte `json:"payload"`
	// Signatures are in the order in which they were made.
	Signatures []ProposalSignature `json:"signatures,omitempty"`
}

// ProposalSignature is one signature of a Proposal.
type ProposalSignature struct {
	KeyID     uint32 `json:"key_id"`
	Signature []byte `json:"signature"`
}

// ParseProposal reads the JSON form of a proposal, strictly. Its signatures are checked when it is entered.
func ParseProposal(b []byte) (Proposal, error) {
	var p Proposal
	if err := strict(b, &p); err != nil {
		return Proposal{}, fmt.Errorf("proposal: %w", err)
	}
	if p.Version != configVersion {
		return Proposal{}, fmt.Errorf("proposal has version %d, this program reads %d", p.Version, configVersion)
	}
	_, err := p.Entry()
	return p, err
}

// Marshal gives the JSON form of a proposal.
func (p Proposal) Marshal() []byte { return indented(p) }

// Entry gives what the proposal would enter, so that whoever signs can look at it first.
func (p Proposal) Entry() (ledger.DirectoryEntry, error) {
	raw, err := p.encode()
	if err != nil {
		return ledger.DirectoryEntry{}, fmt.Errorf("proposal: %w", err)
	}
	return ledger.ParseDirectoryEntry(p.Index, raw)
}

func (p Proposal) encode() ([]byte, error) {
	var sigs []ledger.Signature
	for _, s := range p.Signatures {
		sigs = append(sigs, ledger.Signature{KeyID: s.KeyID, Sig: s.Signature})
	}
	return ledger.EncodeDirectoryEntry(p.Payload, sigs)
}

// Sign adds a signature of an Ed25519 note signer, or replaces the one that the same key made before.
func (p *Proposal) Sign(s note.Signer) error {
	sig, err := ledger.SignDirectoryEntry(s, p.Origin, p.Index, p.Payload)
	if err != nil {
		return err
	}
	p.Signatures = slices.DeleteFunc(slices.Clone(p.Signatures), func(x ProposalSignature) bool { return x.KeyID == sig.KeyID })
	p.Signatures = append(p.Signatures, ProposalSignature{sig.KeyID, sig.Sig})
	return nil
}

// SignWith is Sign with a key file in note form, such as keygen makes. Errors never contain the key.
func (p *Proposal) SignWith(path string) error {
	s, err := loadSignerFile(path)
	if err != nil {
		return err
	}
	return p.Sign(s)
}

// propose makes a proposal for the directory's next place, signed with the keys of some names.
func (r *Registry) propose(e ledger.DirectoryEntry, keys []string) (Proposal, error) {
	payload, err := ledger.EncodePayload(e)
	if err != nil {
		return Proposal{}, err
	}
	return signedProposal(r.dir, r.directory.ref.Origin, r.directory.book.len(), payload, keys)
}

func signedProposal(dir, origin string, index uint64, payload []byte, keys []string) (Proposal, error) {
	p := Proposal{Version: configVersion, Origin: origin, Index: index, Payload: payload}
	for _, name := range keys {
		if err := p.SignWith(keyFile(dir, name)); err != nil {
			return Proposal{}, err
		}
	}
	return p, nil
}

// enter logs a proposal, if the directory's readers will obey it.
func (r *Registry) enter(ctx context.Context, p Proposal) (uint64, error) {
	if next := r.directory.book.len(); p.Index != next || p.Origin != r.directory.ref.Origin {
		return 0, fmt.Errorf("signed for entry %d of %s, the next one of %s is %d: it has to be signed again", p.Index, p.Origin, r.directory.ref.Origin, next)
	}
	raw, err := p.encode()
	if err != nil {
		return 0, err
	}
	before := len(r.fold.Voids())
	if voids := r.fold.With([][]byte{raw}).Voids(); len(voids) > before {
		return 0, errors.New(voids[len(voids)-1].Reason)
	}
	return p.Index, r.directory.append(ctx, []row{{Index: p.Index, Entry: raw}})
}

// Enter logs a directory entry that others have signed and gives its index. An entry that gateways would not obey is refused and not logged;
// a rotation is RotateRoot's. Only the national registry enters.
func (r *Registry) Enter(ctx context.Context, p Proposal) (index uint64, err error) {
	if r.directory == nil {
		return 0, errors.New("enter: only the national registry runs the directory")
	}
	if e, err := p.Entry(); err != nil || e.Kind == ledger.KindRotation {
		return 0, errors.Join(errors.New("enter: not an entry of this sort"), err)
	}
	err = r.exclusive(ctx, func() error {
		index, err = r.enter(ctx, p)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("enter: %w", err)
	}
	return index, nil
}

// logEntry signs an entry with as many directory keys as the policy in force asks for, and enters it.
func (r *Registry) logEntry(ctx context.Context, e ledger.DirectoryEntry) (uint64, error) {
	keys, err := directorySigners(r.dir, r.fold.Root().DirectoryKeys)
	if err != nil {
		return 0, err
	}
	p, err := r.propose(e, keys[:min(len(keys), r.fold.Root().DirectoryThreshold)])
	if err != nil {
		return 0, err
	}
	return r.enter(ctx, p)
}
