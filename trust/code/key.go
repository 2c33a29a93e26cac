package code

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
)

var errSmallOrder = errors.New("Ed25519 key of small order")

// CheckKey says why a public key must not be used with an algorithm, or nil:
// a length that is not the algorithm's, a point that is not on the curve's
// canonical form, a point of small order, under which a signature can be made
// to fit any message. It wraps ErrAlgorithm for an algorithm of another build.
func CheckKey(pub []byte, alg int) error {
	switch alg {
	case AlgEd25519:
		return checkEd25519(pub)
	case AlgES256:
		if _, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), pub); err != nil {
			return fmt.Errorf("P-256 key: %w", err)
		}
		return nil
	case AlgSM2:
		_, err := parseSM2(pub)
		return err
	}
	return fmt.Errorf("%w: %d", ErrAlgorithm, alg)
}

// checkEd25519 refuses the keys for which ed25519.Verify panics or is no proof.
// Whether a y is that of a point at all is left to it: it then says false.
func checkEd25519(pub []byte) error {
	if len(pub) != ed25519.PublicKeySize {
		return fmt.Errorf("Ed25519 key of %d octets", len(pub))
	}
	y := [32]byte(pub)
	y[31] &= 0x7f // the sign of x: both of a pair have the same order
	if !belowPrime(&y) {
		return errors.New("Ed25519 key is not canonical")
	}
	for i := range smallOrder {
		if y == smallOrder[i] {
			return errSmallOrder
		}
	}
	return nil
}

// belowPrime says whether a little-endian y is below p = 2^255 - 19.
func belowPrime(y *[32]byte) bool {
	if y[31] != 0x7f || y[0] < 0xed {
		return true
	}
	for _, c := range y[1:31] {
		if c != 0xff {
			return true
		}
	}
	return false
}

// smallOrder holds the y coordinates of the points whose order divides 8: 1,
// p-1 and 0, and the two of order 8, the roots of d*y^4 + 2*y^2 - 1.
var smallOrder = [5][32]byte{
	{0x01},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
}
