package enrolment

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// contextIdentity begins what an identity is hashed from.
const contextIdentity = "citygate/v1 enrol"

// pinPrefix begins a pin's text, as curl's --pinnedpubkey writes it.
const pinPrefix = "sha256//"

// Pin is the SHA-256 of a public key (SubjectPublicKeyInfo, DER) by which a device knows its fleet: that of the
// server's certificate or, better, of the authority that signed it, since that one outlives renewals.
type Pin [sha256.Size]byte

// PinOf returns the pin of a certificate's public key.
func PinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// String returns the pin's only text: "sha256//" and base64.
func (p Pin) String() string { return pinPrefix + base64.StdEncoding.EncodeToString(p[:]) }

// ParsePin reads a pin's text.
func ParsePin(s string) (Pin, error) {
	var p Pin
	rest, ok := strings.CutPrefix(s, pinPrefix)
	b, err := base64.StdEncoding.Strict().DecodeString(rest)
	if !ok || err != nil || len(b) != len(p) {
		return p, fmt.Errorf("%q is not a pin such as %sAAAA…= (cityfleet enrol pin prints the fleet's)", s, pinPrefix)
	}
	copy(p[:], b)
	return p, nil
}

// Identity is what a device is known by before it has a name: a hash over its two public keys and the pin of the fleet
// that it wants to come into.
type Identity [sha256.Size]byte

// IdentityOf returns SHA-256("citygate/v1 enrol" 00 pin SHA-256(SubjectPublicKeyInfo of the TLS key) event key).
func IdentityOf(pin Pin, spki, eventKey []byte) Identity {
	h := sha256.New()
	h.Write([]byte(contextIdentity + "\x00"))
	h.Write(pin[:])
	tlsKey := sha256.Sum256(spki)
	h.Write(tlsKey[:])
	h.Write(eventKey)
	return Identity(h.Sum(nil))
}

// codeOctets is how much of an identity a claim code shows: 80 bits, 16 characters.
const codeOctets = 10

// symbols are Crockford's base 32: no I, L, O or U, which people take for something else.
var symbols = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// Code returns the claim code: the identity's first 80 bits as 16 characters in four groups, "7Q2F-0KXM-9D3T-H51B".
func (id Identity) Code() string {
	s := symbols.EncodeToString(id[:codeOctets])
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// ErrCode is returned for a text that is no claim code.
var ErrCode = errors.New("not a claim code: want 16 characters such as 7Q2F-0KXM-9D3T-H51B")

// readAs are the characters that people type for others.
var readAs = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1")

// ParseCode reads a claim code as people type it, in small letters or capitals, with or without hyphens, O for 0, I or
// L for 1, and returns its one form.
func ParseCode(s string) (string, error) {
	s = readAs.Replace(strings.ToUpper(s))
	b, err := symbols.DecodeString(s)
	if err != nil || len(s) != symbols.EncodedLen(codeOctets) {
		return "", ErrCode
	}
	var id Identity
	copy(id[:], b)
	return id.Code(), nil
}
