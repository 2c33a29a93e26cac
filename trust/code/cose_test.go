package code_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/veraison/go-cose"

	"citygate/trust/code"
)

// renamed is go-cose's verifier of an algorithm under the newer number that our key rows have for it (RFC 9864).
type renamed struct {
	cose.Verifier
	alg cose.Algorithm
}

func (r renamed) Algorithm() cose.Algorithm { return r.alg }

// ours is our verifier in go-cose, for what go-cose lacks.
type ours struct {
	pub []byte
	alg int
}

func (o ours) Algorithm() cose.Algorithm { return cose.Algorithm(o.alg) }

func (o ours) Verify(content, sig []byte) error {
	if !code.VerifyMessage(o.pub, o.alg, content, sig) {
		return cose.ErrVerification
	}
	return nil
}

// TestGoCOSE gives records as COSE_Sign1 to go-cose, which takes them apart, rebuilds what is signed, and checks the signature itself
// where it knows the algorithm.
func TestGoCOSE(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sm2Private, sm2Public := sm2Key(t)
	peer := func(alg cose.Algorithm, key crypto.PublicKey) cose.Verifier {
		v, err := cose.NewVerifier(alg, key)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name     string
		signer   crypto.Signer
		alg      int
		verifier cose.Verifier
	}{
		{"Ed25519", issuerKey, code.AlgEd25519, renamed{peer(cose.AlgorithmEdDSA, issuerKey.Public().(ed25519.PublicKey)), code.AlgEd25519}},
		{"ES256", p256, code.AlgES256, renamed{peer(cose.AlgorithmES256, p256.Public()), code.AlgES256}},
		{"SM2", sm2Private, code.AlgSM2, ours{sm2Public, code.AlgSM2}},
	} {
		record := mint(t, false, lampClaims(), true)
		if record.Sig, err = code.Sign(c.signer, c.alg, record.Key, record.Body); err != nil {
			t.Fatal(err)
		}
		raw, err := record.COSESign1(c.alg)
		if err != nil {
			t.Fatal(err)
		}
		var m cose.Sign1Message
		if err := m.UnmarshalCBOR(raw); err != nil {
			t.Errorf("%s: go-cose does not read it: %v", c.name, err)
			continue
		}
		if err := m.Verify([]byte("cityid/v1"), c.verifier); err != nil {
			t.Errorf("%s: go-cose refuses it: %v", c.name, err)
		}
		if err := m.Verify(nil, c.verifier); err == nil {
			t.Errorf("%s: go-cose takes it without the external data", c.name)
		}
		m.Payload[len(m.Payload)-1] ^= 1
		if err := m.Verify([]byte("cityid/v1"), c.verifier); err == nil {
			t.Errorf("%s: go-cose takes another record", c.name)
		}
	}
}
