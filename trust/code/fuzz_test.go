package code_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"citygate/trust/code"
)

// strict is the peer codec with the limits of the formats. It does not ask for
// shortest heads; encoding again does.
func strict(t testing.TB) cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4, MaxArrayElements: 16, MaxMapPairs: 16,
	}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

// peerAccepts says that the peer codec reads b and encodes it again to b.
func peerAccepts(t testing.TB, b []byte) bool {
	var v any
	if err := strict(t).Unmarshal(b, &v); err != nil {
		return false
	}
	return bytes.Equal(deterministic(t, v), b)
}

func onlyKinds(t testing.TB, err error) {
	if !errors.Is(err, code.ErrForeign) && !errors.Is(err, code.ErrUnsupported) && !errors.Is(err, code.ErrMalformed) {
		t.Fatalf("error of no kind: %v", err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, c := range samples(f) {
		f.Add(marshal(f, c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := code.Unmarshal(b)
		if err != nil {
			onlyKinds(t, err)
			return
		}
		if again, err := c.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x encodes again to %x, %v", b, again, err)
		}
		if !peerAccepts(t, b[1:]) || !peerAccepts(t, c.Body[1:]) {
			t.Fatalf("the peer does not take %x", b)
		}
		code.VerifySig(issuerPublic(), code.AlgEd25519, c)
		c.LeafHash()
	})
}

func FuzzClaims(f *testing.F) {
	for _, c := range samples(f) {
		f.Add(c.Body)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		claims, err := claimsOf(b)
		if err != nil {
			onlyKinds(t, err)
			return
		}
		if !peerAccepts(t, b[1:]) {
			t.Fatalf("the peer does not take %x", b)
		}
		again, err := code.EncodeBody(b[0] == code.TypePersonal, claims)
		if err != nil {
			return // characters that we do not issue
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x encodes again to %x", b, again)
		}
		if back, err := claimsOf(again); err != nil || !reflect.DeepEqual(back, claims) {
			t.Fatalf("%+v comes back as %+v, %v", claims, back, err)
		}
	})
}

func FuzzParseText(f *testing.F) {
	for _, c := range samples(f) {
		f.Add(text(f, c))
	}
	shown, err := code.PresentedText(sampleHost, present(f, nonce))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(shown)
	f.Add("https://example.com/")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := code.ParseText(s)
		if err != nil {
			onlyKinds(t, err)
			return
		}
		again, err := p.Encode()
		if err != nil {
			return // a path that we do not issue
		}
		if again != s {
			t.Fatalf("%q encodes again to %q", s, again)
		}
		if p.PathMatches() && p.ID().IsZero() {
			t.Fatalf("%q names nothing", s)
		}
	})
}

func FuzzDigits(f *testing.F) {
	f.Add("00000000000000000255")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := code.DecodeDigits(s)
		if err == nil && code.EncodeDigits(b) != s {
			t.Fatalf("%q is %x, which is %q", s, b, code.EncodeDigits(b))
		}
	})
}

func FuzzPresented(f *testing.F) {
	b, err := present(f, nonce).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := code.UnmarshalPresented(b)
		if err != nil {
			onlyKinds(t, err)
			return
		}
		if again, err := p.Marshal(); err != nil || !bytes.Equal(again, b) || !peerAccepts(t, b[1:]) {
			t.Fatalf("%x encodes again to %x, %v", b, again, err)
		}
		p.Verify(issuerPublic())
	})
}
