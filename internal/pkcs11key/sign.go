//go:build cgo

package pkcs11key

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/miekg/pkcs11"
)

// This file implements keys: making them, reading their public half, and signing.

// What PKCS #11 3.0 has for Ed25519, and the library's bindings lack.
const (
	edwardsKeyPairGen = 0x1055 // CKM_EC_EDWARDS_KEY_PAIR_GEN
	eddsa             = 0x1057 // CKM_EDDSA
)

// CKA_EC_PARAMS of the two curves: a PrintableString (PKCS #11 3.0, 2.3.5), and an object identifier (RFC 5480).
var (
	edwards25519 = append([]byte{0x13, 0x0c}, "edwards25519"...)
	edwards2     = []byte{0x06, 0x03, 0x2b, 0x65, 0x70} // id-Ed25519 of RFC 8410, which some tokens give
	prime256v1   = []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
)

// idSize is the length of the CKA_ID that a new key gets.
const idSize = 8

// Generate makes a key pair with a label on the token that u names, and gives the URI of the pair. The private half cannot be read from the
// token.
func Generate(u URI, label string, alg Algorithm) (URI, error) {
	t, err := find(u)
	if err != nil {
		return URI{}, err
	}
	u.Object, u.ID = label, make([]byte, idSize)
	rand.Read(u.ID)
	mechanism, params := uint(pkcs11.CKM_EC_KEY_PAIR_GEN), prime256v1
	if alg == Ed25519 {
		mechanism, params = edwardsKeyPairGen, edwards25519
	}
	public := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, u.ID),
	}
	private := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, u.ID),
	}
	err = t.use(true, func() error {
		_, _, err := t.ctx.GenerateKeyPair(t.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, public, private)
		switch {
		case alg == Ed25519 && is(err, pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_CURVE_NOT_SUPPORTED, pkcs11.CKR_DOMAIN_PARAMS_INVALID):
			return ErrNoEd25519
		case err != nil:
			return fmt.Errorf("make key %q: %w", label, err)
		}
		return nil
	})
	return u, err
}

// key is a key pair on a token.
type key struct {
	t      *token
	uri    URI
	public crypto.PublicKey // ed25519.PublicKey or *ecdsa.PublicKey

	private pkcs11.ObjectHandle // valid in session number session; both guarded by t.mu
	session int
}

// Open gives the key that a URI names. It needs no PIN: the first signature does.
func Open(u URI) (crypto.Signer, error) {
	if u.Object == "" {
		return nil, errors.New("PKCS #11 URI: no object=NAME of a key")
	}
	t, err := find(u)
	if err != nil {
		return nil, err
	}
	k := &key{t: t, uri: u}
	err = t.use(false, func() error {
		h, err := t.object(pkcs11.CKO_PUBLIC_KEY, u)
		if err != nil {
			return err
		}
		a, err := t.ctx.GetAttributeValue(t.session, h, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, nil), pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
		if err != nil {
			return fmt.Errorf("read key %q: %w", u.Object, err)
		}
		if k.public = publicKey(a[0].Value, a[1].Value); k.public == nil {
			return fmt.Errorf("key %q is neither of Ed25519 nor of P-256", u.Object)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// publicKey reads CKA_EC_POINT, an OCTET STRING, or without its wrapping as some tokens give it. It is nil for other curves.
func publicKey(params, point []byte) crypto.PublicKey {
	var inner []byte
	if rest, err := asn1.Unmarshal(point, &inner); err != nil || len(rest) > 0 {
		inner = point
	}
	switch {
	case bytes.Equal(params, prime256v1):
		if k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), inner); err == nil {
			return k
		}
	case bytes.Equal(params, edwards25519) || bytes.Equal(params, edwards2):
		if len(inner) == ed25519.PublicKeySize {
			return ed25519.PublicKey(inner)
		}
	}
	return nil
}

// Public is the key's public half.
func (k *key) Public() crypto.PublicKey { return k.public }

// Sign signs a message with Ed25519, or a SHA-256 digest with P-256 in ASN.1 form, as [crypto.Signer] has it.
func (k *key) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) (sig []byte, err error) {
	mechanism, hash := uint(eddsa), crypto.Hash(0)
	if _, ok := k.public.(*ecdsa.PublicKey); ok {
		mechanism, hash = pkcs11.CKM_ECDSA, crypto.SHA256
	}
	if opts.HashFunc() != hash || hash != 0 && len(message) != hash.Size() {
		return nil, fmt.Errorf("key %q signs another sort of digest", k.uri.Object)
	}
	err = k.t.use(true, func() error {
		if k.session != k.t.opened {
			if k.private, err = k.t.object(pkcs11.CKO_PRIVATE_KEY, k.uri); err != nil {
				return err
			}
			k.session = k.t.opened
		}
		if err := k.t.ctx.SignInit(k.t.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, k.private); err != nil {
			return fmt.Errorf("sign with key %q: %w", k.uri.Object, err)
		}
		if sig, err = k.t.ctx.Sign(k.t.session, message); err != nil {
			return fmt.Errorf("sign with key %q: %w", k.uri.Object, err)
		}
		return nil
	})
	if err != nil || mechanism == eddsa {
		return sig, err
	}
	half := len(sig) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
}
