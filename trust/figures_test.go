package trust_test

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"citygate/internal/figures"
	"citygate/trust"
	"citygate/trust/code"
	"citygate/trust/ledger"
)

var figuresFile = flag.String("figures", "", "measure the figures of this package and append them to this file as JSON lines")

// TestFigures measures only where it is asked to:
//
//	go test ./trust -run Figures -figures trust.jsonl
func TestFigures(t *testing.T) {
	f := figures.Open(t, *figuresFile)
	signed := paired(t, verdicts(t, true), ed25519Peer(t))
	ours, health, status := verdicts(t, false), healthPeer(t), statuses(t)
	sealed := paired(t, ours, health)
	hundred := paired(t, func() {
		for range 100 {
			status()
		}
	}, ours)
	const hcert = "Base45, zlib, CBOR, ES256"
	f.Add(figures.Figure{Figure: "verdict_sealed_signed_us", Value: signed.ours, Unit: "us", Peer: "crypto/ed25519.Verify", PeerValue: signed.peer})
	f.Add(figures.Figure{Figure: "verdict_sealed_signed_ratio", Value: signed.ratio, Unit: "x"})
	f.Add(figures.Figure{Figure: "verdict_sealed_us", Value: sealed.ours, Unit: "us", Peer: hcert, PeerValue: sealed.peer})
	f.Add(figures.Figure{Figure: "verdict_sealed_allocs", Value: testing.AllocsPerRun(1000, ours), Unit: "allocs", Peer: hcert,
		PeerValue: testing.AllocsPerRun(1000, health)})
	f.Add(figures.Figure{Figure: "status_ns", Value: hundred.ours * 1000 / 100, Unit: "ns"})
}

// verdicts checks distinct codes from text, one at each call.
func verdicts(t testing.TB, signed bool) func() {
	texts, v := benchTexts(t, signed)
	p := trust.DefaultPolicy()
	m := trust.Moment{Now: v.Log(ledger.DirectoryLog).Time, Synced: true}
	i := 0
	return func() {
		if got := trust.Check(texts[i%len(texts)], v, p, m); got.Reason != trust.Valid {
			t.Fatal(got.Reason)
		}
		i++
	}
}

// ed25519Peer verifies distinct messages of a code's size, one at each call.
func ed25519Peer(t testing.TB) func() {
	pub := holderKey.Public().(ed25519.PublicKey)
	messages, sigs := make([][]byte, 1024), make([][]byte, 1024)
	for i := range messages {
		messages[i] = code.SigStructure(make([]byte, 80), uint32(i), code.AlgEd25519)
		sigs[i] = ed25519.Sign(holderKey, messages[i])
	}
	i := 0
	return func() {
		if !ed25519.Verify(pub, messages[i%1024], sigs[i%1024]) {
			t.Fatal("refused")
		}
		i++
	}
}

// statuses asks for one status out of 11 million records, 1 % of them revoked.
func statuses(t testing.TB) func() {
	const records = 11_000_000
	var entries [][]byte
	for i := uint64(0); i < records; i += 100 {
		b, err := ledger.StatusEntry{Index: i, Status: ledger.Revoked, Time: 1}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, b)
	}
	set := new(ledger.StatusSet).With(entries)
	at := uint64(0)
	return func() {
		at = (at + 7919*997) % records
		if got := set.Of(at); (got == ledger.Revoked) != (at%100 == 0) {
			t.Fatal(at, got)
		}
	}
}

const base45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// healthPeer is the way of a health certificate's text (RFC 9285, zlib, CBOR,
// COSE_Sign1 by ES256), with a payload of the size of our claims and path.
func healthPeer(t testing.TB) func() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 320)
	if _, err := rand.Read(payload); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(code.SigStructure(payload, 1, code.AlgES256))
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	message, err := cbor.Marshal([][]byte{{}, payload, sig})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(message); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	text := encodeBase45(packed.Bytes())
	return func() {
		z, err := zlib.NewReader(bytes.NewReader(decodeBase45(text)))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		var parts [][]byte
		if err := cbor.Unmarshal(raw, &parts); err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256(code.SigStructure(parts[1], 1, code.AlgES256))
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], parts[2]) {
			t.Fatal("refused")
		}
	}
}

func encodeBase45(b []byte) string {
	var s strings.Builder
	for ; len(b) >= 2; b = b[2:] {
		n := int(b[0])<<8 | int(b[1])
		s.Write([]byte{base45[n%45], base45[n/45%45], base45[n/2025]})
	}
	if len(b) == 1 {
		s.Write([]byte{base45[b[0]%45], base45[b[0]/45]})
	}
	return s.String()
}

func decodeBase45(s string) []byte {
	b := make([]byte, 0, len(s)/3*2+1)
	at := func(i int) int { return strings.IndexByte(base45, s[i]) }
	for ; len(s) >= 3; s = s[3:] {
		n := at(0) + at(1)*45 + at(2)*2025
		b = append(b, byte(n>>8), byte(n))
	}
	if len(s) == 2 {
		b = append(b, byte(at(0)+at(1)*45))
	}
	return b
}
