package cose_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"citygate/internal/cose"
	"github.com/fxamacker/cbor/v2"
	peer "github.com/veraison/go-cose"
)

// sample is a signed message with a known key.
func sample(t testing.TB, payload []byte) (cose.Sign1, ed25519.PublicKey) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	protected, err := cose.Encode(map[int64]any{cose.Algorithm: -8, cose.KeyID: []byte{0, 0, 0, 3}})
	if err != nil {
		t.Fatal(err)
	}
	s := cose.Sign1{Protected: protected, Payload: payload, Unprotected: map[int64]cbor.RawMessage{500: {0x01}}}
	tbs, err := s.ToBeSigned([]byte("external"), payload)
	if err != nil {
		t.Fatal(err)
	}
	s.Signature = ed25519.Sign(priv, tbs)
	return s, pub
}

// go-cose reads our messages and finds their signatures right.
func TestGoCOSEReadsOurs(t *testing.T) {
	s, pub := sample(t, []byte("payload"))
	raw, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var m peer.Sign1Message
	if err := m.UnmarshalCBOR(raw); err != nil {
		t.Fatal(err)
	}
	v, err := peer.NewVerifier(peer.AlgorithmEdDSA, pub)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify([]byte("external"), v); err != nil {
		t.Error(err)
	}
	if err := m.Verify([]byte("other"), v); err == nil {
		t.Error("verified under other external data")
	}
}

func TestMangledMessages(t *testing.T) {
	s, _ := sample(t, nil)
	raw, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cose.Parse(raw); err != nil || got.Payload != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range raw {
		if _, err := cose.Parse(raw[:i]); err == nil {
			t.Errorf("took the first %d bytes", i)
		}
	}
	for _, bad := range [][]byte{append(raw, 0), raw[1:], append([]byte{0xd2, 0x9f}, raw[2:]...), {0xd2, 0x80}, {0xd2, 0x84, 0x40, 0xa0, 0xf6}} {
		if _, err := cose.Parse(bad); err == nil {
			t.Errorf("took %x", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, payload := range [][]byte{nil, {}, []byte("payload")} {
		s, _ := sample(f, payload)
		raw, err := s.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := cose.Parse(b)
		if err != nil {
			return
		}
		if again, err := s.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x became %x, %v", b, again, err)
		}
	})
}
