package wire

import (
	"crypto/ed25519"
	"fmt"
)

// Ack is the fleet's word that it has committed all events of one epoch up to and including Seq. It is cumulative.
// With Seq 0 and the chain of [Chain0] it acknowledges nothing and only asks for ranges.
//
// The ranges are not under the signature: asking for events again can only cost a resend.
type Ack struct {
	Version uint64  `cbor:"0,keyasint" json:"v"`
	Epoch   uint64  `cbor:"1,keyasint" json:"epoch,string"`
	Seq     uint64  `cbor:"2,keyasint" json:"seq"`
	Chain   Hash    `cbor:"3,keyasint" json:"chain"`                     // the fleet's chain at Seq
	Sig     []byte  `cbor:"4,keyasint" json:"sig"`                       // see [Ack.Sign]
	Again   []Range `cbor:"5,keyasint,omitempty" json:"again,omitempty"` // ranges needed again, at most [MaxRanges]
}

// Range is a range of sequence numbers, both ends included.
type Range struct {
	_     struct{} `cbor:",toarray"`
	First uint64   `json:"first"`
	Last  uint64   `json:"last"`
}

// Sign sets the fleet's Ed25519 signature over
// "citygate/v1 ack" || 00 || device || 00 || epoch || seq || chain.
func (a *Ack) Sign(key ed25519.PrivateKey, device string) {
	a.Sig = ed25519.Sign(key, signed(contextAck, device, a.Epoch, a.Seq, a.Chain))
}

// VerifiedAck is an acknowledgement whose signature was checked. Only [Ack.Verify] makes one, so a function that
// takes a VerifiedAck cannot be given a forged one by mistake.
type VerifiedAck struct {
	epoch, seq uint64
	chain      Hash
}

// Epoch returns the epoch that is acknowledged.
func (v VerifiedAck) Epoch() uint64 { return v.epoch }

// Seq returns the last number that is acknowledged.
func (v VerifiedAck) Seq() uint64 { return v.seq }

// Chain returns the fleet's chain at Seq.
func (v VerifiedAck) Chain() Hash { return v.chain }

// Verify checks the fleet's signature for the named device.
func (a Ack) Verify(pub ed25519.PublicKey, device string) (VerifiedAck, error) {
	if len(pub) != ed25519.PublicKeySize ||
		!ed25519.Verify(pub, signed(contextAck, device, a.Epoch, a.Seq, a.Chain), a.Sig) {
		return VerifiedAck{}, fmt.Errorf("acknowledgement of %d: %w", a.Seq, ErrSignature)
	}
	return VerifiedAck{epoch: a.Epoch, seq: a.Seq, chain: a.Chain}, nil
}

// Encode returns the acknowledgement's CBOR encoding. A Version of 0 is written as [Version].
func (a Ack) Encode() ([]byte, error) {
	if a.Version == 0 {
		a.Version = Version
	}
	return encode("acknowledgement", &a, MaxAck)
}

// DecodeAck parses an acknowledgement; the signature is for [Ack.Verify].
func DecodeAck(payload []byte) (Ack, error) {
	var a Ack
	if err := decode("acknowledgement", payload, MaxAck, &a); err != nil {
		return Ack{}, err
	}
	return a, nil
}

func (a *Ack) check() error {
	if err := checkVersion(a.Version); err != nil {
		return err
	}
	if a.Seq > MaxSeq {
		return malformed("sequence number %d, at most 2^40-1 is allowed", a.Seq)
	}
	if len(a.Sig) != ed25519.SignatureSize {
		return malformed("a signature has %d bytes, not %d", ed25519.SignatureSize, len(a.Sig))
	}
	if len(a.Again) > MaxRanges {
		return malformed("%d ranges, at most %d are allowed", len(a.Again), MaxRanges)
	}
	for _, r := range a.Again {
		if r.First == 0 || r.Last < r.First || r.Last > MaxSeq {
			return malformed("range from %d to %d", r.First, r.Last)
		}
	}
	return nil
}
