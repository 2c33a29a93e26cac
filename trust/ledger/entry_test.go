package ledger_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

func noteKey(name string, key ed25519.PrivateKey) (string, error) {
	return note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
}

// entries returns a directory log with one entry of each kind.
func entries(t testing.TB) [][]byte {
	n, _, key := nation(t)
	n.Withdraw(key, 256)
	n.Log(ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: n.Root, Root: n.Root}}, ledgertest.Institutes()...)
	var all [][]byte
	for i := range n.Directory.Size() {
		all = append(all, n.Directory.Entry(i))
	}
	return all
}

func TestDirectoryEntryRoundTrip(t *testing.T) {
	for i, raw := range entries(t) {
		e, err := ledger.ParseDirectoryEntry(uint64(i), raw)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := ledger.EncodePayload(e)
		if err != nil || !bytes.Equal(payload, e.Payload) {
			t.Fatalf("entry %d: payload %x, %v", i, payload, err)
		}
		again, err := ledger.EncodeDirectoryEntry(payload, e.Signatures)
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("entry %d: %x, %v", i, again, err)
		}
	}
}

// No changed bit and no truncation of an entry is obeyed.
func TestDirectoryEntryMangled(t *testing.T) {
	n, _, _ := nation(t)
	d, err := ledger.NewDirectory(n.Root)
	if err != nil {
		t.Fatal(err)
	}
	raw := n.Directory.Entry(0)
	if v := d.With([][]byte{raw}).Voids(); len(v) != 0 {
		t.Fatal(v)
	}
	for i := range raw {
		bad := slices.Clone(raw)
		bad[i] ^= 1 << (i % 8)
		if len(d.With([][]byte{bad}).Voids()) == 0 || len(d.With([][]byte{raw[:i]}).Voids()) == 0 {
			t.Fatalf("obeyed with byte %d changed, or cut off there", i)
		}
	}
}

func TestEncodePayloadTakesOtherAlgorithms(t *testing.T) {
	_, city, _ := nation(t)
	kr := func(change func(*ledger.KeyRow)) ledger.DirectoryEntry { return keyRow(city, change) }
	p256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := []ledger.DirectoryEntry{
		kr(func(k *ledger.KeyRow) { k.Alg, k.Key = ledger.AlgES256, p256.PublicKey().Bytes() }),
		kr(func(k *ledger.KeyRow) { k.Alg, k.Key = -70000, make([]byte, 65) }),
	}
	for i, e := range good {
		if _, err := ledger.EncodePayload(e); err != nil {
			t.Errorf("good row %d: %v", i, err)
		}
	}
}

func TestEncodePayloadRefuses(t *testing.T) {
	_, city, key := nation(t)
	reg := func(change func(*ledger.RegistryRow)) ledger.DirectoryEntry { return row(city, change) }
	kr := func(change func(*ledger.KeyRow)) ledger.DirectoryEntry { return keyRow(city, change) }
	identity := append([]byte{1}, make([]byte, 31)...)
	bad := map[string]ledger.DirectoryEntry{
		"nothing":              {},
		"two rows":             {Key: key.Row, Registry: city.Row},
		"bad prefix":           reg(func(r *ledger.RegistryRow) { r.Prefix = "XX.1" }),
		"an object":            reg(func(r *ledger.RegistryRow) { r.Prefix = "MA.156/X" }),
		"no name":              reg(func(r *ledger.RegistryRow) { r.Names = nil }),
		"name turns direction": reg(func(r *ledger.RegistryRow) { r.Names = map[string]string{"en": "a\u202eb"} }),
		"long name":            reg(func(r *ledger.RegistryRow) { r.Names = map[string]string{"en": strings.Repeat("a", 129)} }),
		"one short name":       reg(func(r *ledger.RegistryRow) { r.Status.Short = r.Records.Short }),
		"the directory's name": reg(func(r *ledger.RegistryRow) { r.Status.Short = "directory" }),
		"short name in caps":   reg(func(r *ledger.RegistryRow) { r.Status.Short = "SJZ" }),
		"threshold 0":          reg(func(r *ledger.RegistryRow) { r.AllocThreshold = 0 }),
		"log allocates":        reg(func(r *ledger.RegistryRow) { r.AllocKeys = r.Records.Keys }),
		"mirror is a file":     reg(func(r *ledger.RegistryRow) { r.Mirrors = []string{"file:///etc"} }),
		"quorum 0":             reg(func(r *ledger.RegistryRow) { r.Quorum = 0 }),
		"31 byte key":          kr(func(k *ledger.KeyRow) { k.Key = identity[:31] }),
		"33 byte key":          kr(func(k *ledger.KeyRow) { k.Key = append(slices.Clone(identity), 1) }),
		"small order key":      kr(func(k *ledger.KeyRow) { k.Key = identity }),
		"point off the curve":  kr(func(k *ledger.KeyRow) { k.Alg, k.Key = ledger.AlgES256, append([]byte{4}, make([]byte, 64)...) }),
		"no host":              kr(func(k *ledger.KeyRow) { k.Hosts = nil }),
		"host with a slash":    kr(func(k *ledger.KeyRow) { k.Hosts = []string{"A/B"} }),
		"no log":               kr(func(k *ledger.KeyRow) { k.Records = "" }),
		"withdrawal of 2^32":   {Withdrawal: &ledger.Withdrawal{Key: 1 << 32}},
	}
	for name, e := range bad {
		if _, err := ledger.EncodePayload(e); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func FuzzParseDirectoryEntry(f *testing.F) {
	for _, raw := range entries(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ledger.ParseDirectoryEntry(0, raw)
		if err != nil {
			return
		}
		payload, err := ledger.EncodePayload(e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ledger.EncodeDirectoryEntry(payload, e.Signatures)
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%x is written as %x: %v", raw, again, err)
		}
	})
}
