package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	f_log "github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

func testPolicy(quorum int) (ledger.LogPolicy, *ledgertest.Log) {
	p := ledgertest.NewNation().Root.Directory
	p.Quorum = quorum
	l := ledgertest.NewLog("directory", p.Origin, ledgertest.Witnesses()...)
	l.Fill(300)
	return p, l
}

func TestOpenTakesTheQuorumthNewestTime(t *testing.T) {
	p, l := testPolicy(2)
	base := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	w := ledgertest.Witnesses()
	raw := l.CheckpointOf(300, base)
	text := ledger.Checkpoint{Origin: l.Origin, Size: 300, Root: l.Root(300)}.Text()
	for _, tc := range []struct {
		times []time.Time
		want  time.Time
	}{
		{[]time.Time{base, base.Add(time.Hour)}, base},
		{[]time.Time{base, base.Add(2 * time.Hour), base.Add(time.Hour)}, base.Add(time.Hour)},
		// One witness stamps the year 2100: it moves nothing beyond the others.
		{[]time.Time{base, base.Add(time.Hour), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}, base.Add(time.Hour)},
		{[]time.Time{base, base, time.Unix(1, 0)}, base},
	} {
		signed := slices.Clone(raw)
		for i, at := range tc.times {
			signed = append(signed, ledgertest.Cosign(w[i], text, at)...)
		}
		cp, err := p.Open(signed)
		if err != nil {
			t.Fatal(err)
		}
		if !cp.Time.Equal(tc.want) || cp.Size != 300 || cp.Root != l.Root(300) || !bytes.Equal(cp.Raw, signed) {
			t.Errorf("times %v: %v, want %v", tc.times, cp.Time, tc.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	p, l := testPolicy(2)
	at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	w := ledgertest.Witnesses()
	one := l.CheckpointOf(300, at, w[0])
	text := ledger.Checkpoint{Origin: l.Origin, Size: 300, Root: l.Root(300)}.Text()
	unsigned := []byte(text + "\n")
	for _, name := range w {
		unsigned = append(unsigned, ledgertest.Cosign(name, text, at)...)
	}
	other := ledgertest.NewLog("x", "other.example", w...)
	other.Fill(3)
	cases := map[string][]byte{
		"one witness":                  one,
		"one witness twice":            append(slices.Clone(one), ledgertest.Cosign(w[0], text, at.Add(time.Hour))...),
		"one witness, one stranger":    append(slices.Clone(one), ledgertest.Cosign("stranger.example", text, at)...),
		"no witness":                   l.CheckpointOf(300, at),
		"witnesses without the log":    unsigned,
		"a stranger signs as the log":  ledgertest.Resign(l.Checkpoint(at), "stranger.example"),
		"another log":                  other.Checkpoint(at),
		"empty":                        nil,
		"a cosignature at time 0":      append(slices.Clone(one), ledgertest.Cosign(w[1], text, time.Unix(0, 0))...),
		"a cosignature far beyond now": append(slices.Clone(one), ledgertest.Cosign(w[1], text, time.Unix(1<<62, 0))...),
	}
	for name, raw := range cases {
		if cp, err := p.Open(raw); err == nil {
			t.Errorf("%s: opened as %+v", name, cp)
		}
	}
	if _, err := p.Open(one); !errors.Is(err, ledger.ErrQuorum) {
		t.Errorf("one witness: %v, want ErrQuorum", err)
	}
}

// Every bit of a checkpoint that the quorum needs is covered by a signature, and
// every truncation is refused.
func TestOpenMangled(t *testing.T) {
	p, l := testPolicy(2)
	raw := l.CheckpointOf(300, time.Unix(1782900000, 0), ledgertest.Witnesses()[:2]...)
	if _, err := p.Open(raw); err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		if _, err := p.Open(raw[:i]); err == nil {
			t.Errorf("opened without its last %d bytes", len(raw)-i)
		}
		for bit := range 8 {
			bad := slices.Clone(raw)
			bad[i] ^= 1 << bit
			if _, err := p.Open(bad); err == nil {
				t.Errorf("opened with bit %d of byte %d changed", bit, i)
			}
		}
	}
}

func TestCheckpointTextIsCanonical(t *testing.T) {
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, text := range []string{
		"", "\n", "o\n1\n", "o\n1\n" + root, "o\n01\n" + root + "\n", "o\n+1\n" + root + "\n", "o\n-1\n" + root + "\n",
		"o\n1\n" + root + "\nextension\n", "o\n1\n" + root[:40] + "\n", "\n1\n" + root + "\n", "o\n1\r\n" + root + "\n",
		"o\n281474976710657\n" + root + "\n", "o\n1\n" + root[:42] + "B=\n",
	} {
		if _, err := ledger.ParseCheckpointText(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// Other people's tools read our checkpoints.
func TestCheckpointIsReadByOthers(t *testing.T) {
	p, l := testPolicy(2)
	raw := l.Checkpoint(time.Unix(1782900000, 0))
	v, err := note.NewVerifier(p.LogKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	var cosigners []note.Verifier
	for _, w := range p.Witnesses {
		c, err := f_note.NewVerifierForCosignatureV1(w)
		if err != nil {
			t.Fatal(err)
		}
		cosigners = append(cosigners, c)
	}
	cp, rest, n, err := f_log.ParseCheckpoint(raw, p.Origin, v, cosigners...)
	if err != nil || len(rest) != 0 || len(n.Sigs) != 4 {
		t.Fatalf("formats reads %+v with %d signatures: %v", cp, len(n.Sigs), err)
	}
	if cp.Size != 300 || ledger.Hash(cp.Hash) != l.Root(300) {
		t.Error("formats reads another checkpoint")
	}
}

// A checkpoint signed by x/mod and cosigned by formats, with Ed25519 and with
// ML-DSA-44, is one that we read.
func TestCheckpointOfOthersIsRead(t *testing.T) {
	p, l := testPolicy(2)
	mlSigner, mlKey, err := f_note.GenerateMLDSAKey("pq-witness.example")
	if err != nil {
		t.Fatal(err)
	}
	ml, err := f_note.NewMLDSASigner(mlSigner)
	if err != nil {
		t.Fatal(err)
	}
	edKey := ledgertest.Key(ledgertest.Witnesses()[0])
	ed, err := f_note.NewSignerForCosignatureV1(skey(t, ledgertest.Witnesses()[0], edKey))
	if err != nil {
		t.Fatal(err)
	}
	root := l.Root(300)
	text := f_log.Checkpoint{Origin: p.Origin, Size: 300, Hash: root[:]}.Marshal()
	raw, err := note.Sign(&note.Note{Text: string(text)}, ledgertest.Signer(p.Origin), ed, ml)
	if err != nil {
		t.Fatal(err)
	}
	p.Witnesses = []string{p.Witnesses[0], mlKey}
	got, err := p.Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(got.Time); age < 0 || age > time.Minute {
		t.Errorf("time of the cosignatures: %v", got.Time)
	}
	edVKey, err := f_note.VKeyToCosignatureV1(p.Witnesses[0])
	if err != nil {
		t.Fatal(err)
	}
	p.Witnesses[0] = edVKey
	if _, err := p.Open(raw); err != nil {
		t.Errorf("with a key of type 04: %v", err)
	}
}

// skey writes a signer key in the form of C2SP signed-note.
func skey(t testing.TB, name string, key ed25519.PrivateKey) string {
	t.Helper()
	id := strings.Split(ledgertest.VKey(name), "+")[1]
	return "PRIVATE+KEY+" + name + "+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...))
}

func FuzzOpenCheckpoint(f *testing.F) {
	p, l := testPolicy(1)
	f.Add(l.Checkpoint(time.Unix(1782900000, 0)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		cp, err := p.Open(raw)
		if err == nil && !strings.HasPrefix(string(raw), cp.Text()+"\n") {
			t.Errorf("opened as %q", cp.Text())
		}
	})
}

func FuzzParseCheckpointText(f *testing.F) {
	f.Add("origin\n12\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	f.Fuzz(func(t *testing.T, text string) {
		if cp, err := ledger.ParseCheckpointText(text); err == nil && cp.Text() != text {
			t.Errorf("%q is read as %q", text, cp.Text())
		}
	})
}
