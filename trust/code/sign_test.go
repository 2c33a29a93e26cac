package code_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"citygate/trust/code"
)

func issuerPublic() []byte { return issuerKey.Public().(ed25519.PublicKey) }

func TestSigStructureIsCOSE(t *testing.T) {
	body := mint(t, false, lampClaims(), true).Body
	for _, alg := range []int{code.AlgEd25519, code.AlgES256, -65537, -1, 7} {
		got := code.SigStructure(body, 0x01020304, alg)
		header := deterministic(t, map[int]any{1: alg, 4: []byte{1, 2, 3, 4}})
		want := deterministic(t, []any{"Signature1", header, []byte("cityid/v1"), body})
		if !bytes.Equal(got, want) {
			t.Errorf("algorithm %d: %x, peer %x", alg, got, want)
		}
		var parts []any
		if err := cbor.Unmarshal(got, &parts); err != nil || len(parts) != 4 {
			t.Errorf("algorithm %d: %v, %v", alg, parts, err)
		}
	}
}

// TestCOSESign1 takes the expanded record apart with the peer codec, and builds
// what is signed from its parts alone, as a COSE tool does.
func TestCOSESign1(t *testing.T) {
	c := mint(t, false, lampClaims(), true)
	b, err := c.COSESign1(code.AlgEd25519)
	if err != nil {
		t.Fatal(err)
	}
	var tag cbor.RawTag
	var parts struct {
		_                  struct{} `cbor:",toarray"`
		Protected          []byte
		Unprotected        map[int]any
		Payload, Signature []byte
	}
	if err := cbor.Unmarshal(b, &tag); err != nil || tag.Number != 18 {
		t.Fatalf("tag %d, %v", tag.Number, err)
	}
	if err := cbor.Unmarshal(tag.Content, &parts); err != nil || len(parts.Unprotected) != 0 {
		t.Fatalf("%+v, %v", parts, err)
	}
	var header struct {
		Alg int    `cbor:"1,keyasint"`
		Kid []byte `cbor:"4,keyasint"`
	}
	if err := cbor.Unmarshal(parts.Protected, &header); err != nil || header.Alg != -19 || !bytes.Equal(header.Kid, []byte{0, 0, 0, sampleKey}) {
		t.Errorf("header %+v, %v", header, err)
	}
	message := deterministic(t, []any{"Signature1", parts.Protected, []byte("cityid/v1"), parts.Payload})
	if !bytes.Equal(parts.Payload, c.Body) || !ed25519.Verify(issuerPublic(), message, parts.Signature) {
		t.Error("the expanded record does not verify")
	}
	if _, err := unsigned(c).COSESign1(code.AlgEd25519); err == nil {
		t.Error("an unsigned record is expanded")
	}
}

func TestSignatureCovers(t *testing.T) {
	good := mint(t, false, lampClaims(), true)
	if !code.VerifySig(issuerPublic(), code.AlgEd25519, good) {
		t.Fatal("good signature refused")
	}
	for i := range good.Body {
		for bit := range 8 {
			c := good
			c.Body = bytes.Clone(good.Body)
			c.Body[i] ^= 1 << bit
			if code.VerifySig(issuerPublic(), code.AlgEd25519, c) {
				t.Fatalf("body octet %d, bit %d is not covered", i, bit)
			}
		}
	}
	for bit := range 32 {
		c := good
		c.Key ^= 1 << bit
		if code.VerifySig(issuerPublic(), code.AlgEd25519, c) {
			t.Fatalf("key bit %d is not covered", bit)
		}
	}
	for i := range good.Sig {
		for bit := range 8 {
			c := good
			c.Sig = bytes.Clone(good.Sig)
			c.Sig[i] ^= 1 << bit
			if code.VerifySig(issuerPublic(), code.AlgEd25519, c) {
				t.Fatalf("signature octet %d, bit %d is malleable", i, bit)
			}
		}
	}
	if code.VerifySig(issuerPublic(), code.AlgEd25519, unsigned(good)) {
		t.Error("no signature is a good signature")
	}
	if code.VerifySig(issuerPublic(), code.AlgES256, good) || code.VerifySig(issuerPublic(), -48, good) {
		t.Error("the algorithm does not matter")
	}
}

func TestES256(t *testing.T) {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := priv.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	c := mint(t, false, lampClaims(), true)
	for range 20 { // r and s are shorter than 32 octets now and then
		if c.Sig, err = code.Sign(priv, code.AlgES256, sampleKey, c.Body); err != nil {
			t.Fatal(err)
		}
		if len(c.Sig) != code.SigSize || !code.VerifySig(pub, code.AlgES256, c) {
			t.Fatalf("own signature %x refused", c.Sig)
		}
	}
	c.Key++
	if code.VerifySig(pub, code.AlgES256, c) || code.VerifySig(pub[1:], code.AlgES256, c) {
		t.Error("another key row's signature accepted")
	}
	c.Sig = make([]byte, code.SigSize)
	if code.VerifySig(pub, code.AlgES256, c) {
		t.Error("r = s = 0 accepted")
	}
}

func TestSignRefuses(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := code.Sign(issuerKey, code.AlgES256, 1, nil); err == nil {
		t.Error("an Ed25519 key signs ES256")
	}
	if _, err := code.Sign(p384, code.AlgES256, 1, nil); err == nil {
		t.Error("a P-384 key signs ES256")
	}
	if _, err := code.Sign(issuerKey, -48, 1, nil); !errors.Is(err, code.ErrAlgorithm) {
		t.Errorf("an algorithm that is not there: %v", err)
	}
}

// TestWeakKeys gives keys under which ed25519.Verify panics or proves nothing.
func TestWeakKeys(t *testing.T) {
	const y8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
	const z8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
	weak := []string{
		"", "00", y8[2:], y8 + "00",
		"0100000000000000000000000000000000000000000000000000000000000000", // identity
		"0100000000000000000000000000000000000000000000000000000000000080",
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0000000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		y8, y8[:62] + "fa", z8, z8[:62] + "85", // order 8
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, which is 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 2^255 - 1
	}
	c := mint(t, false, lampClaims(), true)
	c.Sig = append([]byte{1}, make([]byte, 63)...) // R the identity, S = 0: good for a key of order 1
	p := present(t, nil)
	p.Sig = c.Sig
	for _, s := range weak {
		key, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if code.CheckKey(key, code.AlgEd25519) == nil || code.CheckKey(key, code.AlgES256) == nil {
			t.Errorf("key %q is taken", s)
		}
		if code.VerifySig(key, code.AlgEd25519, c) || code.VerifySig(key, code.AlgES256, c) || p.Verify(key) {
			t.Errorf("key %q proves something", s)
		}
	}
	if err := code.CheckKey(issuerPublic(), code.AlgEd25519); err != nil {
		t.Errorf("good key: %v", err)
	}
	if err := code.CheckKey(issuerPublic(), -48); !errors.Is(err, code.ErrAlgorithm) {
		t.Errorf("algorithm of another build: %v", err)
	}
}
