package code

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
)

// This file implements SM2 signatures with SM3 (GB/T 32918.2-2016) for issuers whose law asks for them.

// AlgSM2 is SM2 with SM3. COSE has no number for it, so this one is from the private-use range below -65536 (RFC 9053, 11.1). Public
// key: 65 octets, an uncompressed point of the recommended curve. The signature is r and s, 32 octets each.
const AlgSM2 = -65537

// sm2UserID is the signer's distinguishing identifier that every SM2 signature here is made for. It is the default that GM/T 0009-2012
// gives for signers who have agreed on none.
const sm2UserID = "1234567812345678"

// parseSM2 reads a public key and refuses what is no point of the curve.
func parseSM2(pub []byte) (*ecdsa.PublicKey, error) {
	if len(pub) != 65 || pub[0] != 4 {
		return nil, fmt.Errorf("SM2 key of %d octets is no uncompressed point", len(pub))
	}
	if _, err := ecdh.P256().NewPublicKey(pub); err != nil {
		return nil, errors.New("SM2 key is no point of the curve")
	}
	x, y := new(big.Int).SetBytes(pub[1:33]), new(big.Int).SetBytes(pub[33:])
	//lint:ignore SA1019 crypto/ecdsa parses keys of its own curves only, and the library's signatures take its type
	return &ecdsa.PublicKey{Curve: sm2.P256(), X: x, Y: y}, nil
}

// sm2Octets is a public key as an uncompressed point.
func sm2Octets(pub *ecdsa.PublicKey) []byte {
	b := make([]byte, 65)
	b[0] = 4
	//lint:ignore SA1019 see parseSM2
	pub.X.FillBytes(b[1:33])
	//lint:ignore SA1019 see parseSM2
	pub.Y.FillBytes(b[33:])
	return b
}

// isSM2 says whether a key is of SM2's curve.
func isSM2(curve elliptic.Curve) bool { return curve == sm2.P256() }

// sm2Digest is what SM2 signs: SM3 of the signer's identity (Z, 5.5 of the standard) and the message.
func sm2Digest(pub *ecdsa.PublicKey, message []byte) ([]byte, error) {
	z, err := sm2.CalculateZA(pub, []byte(sm2UserID))
	if err != nil {
		return nil, err
	}
	h := sm3.New()
	h.Write(z)
	h.Write(message)
	return h.Sum(nil), nil
}

// signSM2 signs with a file's key or a token's, which gets the digest.
func signSM2(priv crypto.Signer, pub *ecdsa.PublicKey, message []byte) ([]byte, error) {
	digest, err := sm2Digest(pub, message)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	der, err := priv.Sign(rand.Reader, digest, crypto.Hash(0)) // x/crypto has no number for SM3
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return fixedForm(der)
}

func verifySM2(pub, message, sig []byte) bool {
	key, err := parseSM2(pub)
	if err != nil {
		return false
	}
	digest, err := sm2Digest(key, message)
	if err != nil {
		return false
	}
	return sm2.Verify(key, digest, new(big.Int).SetBytes(sig[:SigSize/2]), new(big.Int).SetBytes(sig[SigSize/2:]))
}
