package code

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// Signature algorithms by their COSE numbers (RFC 9864). A code never names
// its algorithm: the directory's key row does.
const (
	AlgEd25519 = -19 // public key: 32 octets (RFC 8032)
	AlgES256   = -9  // public key: 65 octets, an uncompressed P-256 point (SEC 1, 2.3.3)
)

// ErrAlgorithm says that this build lacks a signature algorithm.
var ErrAlgorithm = errors.New("unsupported signature algorithm")

// Supported says whether this build can check signatures of an algorithm.
func Supported(alg int) bool { return alg == AlgEd25519 || alg == AlgES256 || alg == AlgSM2 }

// externalData is what a signature covers beside header and body, so that it
// serves nothing else.
const externalData = "cityid/v1"

// SigStructure returns what an issuer's signature covers: the COSE
// Sig_structure of a COSE_Sign1 (RFC 9052, 4.4) with the protected header
// {1: alg, 4: kid}, external data "cityid/v1" and the body as payload. kid is
// the key's directory index as 4 octets, big-endian.
func SigStructure(body []byte, key uint32, alg int) []byte {
	header := protected(key, alg)
	b := make([]byte, 0, 32+len(header)+len(body))
	b = append(b, majorArray<<5|4)
	b = appendText(b, "Signature1")
	b = appendBytes(b, header)
	b = appendBytes(b, []byte(externalData))
	return appendBytes(b, body)
}

// protected encodes the header that codes leave out because the directory
// knows it.
func protected(key uint32, alg int) []byte {
	header := make([]byte, 0, 20)
	header = append(header, majorMap<<5|2, 1)
	if alg < 0 {
		header = appendHead(header, majorNegative, uint64(-1-alg))
	} else {
		header = appendUint(header, uint64(alg))
	}
	return append(header, 4, majorBytes<<5|4, byte(key>>24), byte(key>>16), byte(key>>8), byte(key))
}

// COSESign1 returns a signed code's record as a tagged COSE_Sign1 (RFC 9052,
// 4.2), for other people's tools. They have to be given the external data
// "cityid/v1". The bytes are not a code: no gateway reads them.
func (c Code) COSESign1(alg int) ([]byte, error) {
	if len(c.Sig) != SigSize {
		return nil, errors.New("expand to COSE: code without signature")
	}
	b := []byte{majorTag<<5 | 18, majorArray<<5 | 4}
	b = appendBytes(b, protected(c.Key, alg))
	b = append(b, majorMap<<5) // no unprotected header
	b = appendBytes(b, c.Body)
	return appendBytes(b, c.Sig), nil
}

// Sign signs a body for the key row at directory index key. The signer may be
// a file's key or a token's; its public key has to fit the algorithm.
func Sign(priv crypto.Signer, alg int, key uint32, body []byte) ([]byte, error) {
	return SignMessage(priv, alg, SigStructure(body, key, alg))
}

// SignMessage makes an issuer key's signature of something other than a
// record; the message has to begin with what tells it from all others.
func SignMessage(priv crypto.Signer, alg int, message []byte) ([]byte, error) {
	switch pub := priv.Public().(type) {
	case ed25519.PublicKey:
		if alg == AlgEd25519 {
			return priv.Sign(rand.Reader, message, crypto.Hash(0))
		}
	case *ecdsa.PublicKey:
		if alg == AlgES256 && pub.Curve == elliptic.P256() {
			return signES256(priv, message)
		}
		if alg == AlgSM2 && isSM2(pub.Curve) {
			return signSM2(priv, pub, message)
		}
	}
	if !Supported(alg) {
		return nil, fmt.Errorf("sign: %w: %d", ErrAlgorithm, alg)
	}
	return nil, fmt.Errorf("sign: the key does not fit algorithm %d", alg)
}

func signES256(priv crypto.Signer, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	der, err := priv.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return fixedForm(der)
}

// fixedForm turns an ASN.1 signature into r || s.
func fixedForm(der []byte) ([]byte, error) {
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) > 0 {
		return nil, errors.New("sign: signer returned no signature of two numbers")
	}
	if sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.BitLen() > 4*SigSize || sig.S.BitLen() > 4*SigSize {
		return nil, errors.New("sign: signer returned numbers out of range")
	}
	out := make([]byte, SigSize)
	sig.R.FillBytes(out[:SigSize/2])
	sig.S.FillBytes(out[SigSize/2:])
	return out, nil
}

// KeyOf gives the algorithm of a public key and its octets as the directory
// has them.
func KeyOf(pub crypto.PublicKey) (alg int, octets []byte, err error) {
	switch pub := pub.(type) {
	case ed25519.PublicKey:
		return AlgEd25519, pub, nil
	case *ecdsa.PublicKey:
		if pub.Curve == elliptic.P256() {
			octets, err = pub.Bytes()
			return AlgES256, octets, err
		}
		if isSM2(pub.Curve) {
			return AlgSM2, sm2Octets(pub), nil
		}
	}
	return 0, nil, fmt.Errorf("key: %w", ErrAlgorithm)
}

// VerifySig says whether a code carries a good signature of a public key. It
// is false for a code without signature, for an algorithm that this build
// lacks, and for a key that CheckKey refuses; it never panics.
func VerifySig(pub []byte, alg int, c Code) bool {
	return len(c.Sig) == SigSize && VerifyMessage(pub, alg, SigStructure(c.Body, c.Key, alg), c.Sig)
}

// VerifyMessage checks what SignMessage made, with the same promises as
// VerifySig.
func VerifyMessage(pub []byte, alg int, message, sig []byte) bool {
	if len(sig) != SigSize || CheckKey(pub, alg) != nil {
		return false
	}
	switch alg {
	case AlgEd25519:
		return ed25519.Verify(pub, message, sig)
	case AlgES256:
		return verifyES256(pub, message, sig)
	case AlgSM2:
		return verifySM2(pub, message, sig)
	}
	return false
}

func verifyES256(pub, message, sig []byte) bool {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), pub)
	if err != nil {
		return false
	}
	digest := sha256.Sum256(message)
	r := new(big.Int).SetBytes(sig[:SigSize/2])
	s := new(big.Int).SetBytes(sig[SigSize/2:])
	return ecdsa.Verify(key, digest[:], r, s)
}
