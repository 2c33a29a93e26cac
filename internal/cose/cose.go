// Package cose writes and reads COSE_Sign1 messages (RFC 9052, section 4.2): a payload with one signature. It does not sign and knows no
// algorithm: whoever has the key signs [Sign1.ToBeSigned].
//
// Messages are written as tag 18 in deterministic CBOR (RFC 8949, section 4.2.1), and read in that form only.
package cose

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Header labels (IANA, COSE Header Parameters) and algorithm numbers (RFC 9864) that callers need.
const (
	Algorithm int64 = 1
	KeyID     int64 = 4
	Type      int64 = 16  // RFC 9596
	VDS       int64 = 395 // verifiable data structure, RFC 9942
	VDP       int64 = 396 // proofs of it, RFC 9942

	Ed25519 int64 = -19
	RFC9162 int64 = 1 // a Merkle tree as in RFC 9162 with SHA-256, in VDS
)

// Sign1 is a COSE_Sign1 message.
type Sign1 struct {
	_ struct{} `cbor:",toarray"`
	// Protected is the protected header as it is signed: the encoding of a map.
	Protected []byte
	// Unprotected is not covered by the signature. Nil is the empty map.
	Unprotected map[int64]cbor.RawMessage
	// Payload is nil if it travels apart (detached).
	Payload   []byte
	Signature []byte
}

// tag is the CBOR tag of a COSE_Sign1.
const tag = 18

// maxMessage bounds what Parse reads, in bytes: a status list of a hundred million records fits.
const maxMessage = 32 << 20

// Encode is the deterministic encoding of our own values.
func Encode(v any) ([]byte, error) {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return m.Marshal(v)
}

// Decode reads CBOR without tags, indefinite lengths and duplicate keys. It does not check that the encoding is the deterministic one.
func Decode(b []byte, v any) error {
	m, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: 8}.DecMode()
	if err != nil {
		return err
	}
	return m.Unmarshal(b, v)
}

// ToBeSigned gives what the signature covers, the Sig_structure of RFC 9052, section 4.4. payload is the message's, or the detached one.
func (s Sign1) ToBeSigned(external, payload []byte) ([]byte, error) {
	return Encode([]any{"Signature1", s.Protected, notNil(external), notNil(payload)})
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Marshal writes the message.
func (s Sign1) Marshal() ([]byte, error) {
	if s.Unprotected == nil {
		s.Unprotected = map[int64]cbor.RawMessage{}
	}
	body, err := Encode(s)
	return append([]byte{0xc0 | tag}, body...), err
}

// Parse reads a message that Marshal could have written.
func Parse(b []byte) (Sign1, error) {
	if len(b) > maxMessage || len(b) == 0 || b[0] != 0xc0|tag {
		return Sign1{}, errors.New("not a COSE_Sign1")
	}
	var s Sign1
	if err := Decode(b[1:], &s); err != nil {
		return Sign1{}, fmt.Errorf("COSE_Sign1: %w", err)
	}
	if again, err := s.Marshal(); err != nil || !bytes.Equal(again, b) {
		return Sign1{}, errors.New("COSE_Sign1 is not in its deterministic encoding")
	}
	return s, nil
}
