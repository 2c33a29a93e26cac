package code

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
)

// Limits of a presentation's nonce, in octets.
const (
	minNonce = 8
	maxNonce = 16
)

const presentContext = "citygate/v1 present\x00"

// Presented is a C2: a C1 that its holder shows on a screen, signed with the
// key of claim 8 and valid for seconds.
//
//	C2 || [ code, iat, ? nonce, sig ]
//
//	code   the bytes of exactly one C1, its version octet included
//	iat    uint: when the holder signed, seconds since 1970
//	nonce  8..16 octets: what the gateway shows, where its policy demands it
//	sig    Ed25519 over "citygate/v1 present" || 00 || SHA-256(code) ||
//	       uint64be iat || nonce
type Presented struct {
	Code  []byte
	At    int64
	Nonce []byte
	Sig   []byte
}

// Present signs a code with its holder's Ed25519 key, a file's or a token's. The code's claim 8 must be that
// key's public half. A nonce is 8 to 16 octets, or none.
func Present(holder crypto.Signer, c Code, at int64, nonce []byte) (Presented, error) {
	claims, err := c.Claims()
	if err != nil {
		return Presented{}, fmt.Errorf("present code: %w", err)
	}
	if k, ok := holder.(ed25519.PrivateKey); holder == nil || ok && len(k) != ed25519.PrivateKeySize {
		return Presented{}, fmt.Errorf("present code: not an Ed25519 private key")
	}
	if pub, ok := holder.Public().(ed25519.PublicKey); !ok || !pub.Equal(ed25519.PublicKey(claims.Holder)) {
		return Presented{}, fmt.Errorf("present code: the key is not the one that claim 8 names")
	}
	b, err := c.Marshal()
	if err != nil {
		return Presented{}, fmt.Errorf("present code: %w", err)
	}
	p := Presented{Code: b, At: at, Nonce: nonce}
	if p.Sig, err = SignMessage(holder, AlgEd25519, p.message()); err != nil {
		return Presented{}, fmt.Errorf("present code: %w", err)
	}
	return p, nil
}

// Verify says whether the holder's public key, claim 8 of the code, signed
// this presentation. It is false for a key that is not fit to verify.
func (p Presented) Verify(holder []byte) bool {
	return VerifyMessage(holder, AlgEd25519, p.message(), p.Sig)
}

// ID is the SHA-256 of what the holder signed. A presentation that is shown
// again has the same ID, however its bytes were changed on the way.
func (p Presented) ID() [HashSize]byte { return sha256.Sum256(p.message()) }

func (p Presented) message() []byte {
	hash := sha256.Sum256(p.Code)
	b := make([]byte, 0, len(presentContext)+HashSize+8+maxNonce)
	b = append(b, presentContext...)
	b = append(b, hash[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.At))
	return append(b, p.Nonce...)
}

// Marshal encodes the presentation, version byte first. It writes nothing that
// UnmarshalPresented refuses.
func (p Presented) Marshal() ([]byte, error) {
	b := make([]byte, 0, MaxPresented)
	b = append(b, Version2, majorArray<<5|3)
	b = appendBytes(b, p.Code)
	b = appendUint(b, uint64(p.At))
	if len(p.Nonce) > 0 {
		b[1]++
		b = appendBytes(b, p.Nonce)
	}
	b = appendBytes(b, p.Sig)
	if _, err := UnmarshalPresented(b); err != nil {
		return nil, fmt.Errorf("encode presented code: %w", err)
	}
	return b, nil
}

// UnmarshalPresented reads the bytes of a C2 and checks the C1 inside, which
// must name a holder. The result shares b's memory. Errors wrap ErrUnsupported
// or ErrMalformed.
func UnmarshalPresented(b []byte) (Presented, error) {
	if len(b) == 0 || b[0] != Version2 {
		return Presented{}, badVersion(b)
	}
	if len(b) > MaxPresented {
		return Presented{}, malformed("presented code is too long")
	}
	r := reader{b: b[1:]}
	items := r.array()
	p := Presented{Code: r.bytes(1, MaxSize)}
	at := r.uint()
	if items == 4 {
		p.Nonce = r.bytes(minNonce, maxNonce)
	}
	p.Sig = r.bytes(SigSize, SigSize)
	if !r.done() || items != 3 && items != 4 || at > math.MaxInt64 {
		return Presented{}, malformed("code is not the CBOR of a C2")
	}
	p.At = int64(at)
	if p.Code[0] != Version1 {
		return Presented{}, malformed("presented code is not a C1")
	}
	_, claims, err := unmarshal(p.Code)
	if err != nil {
		return Presented{}, err
	}
	if len(claims.Holder) == 0 {
		return Presented{}, malformed("presented code names no holder")
	}
	return p, nil
}
