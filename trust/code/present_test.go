package code_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math"
	"strings"
	"testing"

	"citygate/trust/code"
)

var nonce = []byte("nonce-01")

func TestPresentedRoundTrip(t *testing.T) {
	for _, n := range [][]byte{nil, nonce, bytes.Repeat(nonce, 2)} {
		p := present(t, n)
		if !p.Verify(holderKey.Public().(ed25519.PublicKey)) || p.Verify(issuerPublic()) {
			t.Fatal("holder's signature")
		}
		s, err := code.PresentedText(sampleHost, p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := code.ParseText(s)
		if err != nil || got.Presented == nil {
			t.Fatalf("%+v, %v", got, err)
		}
		if !bytes.Equal(got.Presented.Nonce, n) || got.Presented.At != p.At || got.Presented.ID() != p.ID() {
			t.Errorf("%+v comes back as %+v", p, *got.Presented)
		}
		if again, err := got.Encode(); err != nil || again != s {
			t.Errorf("encodes again to %q, %v", again, err)
		}
		if !got.PathMatches() || !got.Code.Personal() {
			t.Errorf("path %q", got.Path)
		}
	}
}

func TestPresentedManglings(t *testing.T) {
	p := present(t, nonce)
	good, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	holder := holderKey.Public().(ed25519.PublicKey)
	for i := range good {
		if _, err := code.UnmarshalPresented(good[:i]); err == nil {
			t.Fatalf("the first %d octets are accepted", i)
		}
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			got, err := code.UnmarshalPresented(bad)
			if err != nil {
				continue
			}
			if got.Verify(holder) {
				t.Fatalf("octet %d, bit %d is not covered", i, bit)
			}
			if again, err := got.Marshal(); err != nil || !bytes.Equal(again, bad) {
				t.Fatalf("octet %d, bit %d is malleable: %v", i, bit, err)
			}
		}
	}
}

func TestUnmarshalPresentedRefuses(t *testing.T) {
	p := present(t, nonce)
	lamp := marshal(t, mint(t, false, lampClaims(), true))
	whole, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	array := func(items ...any) []byte { return append([]byte{code.Version2}, deterministic(t, items)...) }
	for name, b := range map[string][]byte{
		"nothing":          {},
		"a C1":             p.Code,
		"2 items":          array(p.Code, p.Sig),
		"5 items":          array(p.Code, p.At, nonce, p.Sig, 1),
		"short nonce":      array(p.Code, p.At, nonce[:7], p.Sig),
		"long nonce":       array(p.Code, p.At, make([]byte, 17), p.Sig),
		"empty nonce":      array(p.Code, p.At, []byte{}, p.Sig),
		"negative time":    array(p.Code, -1, nonce, p.Sig),
		"time of 2^63":     array(p.Code, uint64(1)<<63, nonce, p.Sig),
		"short signature":  array(p.Code, p.At, nonce, p.Sig[:63]),
		"no holder":        array(lamp, p.At, nonce, p.Sig),
		"code without C1":  array(p.Code[1:], p.At, nonce, p.Sig),
		"C2 inside":        array(whole, p.At, nonce, p.Sig),
		"C3 inside":        array(append([]byte{0xC3}, p.Code[1:]...), p.At, nonce, p.Sig),
		"two codes":        array(append(bytes.Clone(p.Code), p.Code...), p.At, nonce, p.Sig),
		"empty code":       array([]byte{}, p.At, nonce, p.Sig),
		"octet behind":     append(bytes.Clone(whole), 0),
		"641 octets":       append(bytes.Clone(whole), make([]byte, 641-len(whole))...),
		"indefinite array": append(append([]byte{code.Version2, 0x9f}, whole[2:]...), 0xff),
	} {
		_, err := code.UnmarshalPresented(b)
		if !errors.Is(err, code.ErrMalformed) || errors.Is(err, code.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
		if len(b) < 100 || b[0] != code.Version2 {
			continue
		}
		s := "HTTPS://" + sampleHost + "/156.1301.02/P#" + code.EncodeDigits(b)
		if _, err := code.ParseText(s); !errors.Is(err, code.ErrMalformed) {
			t.Errorf("%s as a text: %v", name, err)
		}
	}
}

func TestPresentRefuses(t *testing.T) {
	c := unsigned(mint(t, true, permitClaims(), true))
	if _, err := code.Present(issuerKey, c, 1, nil); err == nil {
		t.Error("another key presents")
	}
	if _, err := code.Present(nil, c, 1, nil); err == nil {
		t.Error("no key presents")
	}
	if _, err := code.Present(holderKey, mint(t, false, lampClaims(), true), 1, nil); err == nil {
		t.Error("a code without a holder is presented")
	}
	if _, err := code.Present(holderKey, code.Code{Body: c.Body}, 1, nil); err == nil {
		t.Error("a code that is none is presented")
	}
	for _, p := range []struct {
		at    int64
		nonce []byte
	}{{-1, nil}, {1, []byte("short")}, {1, make([]byte, 17)}} {
		presented, err := code.Present(holderKey, c, p.at, p.nonce)
		if err != nil {
			continue
		}
		if s, err := code.PresentedText(sampleHost, presented); err == nil {
			t.Errorf("at %d with nonce %x: %q", p.at, p.nonce, s)
		}
	}
}

// TestLargestTexts fills all limits at once: what is allowed fits the text.
func TestLargestTexts(t *testing.T) {
	claims := permitClaims()
	for n := 1; ; n++ {
		claims.Places = append(claims.Places, "MA.156.1301.02")
		body, err := code.EncodeBody(true, claims)
		if err != nil {
			t.Fatal("the code never got too long")
		}
		c := code.Code{Key: math.MaxUint32, Body: body, Index: code.MaxIndex - 1, Path: samplePath()}
		p, err := code.Present(holderKey, c, math.MaxInt64, make([]byte, 16))
		if err != nil {
			if n == 1 {
				t.Fatal(err)
			}
			return
		}
		s, err := code.PresentedText("ID."+strings.Repeat("A", 40)+".EXAMPLE", p)
		if err != nil {
			t.Fatalf("%d places: %v", n, err)
		}
		if _, err := code.ParseText(s); err != nil {
			t.Fatalf("%d places: %v", n, err)
		}
	}
}
