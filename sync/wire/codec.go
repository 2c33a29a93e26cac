package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// Version is the version number of every payload that this package writes, and the only one that it reads.
const Version = 1

// Limits of the payloads. A payload above its limit is refused before it is parsed.
const (
	MaxName    = 64        // characters of a device, ring, log or command name
	MaxEvent   = 2048      // bytes of one encoded event
	MaxItems   = 32        // items of one batch
	MaxBatch   = 96 << 10  // bytes of one batch
	MaxAck     = 2048      // bytes of one acknowledgement
	MaxRanges  = 16        // ranges asked for again in one acknowledgement
	MaxState   = 1024      // bytes of a birth, a will or the state of ingest
	MaxHealth  = 4096      // bytes of a health message
	MaxReport  = 256 << 10 // bytes of a reported state
	MaxLogs    = 1024      // logs in a reported state
	MaxNeed    = 16 << 10  // bytes of a need message
	MaxWanted  = 64        // resources in a need message
	MaxResult  = 4096      // bytes of a command's progress
	MaxDesired = 128 << 10 // bytes of a desired state
	MaxCommand = 16 << 10  // bytes of a command
	maxText    = 256       // bytes of a free text value
	maxDetails = 16        // pairs of a detail map
	maxCounts  = 64        // pairs of an evicted range's counts
)

// ErrMalformed is wrapped by every error that a Decode, Encode or ParseTopic function returns for its input.
var ErrMalformed = errors.New("malformed")

// malformed returns an error that wraps [ErrMalformed].
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// modes holds the two CBOR modes; they are immutable and safe for concurrent use.
type modes struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

var strict = newModes()

// newModes panics only if the options below contradict each other, which every test would show.
func newModes() modes {
	opts := cbor.CoreDetEncOptions()
	opts.NilContainers = cbor.NilContainerAsEmpty // null is no byte string: one form only
	enc, err := opts.EncMode()
	if err != nil {
		panic(err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   4, // batch, items, evicted range, counts
		MaxArrayElements:  MaxLogs,
		MaxMapPairs:       maxCounts,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return modes{enc: enc, dec: dec}
}

// payload is what the codec needs to know of a payload: whether its values are allowed.
type payload interface{ check() error }

// encode checks p and writes it as deterministic CBOR of at most limit bytes.
func encode(what string, p payload, limit int) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	b, err := strict.enc.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w: %w", what, ErrMalformed, err)
	}
	if len(b) > limit {
		return nil, fmt.Errorf("encode %s: %w: %d bytes, at most %d are allowed", what, ErrMalformed, len(b), limit)
	}
	return b, nil
}

// decode reads CBOR, or JSON when the first byte is '{', into p and checks it. CBOR must be the one encoding that
// encode would write.
func decode(what string, b []byte, limit int, p payload) error {
	if len(b) == 0 || len(b) > limit {
		return fmt.Errorf("decode %s: %w: %d bytes, from 1 to %d are allowed", what, ErrMalformed, len(b), limit)
	}
	if b[0] == '{' {
		return decodeJSON(what, b, p)
	}
	if err := strict.dec.Unmarshal(b, p); err != nil {
		return fmt.Errorf("decode %s: %w: %w", what, ErrMalformed, err)
	}
	if err := p.check(); err != nil {
		return fmt.Errorf("decode %s: %w", what, err)
	}
	again, err := strict.enc.Marshal(p)
	if err != nil {
		return fmt.Errorf("decode %s: %w: %w", what, ErrMalformed, err)
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("decode %s: %w: not the deterministic encoding", what, ErrMalformed)
	}
	return nil
}

// decodeJSON reads the debugging form: one object, no unknown fields, nothing after it.
func decodeJSON(what string, b []byte, p payload) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return fmt.Errorf("decode %s: %w: %w", what, ErrMalformed, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("decode %s: %w: bytes after the JSON object", what, ErrMalformed)
	}
	if err := p.check(); err != nil {
		return fmt.Errorf("decode %s: %w", what, err)
	}
	return nil
}

// Hash is a SHA-256 value: a link of the chain or a root hash. In JSON and in logs it is 64 hexadecimal digits.
type Hash [32]byte

// String returns the hash as 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes exactly 64 hexadecimal digits.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != 2*len(h) {
		return malformed("a hash has %d hexadecimal digits, not %d", 2*len(h), len(b))
	}
	if _, err := hex.Decode(h[:], b); err != nil {
		return fmt.Errorf("%w: hash: %w", ErrMalformed, err)
	}
	return nil
}

// FormatEpoch writes an epoch as people and pages see it: 16 hexadecimal digits.
func FormatEpoch(epoch uint64) string { return fmt.Sprintf("%016x", epoch) }

// ValidName reports whether s is a name: [a-z0-9_-]{1,64}.
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > MaxName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// checkName returns an error if s is not a name.
func checkName(field, s string) error {
	if !ValidName(s) {
		return malformed("%s %.80q is not a name of [a-z0-9_-]{1,64}", field, s)
	}
	return nil
}

// checkText returns an error if s is longer than max bytes, not UTF-8, or contains control characters.
func checkText(field, s string, max int) error {
	if len(s) > max {
		return malformed("%s is %d bytes long, at most %d are allowed", field, len(s), max)
	}
	if !utf8.ValidString(s) {
		return malformed("%s is not UTF-8", field)
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return malformed("%s contains a control character", field)
		}
	}
	return nil
}

// checkDetail checks a map of free texts.
func checkDetail(field string, m map[string]string) error {
	if len(m) > maxDetails {
		return malformed("%s has %d pairs, at most %d are allowed", field, len(m), maxDetails)
	}
	for k, v := range m {
		if err := checkName(field+" key", k); err != nil {
			return err
		}
		if err := checkText(field+" "+k, v, maxText); err != nil {
			return err
		}
	}
	return nil
}

// checkVersion returns an error for a version that this package does not know.
func checkVersion(v uint64) error {
	if v != Version {
		return malformed("version %d is not known, only %d is", v, Version)
	}
	return nil
}
