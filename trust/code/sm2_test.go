package code_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"citygate/trust/code"
)

const sm2UserID = "1234567812345678" // docs/formats/code.md

func sm2Key(t *testing.T) (*sm2.PrivateKey, []byte) {
	t.Helper()
	priv, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return priv, point(&priv.PublicKey)
}

func point(pub *ecdsa.PublicKey) []byte {
	key, err := sm2.PublicKeyToECDH(pub)
	if err != nil {
		panic(err) // a key of this test's own making
	}
	return key.Bytes()
}

// TestSM2Standard checks the example of GB/T 32918.5-2017, A.2: the recommended curve, and the same user ID as ours.
func TestSM2Standard(t *testing.T) {
	pub := unhex(t, "04"+
		"09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"+
		"ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13")
	sig := unhex(t, "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"+
		"b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa")
	if !code.VerifyMessage(pub, code.AlgSM2, []byte("message digest"), sig) {
		t.Error("the standard's example is refused")
	}
	for i := range sig {
		bad := bytes.Clone(sig)
		bad[i] ^= 0x10
		if code.VerifyMessage(pub, code.AlgSM2, []byte("message digest"), bad) {
			t.Errorf("accepted with octet %d of the signature changed", i)
		}
	}
}

func TestSM2(t *testing.T) {
	priv, pub := sm2Key(t)
	c := mint(t, false, lampClaims(), true)
	var err error
	for range 20 { // r and s are shorter than 32 octets now and then
		if c.Sig, err = code.Sign(priv, code.AlgSM2, sampleKey, c.Body); err != nil {
			t.Fatal(err)
		}
		if len(c.Sig) != code.SigSize || !code.VerifySig(pub, code.AlgSM2, c) {
			t.Fatalf("own signature %x refused", c.Sig)
		}
	}
	if !code.Supported(code.AlgSM2) || code.AlgSM2 >= -65536 {
		t.Error("the algorithm's number is not one of private use, or not supported")
	}
	other := c
	other.Key++
	if code.VerifySig(pub, code.AlgSM2, other) || code.VerifySig(pub, code.AlgES256, c) {
		t.Error("another key row's or algorithm's signature accepted")
	}
	other = c
	other.Sig = make([]byte, code.SigSize)
	if code.VerifySig(pub, code.AlgSM2, other) {
		t.Error("r = s = 0 accepted")
	}
	if _, err := code.Sign(priv, code.AlgES256, 1, c.Body); err == nil {
		t.Error("an SM2 key signs ES256")
	}
	if _, err := code.Sign(issuerKey, code.AlgSM2, 1, c.Body); err == nil {
		t.Error("an Ed25519 key signs SM2")
	}
}

func TestSM2WeakKeys(t *testing.T) {
	priv, pub := sm2Key(t)
	c := mint(t, false, lampClaims(), true)
	var err error
	if c.Sig, err = code.Sign(priv, code.AlgSM2, sampleKey, c.Body); err != nil {
		t.Fatal(err)
	}
	offCurve, beyond := bytes.Clone(pub), bytes.Clone(pub)
	offCurve[64] ^= 1
	x := new(big.Int).Add(priv.X, sm2.P256().Params().P)
	if x.BitLen() <= 256 { // the same coordinate in another form
		x.FillBytes(beyond[1:33])
	} else {
		copy(beyond[1:33], bytes.Repeat([]byte{0xff}, 32))
	}
	for _, bad := range [][]byte{nil, {4}, pub[1:], append(bytes.Clone(pub), 0), append([]byte{2}, pub[1:33]...), make([]byte, 65),
		append([]byte{4}, make([]byte, 64)...), offCurve, beyond, append([]byte{6}, pub[1:]...)} {
		if code.CheckKey(bad, code.AlgSM2) == nil || code.VerifySig(bad, code.AlgSM2, c) {
			t.Errorf("key %x is taken", bad)
		}
	}
	if err := code.CheckKey(pub, code.AlgSM2); err != nil {
		t.Errorf("good key: %v", err)
	}
}

// TestSM2OpenSSL lets OpenSSL check what we sign, and checks what it signs.
func TestSM2OpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: SM2 has no peer here")
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) ([]byte, error) { return exec.Command(openssl, args...).CombinedOutput() }
	if out, err := run("genpkey", "-algorithm", "SM2", "-out", path("key.pem")); err != nil {
		t.Skipf("this openssl has no SM2: %s", out)
	}
	c := mint(t, false, lampClaims(), true)
	write := func(name string, b []byte) {
		if err := os.WriteFile(path(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("message", code.SigStructure(c.Body, c.Key, code.AlgSM2))
	how := []string{"-in", path("message"), "-rawin", "-digest", "sm3", "-pkeyopt", "distid:" + sm2UserID}

	// Theirs.
	der, err := exec.Command(openssl, "pkey", "-in", path("key.pem"), "-pubout", "-outform", "DER").Output()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run(append([]string{"pkeyutl", "-sign", "-inkey", path("key.pem"), "-out", path("sig")}, how...)...); err != nil {
		t.Fatalf("openssl signs: %s", out)
	}
	raw, err := os.ReadFile(path("sig"))
	if err != nil {
		t.Fatal(err)
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(raw, &sig); err != nil {
		t.Fatal(err)
	}
	c.Sig = append(sig.R.FillBytes(make([]byte, 32)), sig.S.FillBytes(make([]byte, 32))...)
	if !code.VerifySig(der[len(der)-65:], code.AlgSM2, c) {
		t.Error("openssl's signature is refused")
	}

	// Ours.
	priv, pub := sm2Key(t)
	if c.Sig, err = code.Sign(priv, code.AlgSM2, c.Key, c.Body); err != nil {
		t.Fatal(err)
	}
	spki, err := asn1.Marshal(struct {
		Algorithm []asn1.ObjectIdentifier
		Key       asn1.BitString
	}{[]asn1.ObjectIdentifier{{1, 2, 840, 10045, 2, 1}, {1, 2, 156, 10197, 1, 301}}, asn1.BitString{Bytes: pub, BitLength: 8 * len(pub)}})
	if err != nil {
		t.Fatal(err)
	}
	write("pub.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	ours, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(c.Sig[:32]), new(big.Int).SetBytes(c.Sig[32:])})
	if err != nil {
		t.Fatal(err)
	}
	write("ours", ours)
	verify := append([]string{"pkeyutl", "-verify", "-pubin", "-inkey", path("pub.pem"), "-sigfile", path("ours")}, how...)
	if out, err := run(verify...); err != nil {
		t.Errorf("openssl refuses our signature: %s", out)
	}
	write("message", []byte("another message"))
	if _, err := run(verify...); err == nil {
		t.Error("openssl takes our signature for another message")
	}
}
