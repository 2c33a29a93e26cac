package ledger

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"filippo.io/mldsa"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// This file implements the checks that every public key passes before it is
// used: form, length, small order, and no key twice.

// Signature types of C2SP signed-note that are understood here.
const (
	typeEd25519  = 0x01
	typeCosigned = 0x04 // Ed25519 cosignature/v1
	typeMLDSA44  = 0x06 // ML-DSA-44 subtree/v1
)

// keyUse says for what a vkey is to be used.
type keyUse int

const (
	noteKey    keyUse = iota // plain Ed25519 signatures
	witnessKey               // timestamped cosignatures
	anyKey                   // only its bytes are wanted
)

// vkey is a parsed and checked verifier key.
type vkey struct {
	name     string
	material string // the public key's bytes
	verifier note.Verifier
}

// parseKeys reads 1 to most vkeys for one use. Names with other material are
// other keys; the same material twice, or two keys that a signature could not
// tell apart, are refused: one holder must not count twice.
func parseKeys(texts []string, most int, use keyUse) ([]vkey, error) {
	if len(texts) < 1 || len(texts) > most {
		return nil, fmt.Errorf("%d keys, want 1 to %d", len(texts), most)
	}
	keys := make([]vkey, 0, len(texts))
	for _, text := range texts {
		k, err := parseKey(text, use)
		if err != nil {
			return nil, err
		}
		for _, other := range keys {
			if other.material == k.material {
				return nil, fmt.Errorf("keys %s and %s are the same", other.name, k.name)
			}
			if other.verifier.KeyHash() == k.verifier.KeyHash() {
				return nil, fmt.Errorf("keys %s and %s have the same key ID", other.name, k.name)
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// parseKey reads one vkey: name "+" 8 hex digits "+" base64(type || key).
func parseKey(text string, use keyUse) (vkey, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || len(text) > 4096 {
		return vkey{}, errors.New("verifier key is not name+id+key")
	}
	data, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(data) < 2 {
		return vkey{}, fmt.Errorf("verifier key %q: bad base64", parts[0])
	}
	k := vkey{name: parts[0], material: string(data[1:])}
	switch {
	case data[0] == typeEd25519 && use == noteKey:
		k.verifier, err = note.NewVerifier(text)
	case (data[0] == typeEd25519 || data[0] == typeCosigned || data[0] == typeMLDSA44) && use != noteKey:
		k.verifier, err = f_note.NewVerifierForCosignatureV1(text)
		if err == nil && !idMatches(parts[0], parts[1], data) {
			err = errors.New("key ID is not the key's")
		}
	default:
		err = fmt.Errorf("signature type %#02x does not serve here", data[0])
	}
	if err == nil && data[0] != typeMLDSA44 {
		err = checkEd25519(data[1:])
	}
	if err != nil {
		return vkey{}, fmt.Errorf("verifier key %q: %w", parts[0], err)
	}
	return k, nil
}

// idMatches says whether the hex digits in a vkey are its key's ID, which the
// verifiers of timestamped cosignatures compute themselves without comparing.
func idMatches(name, hexID string, data []byte) bool {
	id, err := hex.DecodeString(hexID)
	if err != nil || hex.EncodeToString(id) != hexID {
		return false
	}
	want := keyID(name, data)
	return string(id) == string(want[:])
}

// checkEd25519 refuses a public key of the wrong length, in a non-canonical
// encoding or of small order. crypto/ed25519.Verify panics on a wrong length,
// and under a key of small order one signature fits many messages.
func checkEd25519(key []byte) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("Ed25519 key of %d bytes", len(key))
	}
	y := hex.EncodeToString(append(key[:31:31], key[31]&0x7f))
	for _, bad := range smallOrder {
		if y == bad {
			return errors.New("Ed25519 key of small order")
		}
	}
	// y is little-endian and must be below 2^255 - 19.
	if y[62:] == "7f" && strings.Trim(y[2:62], "f") == "" && key[0] >= 0xed {
		return errors.New("Ed25519 key not in canonical form")
	}
	return nil
}

// smallOrder lists the y coordinates, with the sign bit cleared, of all points
// whose order divides 8, and the non-canonical forms of 0 and 1.
var smallOrder = [...]string{
	"0000000000000000000000000000000000000000000000000000000000000000", // order 4
	"0100000000000000000000000000000000000000000000000000000000000000", // the identity
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p: 0 again
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+1: 1 again
}

// Issuer algorithms by their COSE numbers (RFC 9864).
const (
	AlgEd25519 = -19
	AlgES256   = -9
)

// checkIssuerKey refuses an issuer key that its algorithm cannot use. A key of
// an algorithm that this build lacks is kept, within bounds: its codes are
// answered as unsupported, which is not the row's fault.
func checkIssuerKey(alg int, key []byte) error {
	switch alg {
	case AlgEd25519:
		return checkEd25519(key)
	case AlgES256:
		if _, err := ecdh.P256().NewPublicKey(key); err != nil {
			return fmt.Errorf("P-256 key: %w", err)
		}
		return nil
	}
	if len(key) < 16 || len(key) > mldsa.MLDSA44PublicKeySize {
		return fmt.Errorf("issuer key of %d bytes", len(key))
	}
	return nil
}

// common returns a key of a whose material is also in b.
func common(a, b []vkey) (vkey, bool) {
	for _, k := range a {
		for _, other := range b {
			if k.material == other.material {
				return k, true
			}
		}
	}
	return vkey{}, false
}
