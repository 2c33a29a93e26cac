package enrolment

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"citygate/fleet"
	"citygate/internal/cose"
)

// Version is the version of every message of this package.
const Version = 1

// Limits of the messages. One above its limit is refused before it is parsed.
const (
	MaxRequest = 4 << 10  // bytes of a request
	MaxGrant   = 64 << 10 // bytes of a grant
	MaxAnswer  = MaxGrant + 1024
	maxCSR     = 2048
	maxText    = 256
	maxList    = 16 // brokers, mirrors, certificates
)

// ErrMalformed is wrapped by the errors of the Parse functions.
var ErrMalformed = errors.New("malformed")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// contextRequest begins what the event key signs.
const contextRequest = "citygate/v1 enrol request"

// Request is what a device asks with. It proves that the device holds both keys.
type Request struct {
	V        uint64 `cbor:"0,keyasint"`
	CSR      []byte `cbor:"1,keyasint"`           // PKCS #10, DER, over the ECDSA P-256 key for TLS
	EventKey []byte `cbor:"2,keyasint"`           // Ed25519 public key of the event chain
	Software string `cbor:"3,keyasint"`           // version that asks
	Board    string `cbor:"4,keyasint,omitempty"` // what the device says it is, for people; not believed
	Wish     string `cbor:"5,keyasint,omitempty"` // the name in the device's configuration; not believed
	Sig      []byte `cbor:"6,keyasint"`           // of the event key, see NewRequest

	csr *x509.CertificateRequest
}

// NewRequest makes a request for the fleet with this pin. The event key signs "citygate/v1 enrol request" 00 pin
// SHA-256(the request with a signature of 64 zero octets), so that it is of use at no other fleet.
func NewRequest(pin Pin, key *ecdsa.PrivateKey, event ed25519.PrivateKey, software, board, wish string) (*Request, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	r := &Request{V: Version, CSR: csr, EventKey: event.Public().(ed25519.PublicKey), Software: clip(software), Board: clip(board), Wish: wish}
	text, err := r.signed(pin)
	if err != nil {
		return nil, err
	}
	r.Sig = ed25519.Sign(event, text)
	return r, r.check(pin)
}

// Identity is what the request's sender is known by.
func (r *Request) Identity(pin Pin) Identity {
	return IdentityOf(pin, r.csr.RawSubjectPublicKeyInfo, r.EventKey)
}

// PublicKey is the key that the certificate is to be for.
func (r *Request) PublicKey() *ecdsa.PublicKey { return r.csr.PublicKey.(*ecdsa.PublicKey) }

// Encode returns the request's octets.
func (r *Request) Encode() ([]byte, error) { return cose.Encode(r) }

func (r *Request) signed(pin Pin) ([]byte, error) {
	bare := *r
	bare.Sig = make([]byte, ed25519.SignatureSize)
	b, err := bare.Encode()
	if err != nil {
		return nil, err
	}
	h := sha256.Sum256(b)
	return append(append([]byte(contextRequest+"\x00"), pin[:]...), h[:]...), nil
}

// ParseRequest reads a request to the fleet with this pin and checks both of its signatures.
func ParseRequest(pin Pin, b []byte) (*Request, error) {
	r := new(Request)
	if err := parse(b, MaxRequest, r); err != nil {
		return nil, err
	}
	return r, r.check(pin)
}

func (r *Request) check(pin Pin) error {
	if r.V != Version {
		return malformed("version %d, want %d", r.V, Version)
	}
	if len(r.CSR) > maxCSR || len(r.EventKey) != ed25519.PublicKeySize || len(r.Sig) != ed25519.SignatureSize {
		return malformed("a certificate request, key or signature of a wrong size")
	}
	for _, s := range []string{r.Software, r.Board} {
		if !ValidLine(s) {
			return malformed("a text that is no line")
		}
	}
	if r.Wish != "" && !fleet.ValidName(r.Wish) {
		return malformed("a name that is none")
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return malformed("certificate request: %v", err)
	}
	if pub, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() {
		return malformed("certificate request: want a key on P-256")
	}
	if err := csr.CheckSignature(); err != nil {
		return malformed("certificate request: %v", err)
	}
	r.csr = csr
	text, err := r.signed(pin)
	if err != nil {
		return err
	}
	if !ed25519.Verify(r.EventKey, text, r.Sig) {
		return malformed("the event key's signature is wrong, or the request is for another fleet")
	}
	return nil
}

// The states of an answer.
const (
	Waiting = "waiting" // nobody has decided yet: ask again
	Granted = "granted"
	Refused = "refused" // with a reason; an operator may still think better of it
)

// Answer is what the fleet says to a request.
type Answer struct {
	V      uint64 `cbor:"0,keyasint"`
	State  string `cbor:"1,keyasint"`           // Waiting, Granted or Refused
	Reason string `cbor:"2,keyasint,omitempty"` // with Refused, for people
	Grant  []byte `cbor:"3,keyasint,omitempty"` // with Granted, the encoding of a Grant
}

// Encode returns the answer's octets.
func (a Answer) Encode() ([]byte, error) {
	a.V = Version
	return cose.Encode(a)
}

// ParseAnswer reads an answer; its grant is for [ParseGrant].
func ParseAnswer(b []byte) (Answer, error) {
	var a Answer
	if err := parse(b, MaxAnswer, &a); err != nil {
		return a, err
	}
	states := map[string]bool{Waiting: true, Granted: true, Refused: true}
	if a.V != Version || !states[a.State] || (a.State == Granted) != (len(a.Grant) > 0) || !ValidLine(a.Reason) {
		return Answer{}, malformed("an answer of version %d in state %.20q", a.V, a.State)
	}
	return a, nil
}

// ValidLine holds for UTF-8 without control characters of at most maxText octets.
func ValidLine(s string) bool {
	if len(s) > maxText || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if unicode.IsControl(c) {
			return false
		}
	}
	return true
}

// clip makes a line of what a machine says about itself.
func clip(s string) string {
	var b bytes.Buffer
	for _, c := range s {
		if c == utf8.RuneError || unicode.IsControl(c) {
			continue
		}
		if b.Len()+utf8.RuneLen(c) > maxText {
			break
		}
		b.WriteRune(c)
	}
	return b.String()
}

// parse reads one deterministic encoding: what it accepts encodes to the same octets.
func parse(b []byte, limit int, v any) error {
	if len(b) > limit {
		return malformed("%d octets, more than %d", len(b), limit)
	}
	if err := cose.Decode(b, v); err != nil {
		return malformed("%v", err)
	}
	again, err := cose.Encode(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return malformed("not the one encoding of what it says")
	}
	return nil
}
