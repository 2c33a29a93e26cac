package code_test

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/hex"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"citygate/trust/code"
)

// This file holds signatures to other people's vectors, which are read where
// the Go distribution keeps them, and to the edge cases that C2SP's wycheproof
// collects, which are made here from their definitions.

// goFile opens a file of the Go distribution's sources.
func goFile(t *testing.T, path string) io.Reader {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no go command to find the vectors with")
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(root)), "src", path))
	if err != nil {
		t.Skip("the Go distribution here has no test vectors")
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEd25519Authors checks the vectors of the algorithm's authors: lines of
// secret key, public key, message, signature with message.
func TestEd25519Authors(t *testing.T) {
	z, err := gzip.NewReader(goFile(t, "crypto/ed25519/testdata/sign.input.gz"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		part := strings.Split(lines.Text(), ":")
		pub, message, sig := unhex(t, part[1]), unhex(t, part[2]), unhex(t, part[3])[:code.SigSize]
		if !code.VerifyMessage(pub, code.AlgEd25519, message, sig) {
			t.Errorf("vector %d refused", n)
		}
		sig[n%code.SigSize] ^= 1
		if code.VerifyMessage(pub, code.AlgEd25519, message, sig) {
			t.Errorf("vector %d accepted with a changed signature", n)
		}
	}
	if n < 100 {
		t.Errorf("%d vectors", n)
	}
}

// TestP256NIST checks NIST's SigVer vectors for P-256 with SHA-256.
func TestP256NIST(t *testing.T) {
	lines := bufio.NewScanner(bzip2.NewReader(goFile(t, "crypto/ecdsa/testdata/SigVer.rsp.bz2")))
	in, n := false, 0
	v := map[string]string{}
	pad := func(s string) []byte { return unhex(t, strings.Repeat("0", 64-len(s))+s) }
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			in = line == "[P-256,SHA-256]"
			continue
		}
		key, value, ok := strings.Cut(line, " = ")
		if !in || !ok {
			continue
		}
		v[key] = value
		if key != "Result" {
			continue
		}
		n++
		pub := append(append([]byte{4}, pad(v["Qx"])...), pad(v["Qy"])...)
		sig := append(pad(v["R"]), pad(v["S"])...)
		if got := code.VerifyMessage(pub, code.AlgES256, unhex(t, v["Msg"]), sig); got != strings.HasPrefix(value, "P") {
			t.Errorf("vector %d: %v, want %s", n, got, value)
		}
	}
	if n < 10 {
		t.Errorf("%d vectors", n)
	}
}

// addLittleEndian adds b to a number of 32 octets.
func addLittleEndian(a []byte, b *big.Int) []byte {
	n := new(big.Int).Add(new(big.Int).SetBytes(reversed(a)), b)
	return reversed(n.FillBytes(make([]byte, 32)))
}

func reversed(b []byte) []byte {
	out := bytes.Clone(b)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// TestEd25519Malleability changes a good signature to values that stand for
// the same numbers.
func TestEd25519Malleability(t *testing.T) {
	// The order of the base point, RFC 8032, 5.1.
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	message := []byte("message")
	sig := ed25519.Sign(issuerKey, message)
	r, s := sig[:32], sig[32:]
	if !code.VerifyMessage(issuerPublic(), code.AlgEd25519, message, sig) {
		t.Fatal("good signature refused")
	}
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	for name, bad := range map[string][]byte{
		"S + L":            append(bytes.Clone(r), addLittleEndian(s, order)...),
		"S + 2L":           append(bytes.Clone(r), addLittleEndian(s, new(big.Int).Lsh(order, 1))...),
		"S of L":           append(bytes.Clone(r), addLittleEndian(make([]byte, 32), order)...),
		"S of 0":           append(bytes.Clone(r), make([]byte, 32)...),
		"S with a top bit": append(bytes.Clone(sig[:63]), sig[63]|0x80),
		"R of 0":           append(make([]byte, 32), s...),
		"R of p":           append(addLittleEndian(make([]byte, 32), prime), s...),
		"R with sign":      append(append(bytes.Clone(r[:31]), r[31]^0x80), s...),
		"all FF":           bytes.Repeat([]byte{0xff}, 64),
		"empty":            {},
		"63 octets":        sig[:63],
		"65 octets":        append(bytes.Clone(sig), 0),
	} {
		if code.VerifyMessage(issuerPublic(), code.AlgEd25519, message, bad) {
			t.Errorf("%s accepted", name)
		}
	}
}

func TestES256EdgeCases(t *testing.T) {
	priv := p256Key(t)
	pub, err := priv.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	body := lampClaimsBody(t)
	sig, err := code.Sign(repeatable{priv}, code.AlgES256, sampleKey, body)
	if err != nil {
		t.Fatal(err)
	}
	message := code.SigStructure(body, sampleKey, code.AlgES256)
	n := elliptic.P256().Params().N
	fixed := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	one, zero := big.NewInt(1), new(big.Int)
	for name, bad := range map[string][]byte{
		"r of 0": fixed(zero, s), "s of 0": fixed(r, zero), "both 0": fixed(zero, zero),
		"r of 1": fixed(one, s), "s of 1": fixed(r, one), "both 1": fixed(one, one),
		"r of n": fixed(n, s), "s of n": fixed(r, n), "swapped": fixed(s, r),
		"all FF": bytes.Repeat([]byte{0xff}, 64), "short": sig[:63], "empty": {},
	} {
		if code.VerifyMessage(pub, code.AlgES256, message, bad) {
			t.Errorf("%s accepted", name)
		}
	}
	compressed := append([]byte{2 | pub[64]&1}, pub[1:33]...)
	offCurve := bytes.Clone(pub)
	offCurve[64] ^= 1
	for name, key := range map[string][]byte{
		"compressed": compressed, "off the curve": offCurve, "infinity": {0}, "empty": {},
		"hybrid": append([]byte{6}, pub[1:]...), "trailing": append(bytes.Clone(pub), 0),
		"zeros": append([]byte{4}, make([]byte, 64)...),
	} {
		if code.VerifyMessage(key, code.AlgES256, message, sig) || code.CheckKey(key, code.AlgES256) == nil {
			t.Errorf("%s key is taken", name)
		}
	}
}

func lampClaimsBody(t *testing.T) []byte { return mint(t, false, lampClaims(), true).Body }
