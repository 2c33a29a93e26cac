// Package code reads and writes the 2D code of a signed identifier: its bytes,
// its text, the log entry that it proves, and the signatures over it.
//
// A code's bytes are a version byte and deterministic CBOR (RFC 8949, 4.2.1).
// Version C1 is a record of the ledger:
//
//	C1 || [ key, body, index, path, ? sig ]
//
//	key    uint below 2^32: the directory entry of the issuer key
//	body   2..256 octets: type (01 public, 02 personal) || CBOR of the claims
//	index  uint below 2^48: the leaf in the records log
//	path   8 sibling hashes from the leaf upward (sealed), or none (fresh)
//	sig    64 octets; may be left out only of a sealed code
//
// Version C2 is a C1 that its holder shows on a screen, see [Presented]. A
// code's text is a URL whose fragment carries the bytes as digits, so that a
// QR code holds it in an alphanumeric and a numeric segment:
//
//	HTTPS://ID.CITY.EXAMPLE/156.1301.01/LAMP.000421#00721...
//
// Both directions are canonical: whatever the parsers accept is encoded again
// to the same bytes and the same characters. Nothing here knows the ledger: a
// code that parses proves nothing yet.
//
// docs/formats.md has the tables and test vectors.
package code

import (
	"bytes"
	"errors"
	"fmt"
)

// The first byte of a code's bytes says its version. Readers answer
// ErrUnsupported for versionNext up to versionLast.
const (
	Version1    = 0xC1 // a record of the ledger
	Version2    = 0xC2 // a record that its holder presents
	versionNext = 0xC3
	versionLast = 0xCF
)

// Limits of the formats. Sizes are in octets and include the version byte.
const (
	MaxSize      = 512     // of a C1
	MaxPresented = 640     // of a C2
	MinBody      = 2       // of a body
	MaxBody      = 256     // of a body
	SigSize      = 64      // of each signature
	HashSize     = 32      // of SHA-256
	PathHashes   = 8       // of a sealed code: a subtree has 256 leaves
	PathSize     = 256     // of a sealed code's path
	MaxIndex     = 1 << 48 // every leaf index is below it
)

// Body types, the first octet of a body.
const (
	TypePublic   = 0x01 // the log entry is the body itself
	TypePersonal = 0x02 // the log entry is only a commitment to the body
)

// The parse errors. Each error of ParseText wraps exactly one of them, and
// errors of the functions that read bytes wrap ErrUnsupported or ErrMalformed.
var (
	// ErrForeign says that a text is not a city code.
	ErrForeign = errors.New("not a city code")
	// ErrUnsupported says that a code is of a version newer than this package.
	ErrUnsupported = errors.New("unsupported city code")
	// ErrMalformed says that a city code is broken.
	ErrMalformed = errors.New("malformed city code")
)

// Code is a C1: one record of the ledger, as it is printed or shown. Slices
// of a parsed Code share memory with what was parsed.
type Code struct {
	Key   uint32 // index of the directory entry that names the issuer key
	Body  []byte // type octet and claims
	Index uint64 // leaf index in the issuer's records log
	Path  []byte // PathSize octets if sealed, none if fresh
	Sig   []byte // SigSize octets, or none
}

// Personal says whether the code names a person's record, of which the ledger
// holds only a commitment.
func (c Code) Personal() bool { return len(c.Body) > 0 && c.Body[0] == TypePersonal }

// Sealed says whether the code carries the path to its full subtree.
func (c Code) Sealed() bool { return len(c.Path) == PathSize }

// Claims reads the claims of the body.
func (c Code) Claims() (Claims, error) { return parseBody(c.Body) }

// Marshal encodes the code, version byte first. It fails if a field is out of
// range or the body is not canonical, so it writes nothing Unmarshal refuses.
func (c Code) Marshal() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("encode code: %w", err)
	}
	items := byte(4)
	if len(c.Sig) > 0 {
		items = 5
	}
	b := make([]byte, 0, MaxSize)
	b = append(b, Version1, majorArray<<5|items)
	b = appendUint(b, uint64(c.Key))
	b = appendBytes(b, c.Body)
	b = appendUint(b, c.Index)
	b = appendBytes(b, c.Path)
	if len(c.Sig) > 0 {
		b = appendBytes(b, c.Sig)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("encode code: %d octets, at most %d", len(b), MaxSize)
	}
	return b, nil
}

// check holds the rules of a C1's fields that its CBOR types do not.
func (c Code) check() error {
	switch {
	case len(c.Path) != 0 && len(c.Path) != PathSize:
		return malformed("path is neither 8 hashes nor none")
	case len(c.Sig) != 0 && len(c.Sig) != SigSize:
		return malformed("signature is not 64 octets")
	case len(c.Sig) == 0 && len(c.Path) == 0:
		return malformed("fresh code without signature")
	case c.Index >= MaxIndex:
		return malformed("index of 2^48 or more")
	}
	_, err := parseBody(c.Body)
	return err
}

// Unmarshal reads the bytes of a C1 and checks its claims. The Code shares b's
// memory. Errors wrap ErrUnsupported or ErrMalformed.
func Unmarshal(b []byte) (Code, error) {
	c, _, err := unmarshal(b)
	return c, err
}

func unmarshal(b []byte) (Code, Claims, error) {
	if len(b) == 0 || b[0] != Version1 {
		return Code{}, Claims{}, badVersion(b)
	}
	if len(b) > MaxSize {
		return Code{}, Claims{}, malformed("code is too long")
	}
	r := reader{b: b[1:]}
	items := r.array()
	c := Code{}
	key := r.uint()
	c.Body = r.bytes(MinBody, MaxBody)
	c.Index = r.uint()
	c.Path = r.bytes(0, PathSize)
	if items == 5 {
		c.Sig = r.bytes(SigSize, SigSize)
	}
	if !r.done() || items != 4 && items != 5 || key >= 1<<32 {
		return Code{}, Claims{}, malformed("code is not the CBOR of a C1")
	}
	c.Key = uint32(key)
	if c.Index >= MaxIndex || len(c.Path)%PathSize != 0 || items == 4 && len(c.Path) == 0 {
		return Code{}, Claims{}, malformed("field of the code is out of range")
	}
	claims, err := parseBody(c.Body)
	if err != nil {
		return Code{}, Claims{}, err
	}
	return c, claims, nil
}

// badVersion is the error for bytes that do not start with the version octet
// that the caller reads.
func badVersion(b []byte) error {
	if len(b) > 0 && newerVersion(b[0]) {
		return &parseError{ErrUnsupported, "newer version"}
	}
	return malformed("unknown first octet")
}

func newerVersion(v byte) bool { return v >= versionNext && v <= versionLast }

// Equal says whether two codes have the same fields.
func (c Code) Equal(d Code) bool {
	return c.Key == d.Key && c.Index == d.Index && bytes.Equal(c.Body, d.Body) &&
		bytes.Equal(c.Path, d.Path) && bytes.Equal(c.Sig, d.Sig)
}

// parseError is a refusal of input: a sentinel, and what is wrong. It never
// quotes the input, which may be a person's.
type parseError struct {
	kind error
	what string
}

func (e *parseError) Error() string { return e.kind.Error() + ": " + e.what }
func (e *parseError) Unwrap() error { return e.kind }

func malformed(what string) error { return &parseError{ErrMalformed, what} }
