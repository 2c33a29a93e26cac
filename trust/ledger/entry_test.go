package ledger_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"math/big"
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

func TestEncodePayloadRefuses(t *testing.T) {
	_, city, key := nation(t)
	reg := func(change func(*ledger.RegistryRow)) ledger.DirectoryEntry { return row(city, change) }
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

// The table of small-order keys is complete: the points of order dividing 8 are
// computed here from one of order 8, and none of them is accepted.
func TestSmallOrderKeysAreRefused(t *testing.T) {
	_, city, _ := nation(t)
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	mod := func(x *big.Int) *big.Int { return x.Mod(x, p) }
	mul := func(a, b *big.Int) *big.Int { return mod(new(big.Int).Mul(a, b)) }
	inv := func(a *big.Int) *big.Int { return new(big.Int).ModInverse(a, p) }
	dd := mul(new(big.Int).Sub(p, big.NewInt(121665)), inv(big.NewInt(121666)))
	one := big.NewInt(1)
	type point struct{ x, y *big.Int }
	add := func(a, b point) point {
		xx, yy, xy, yx := mul(a.x, b.x), mul(a.y, b.y), mul(a.x, b.y), mul(a.y, b.x)
		k := mul(dd, mul(xx, yy))
		return point{
			mul(mod(new(big.Int).Add(xy, yx)), inv(mod(new(big.Int).Add(one, k)))),
			mul(mod(new(big.Int).Add(yy, xx)), inv(mod(new(big.Int).Sub(one, k)))),
		}
	}
	raw, _ := hex.DecodeString("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
	slices.Reverse(raw)
	y := new(big.Int).SetBytes(raw)
	y2 := mul(y, y)
	x := new(big.Int).ModSqrt(mul(mod(new(big.Int).Sub(y2, one)), inv(mod(new(big.Int).Add(mul(dd, y2), one)))), p)
	if x == nil {
		t.Fatal("the generator of the small subgroup is not on the curve")
	}
	g := point{x, y}
	ys := map[string]bool{}
	for q, i := g, 1; i <= 8; q, i = add(q, g), i+1 {
		ys[q.y.String()] = true
		if i == 8 && (q.x.Sign() != 0 || q.y.Cmp(one) != 0) {
			t.Fatal("the point's order is not 8")
		}
		for _, v := range []*big.Int{q.y, new(big.Int).Add(q.y, p)} {
			if v.BitLen() > 255 {
				continue
			}
			for _, sign := range []byte{0, 0x80} {
				key := v.FillBytes(make([]byte, 32))
				slices.Reverse(key)
				key[31] |= sign
				if _, err := ledger.EncodePayload(keyRow(city, func(k *ledger.KeyRow) { k.Key = key })); err == nil {
					t.Errorf("key %x is accepted", key)
				}
			}
		}
	}
	if len(ys) != 5 {
		t.Errorf("%d y coordinates, want 5", len(ys))
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
