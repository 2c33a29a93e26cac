package code_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"citygate/trust/code"
)

// The documentation's test vectors stand in fenced blocks of these files, one
// "name value" a line. The second file takes over when the parts are joined.
var vectorFiles = []string{"../../docs/formats/code.md", "../../docs/formats.md"}

const vectorFence = "```vectors-code\n"

// documented reads the vectors that a reader of the documentation sees.
func documented(t *testing.T) map[string]string {
	t.Helper()
	for _, name := range vectorFiles {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, ok := strings.Cut(string(raw), vectorFence)
		if !ok {
			continue
		}
		block, _, _ := strings.Cut(rest, "```")
		out := map[string]string{}
		for line := range strings.Lines(block) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
			if !ok {
				t.Fatalf("vector line %q", line)
			}
			out[name] = value
		}
		return out
	}
	t.Fatalf("no %q in %v", strings.TrimSpace(vectorFence), vectorFiles)
	return nil
}

// repeatable signs as RFC 6979 says, so that the vector is the same each time.
type repeatable struct{ *ecdsa.PrivateKey }

func (r repeatable) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return r.PrivateKey.Sign(nil, digest, o)
}

func p256Key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(strings.Repeat("\x03", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// vectors makes the vectors anew.
func vectors(t *testing.T) map[string]string {
	out := map[string]string{}
	put := func(name string, b []byte) { out[name] = hex.EncodeToString(b) }
	p256 := p256Key(t)
	p256Public, err := p256.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	put("issuer.seed", issuerKey.Seed())
	put("issuer.public", issuerPublic())
	put("issuer-p256.public", p256Public)
	put("holder.seed", holderKey.Seed())
	put("holder.public", holderKey.Public().(ed25519.PublicKey))
	put("path", samplePath())

	lamp, permit := mint(t, false, lampClaims(), true), unsigned(mint(t, true, permitClaims(), true))
	city := mint(t, false, code.Claims{Nodes: "156.1301"}, true)
	es256 := lamp
	if es256.Sig, err = code.Sign(repeatable{p256}, code.AlgES256, sampleKey, lamp.Body); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]code.Code{
		"lamp": lamp, "lamp-unsigned": unsigned(lamp), "lamp-fresh": mint(t, false, lampClaims(), false),
		"lamp-es256": es256, "permit": permit, "city": city,
	} {
		put(name+".code", marshal(t, c))
		out[name+".text"] = text(t, c)
	}
	for name, c := range map[string]code.Code{"lamp": lamp, "permit": permit, "city": city} {
		leaf := c.LeafHash()
		put(name+".body", c.Body)
		put(name+".entry", c.Entry())
		put(name+".leaf", leaf[:])
		put(name+".subtree", climb(leaf, c.Index, c.Path))
	}
	put("lamp.signed", code.SigStructure(lamp.Body, sampleKey, code.AlgEd25519))
	put("lamp-es256.signed", code.SigStructure(lamp.Body, sampleKey, code.AlgES256))
	b, err := lamp.COSESign1(code.AlgEd25519)
	if err != nil {
		t.Fatal(err)
	}
	put("lamp.cose-sign1", b)
	shown := present(t, nonce)
	if b, err = shown.Marshal(); err != nil {
		t.Fatal(err)
	}
	put("permit-shown.code", b)
	if out["permit-shown.text"], err = code.PresentedText(sampleHost, shown); err != nil {
		t.Fatal(err)
	}
	return out
}

// climb follows a path from a leaf, by the text of RFC 9162, 2.1.1.
func climb(leaf [32]byte, index uint64, path []byte) []byte {
	h := leaf[:]
	for ; len(path) > 0; path = path[32:] {
		pair := append(append([]byte{1}, h...), path[:32]...)
		if index%2 == 1 {
			pair = append(append([]byte{1}, path[:32]...), h...)
		}
		sum := sha256.Sum256(pair)
		h, index = sum[:], index/2
	}
	return h
}

func TestVectors(t *testing.T) {
	want, got := vectors(t), documented(t)
	if maps.Equal(want, got) {
		return
	}
	var block strings.Builder
	for _, name := range slices.Sorted(maps.Keys(want)) {
		fmt.Fprintln(&block, name, want[name])
		if got[name] != want[name] {
			t.Errorf("vector %s differs", name)
		}
	}
	t.Errorf("the documentation should say:\n%s%s```", vectorFence, block.String())
}

// TestVectorsParse reads the documented vectors, not those made here.
func TestVectorsParse(t *testing.T) {
	v := documented(t)
	bytesOf := func(name string) []byte {
		b, err := hex.DecodeString(v[name])
		if err != nil || len(b) == 0 {
			t.Fatalf("vector %s: %v", name, err)
		}
		return b
	}
	for name, s := range v {
		name, ok := strings.CutSuffix(name, ".text")
		if !ok {
			continue
		}
		p, err := code.ParseText(s)
		if err != nil || !p.PathMatches() {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Presented != nil {
			if !p.Presented.Verify(bytesOf("holder.public")) {
				t.Errorf("%s: holder's signature", name)
			}
		} else if got, err := p.Code.Marshal(); err != nil || hex.EncodeToString(got) != v[name+".code"] {
			t.Errorf("%s: bytes %x, %v", name, got, err)
		}
		pub, alg := bytesOf("issuer.public"), code.AlgEd25519
		if strings.Contains(name, "es256") {
			pub, alg = bytesOf("issuer-p256.public"), code.AlgES256
		}
		if len(p.Code.Sig) > 0 && !code.VerifySig(pub, alg, p.Code) {
			t.Errorf("%s: signature", name)
		}
	}
}
