package registry

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"

	"citygate/trust/code"
	"golang.org/x/mod/sumdb/note"
)

// This file implements the proof in an enrolment request that its sender holds the keys that it names. Without it, somebody could have
// another's keys entered under his own prefix, and so keep the other from entering them.

// proofContext begins what the proofs sign, so that no other signature of the same keys can stand for one.
const proofContext = "citygate/v1 enrolment\x00"

// challenge is what every key of the request signs: the request as JSON without its proofs.
func (e Enrolment) challenge() []byte {
	e.Proofs = nil
	sum := sha256.Sum256(e.Marshal())
	return append([]byte(proofContext), sum[:]...)
}

// noteKeys are the keys in note form that have to prove themselves, in the order of their proofs, which follow the issuer key's.
func (e Enrolment) noteKeys() []string {
	var keys []string
	for _, list := range [][]string{e.AllocKeys, e.Records.Keys, e.Status.Keys} {
		keys = append(keys, list...)
	}
	return keys
}

// prove adds the proofs of the registry's own keys.
func (e *Enrolment) prove(dir string, c Config, s Change, issuer crypto.Signer) error {
	msg := e.challenge()
	first, err := code.SignMessage(issuer, e.alg(), msg)
	if err != nil {
		return fmt.Errorf("prove issuer key: %w", err)
	}
	e.Proofs = [][]byte{first}
	for _, name := range []string{allocationKey, logKeyName(c.RecordsLog(), s.LogKeys), logKeyName(c.StatusLog(), s.LogKeys)} {
		signer, err := loadSigner(dir, name)
		if err != nil {
			return err
		}
		sig, err := signer.Sign(msg)
		if err != nil {
			return fmt.Errorf("prove key %s: %w", name, err)
		}
		e.Proofs = append(e.Proofs, sig)
	}
	return nil
}

// Verify checks the proofs: one signature each of the issuer key, with its algorithm, and, with Ed25519, the allocation keys, the keys of the records log and those of the
// status log, in this order, over "citygate/v1 enrolment", a zero octet, and SHA-256 of the request's JSON without proofs.
func (e Enrolment) Verify() error {
	keys, msg := e.noteKeys(), e.challenge()
	if len(e.Proofs) != 1+len(keys) {
		return fmt.Errorf("enrolment request: %d proofs for %d keys", len(e.Proofs), 1+len(keys))
	}
	if !code.VerifyMessage(e.IssuerKey, e.alg(), msg, e.Proofs[0]) {
		return errors.New("enrolment request: the sender does not prove that he holds the issuer key")
	}
	for i, text := range keys {
		v, err := note.NewVerifier(text)
		if err != nil {
			return fmt.Errorf("enrolment request: key %q: %w", text, err)
		}
		if !v.Verify(msg, e.Proofs[1+i]) {
			return fmt.Errorf("enrolment request: the sender does not prove that he holds key %s", v.Name())
		}
	}
	return nil
}
