package ledger

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// This file implements the bytes of directory entries: deterministic CBOR
// (RFC 8949, section 4.2.1), accepted in that form only.

// codec is an encoder and a decoder for the entries' form of CBOR: no tags, no
// indefinite lengths, no duplicate or unknown keys, shallow and small.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// codecs holds the one codec, which is safe for concurrent use.
var codecs = sync.OnceValue(newCodec)

func newCodec() codec {
	opts := cbor.CoreDetEncOptions()
	opts.NilContainers = cbor.NilContainerAsEmpty
	opts.TagsMd = cbor.TagsForbidden
	enc, err := opts.EncMode()
	if err != nil {
		panic("ledger: " + err.Error())
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   6,
		MaxArrayElements:  16,
		MaxMapPairs:       16,
	}.DecMode()
	if err != nil {
		panic("ledger: " + err.Error())
	}
	return codec{enc, dec}
}

// encode returns the one encoding of v.
func encode(v any) ([]byte, error) { return codecs().enc.Marshal(v) }

// decode reads b into v and refuses every encoding but the one of encode.
func decode(b []byte, v any) error {
	c := codecs()
	if err := c.dec.Unmarshal(b, v); err != nil {
		return err
	}
	again, err := c.enc.Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return errors.New("not the deterministic encoding")
	}
	return nil
}

// entryWire is a directory entry: [version, payload, signatures].
type entryWire struct {
	_       struct{} `cbor:",toarray"`
	Version uint
	Payload []byte
	Sigs    []Signature
}

// payloadWire is an entry's payload: [kind, row].
type payloadWire struct {
	_    struct{} `cbor:",toarray"`
	Kind Kind
	Row  cbor.RawMessage
}

// entryVersion is the version number of the directory entry's format.
const entryVersion = 1

// EncodePayload returns the bytes of the row that is set in e, which signatures
// cover. It refuses a row that no directory would obey because of its form.
func EncodePayload(e DirectoryEntry) ([]byte, error) {
	kind, row, err := e.row()
	if err != nil {
		return nil, err
	}
	if err := checkRow(row); err != nil {
		return nil, err
	}
	raw, err := encode(row)
	if err != nil {
		return nil, err
	}
	return encode(payloadWire{Kind: kind, Row: raw})
}

// row returns the one row that is set.
func (e DirectoryEntry) row() (Kind, any, error) {
	var kind Kind
	var row any
	n := 0
	if e.Registry != nil {
		kind, row, n = KindRegistry, e.Registry, n+1
	}
	if e.Key != nil {
		kind, row, n = KindKey, e.Key, n+1
	}
	if e.Withdrawal != nil {
		kind, row, n = KindWithdrawal, e.Withdrawal, n+1
	}
	if e.Rotation != nil {
		kind, row, n = KindRotation, e.Rotation, n+1
	}
	if n != 1 {
		return 0, nil, fmt.Errorf("directory entry with %d rows, want one", n)
	}
	return kind, row, nil
}

// EncodeDirectoryEntry returns the log entry of a payload and its signatures,
// which it sorts by key ID.
func EncodeDirectoryEntry(payload []byte, sigs []Signature) ([]byte, error) {
	sigs = slices.Clone(sigs)
	slices.SortFunc(sigs, func(a, b Signature) int { return cmp.Compare(a.KeyID, b.KeyID) })
	raw, err := encode(entryWire{Version: entryVersion, Payload: payload, Sigs: sigs})
	if err != nil {
		return nil, err
	}
	if _, err := ParseDirectoryEntry(0, raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// ParseDirectoryEntry reads the directory entry that the log has at index. It
// accepts only the bytes that EncodeDirectoryEntry makes.
func ParseDirectoryEntry(index uint64, raw []byte) (DirectoryEntry, error) {
	e := DirectoryEntry{Index: index}
	if len(raw) > MaxEntry {
		return e, fmt.Errorf("directory entry of %d bytes", len(raw))
	}
	var w entryWire
	if err := decode(raw, &w); err != nil {
		return e, fmt.Errorf("directory entry: %w", err)
	}
	if w.Version != entryVersion {
		return e, fmt.Errorf("directory entry of version %d", w.Version)
	}
	for i, s := range w.Sigs {
		if len(s.Sig) != 64 || i > 0 && w.Sigs[i-1].KeyID >= s.KeyID {
			return e, fmt.Errorf("directory entry: signature %d is not 64 bytes, or out of order", i)
		}
	}
	e.Payload, e.Signatures = w.Payload, w.Sigs
	return e, e.parsePayload()
}

// parsePayload reads the row of the payload.
func (e *DirectoryEntry) parsePayload() error {
	var p payloadWire
	if err := decode(e.Payload, &p); err != nil {
		return fmt.Errorf("directory payload: %w", err)
	}
	var row any
	switch e.Kind = p.Kind; p.Kind {
	case KindRegistry:
		e.Registry = new(RegistryRow)
		row = e.Registry
	case KindKey:
		e.Key = new(KeyRow)
		row = e.Key
	case KindWithdrawal:
		e.Withdrawal = new(Withdrawal)
		row = e.Withdrawal
	case KindRotation:
		e.Rotation = new(Rotation)
		row = e.Rotation
	default:
		return fmt.Errorf("directory payload of unknown kind %d", p.Kind)
	}
	if err := decode(p.Row, row); err != nil {
		return fmt.Errorf("directory payload: %w", err)
	}
	return checkRow(row)
}
