package code_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"citygate/trust/code"
)

// Keys of the tests and of the published vectors.
var (
	issuerKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x01}, ed25519.SeedSize))
	holderKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x02}, ed25519.SeedSize))
)

const (
	sampleKey   = 7
	sampleIndex = 74565
	sampleHost  = "ID.SJZ.EXAMPLE"
)

// samplePath is a path of 8 made-up siblings.
func samplePath() []byte {
	var path []byte
	for i := range byte(code.PathHashes) {
		h := sha256.Sum256([]byte{i})
		path = append(path, h[:]...)
	}
	return path
}

// lampClaims are those of a street lamp.
func lampClaims() code.Claims {
	return code.Claims{
		Nodes: "156.1301.01", Object: "LAMP.000421", Kind: code.KindStreetAsset,
		NotAfter: 1893456000, Issued: 1767225600, Salt: []byte("saltsalt"),
	}
}

// permitClaims are those of a person's permit, with every claim there is.
func permitClaims() code.Claims {
	return code.Claims{
		Nodes: "156.1301.02", Object: "PERMIT.0007", Kind: code.KindPermit,
		NotAfter: 1893456000, NotBefore: 1767225600, Issued: 1767225600,
		Salt: []byte("0123456789abcdef"), Holder: holderKey.Public().(ed25519.PublicKey),
		Places: []string{"MA.156.1301.02"}, Language: "zh-CN",
	}
}

// mint makes a code with a good signature of issuerKey.
func mint(t testing.TB, personal bool, c code.Claims, sealed bool) code.Code {
	t.Helper()
	body, err := code.EncodeBody(personal, c)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := code.Sign(issuerKey, code.AlgEd25519, sampleKey, body)
	if err != nil {
		t.Fatal(err)
	}
	out := code.Code{Key: sampleKey, Body: body, Index: sampleIndex, Sig: sig}
	if sealed {
		out.Path = samplePath()
	}
	return out
}

func unsigned(c code.Code) code.Code {
	c.Sig = nil
	return c
}

func marshal(t testing.TB, c code.Code) []byte {
	t.Helper()
	b, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(t testing.TB, c code.Code) string {
	t.Helper()
	s, err := code.Text(sampleHost, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func present(t testing.TB, nonce []byte) code.Presented {
	t.Helper()
	p, err := code.Present(holderKey, unsigned(mint(t, true, permitClaims(), true)), 1767225660, nonce)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// samples is one code of each form.
func samples(t testing.TB) map[string]code.Code {
	lamp, permit := lampClaims(), permitClaims()
	return map[string]code.Code{
		"lamp sealed signed":     mint(t, false, lamp, true),
		"lamp sealed":            unsigned(mint(t, false, lamp, true)),
		"lamp fresh":             mint(t, false, lamp, false),
		"permit sealed":          unsigned(mint(t, true, permit, true)),
		"permit fresh":           mint(t, true, permit, false),
		"city without an object": mint(t, false, code.Claims{Nodes: "156.1301"}, true),
	}
}
