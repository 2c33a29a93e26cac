package registry_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"citygate/trust/cityid"
	"citygate/trust/mirror"
	"citygate/trust/registry"
	"citygate/trust/registry/mirrored"
	"github.com/fxamacker/cbor/v2"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/veraison/go-cose"
)

// A receipt is composed of the root that the registry signs for each checkpoint, at the registry and at a mirror; go-cose and transparency-dev/merkle
// find it right.
func TestReceipts(t *testing.T) {
	w := newWorld(t)
	national, city := w.enrolled()
	issued := issue(t, city, lamps(0, 300)...)
	for _, r := range []*registry.Registry{national, city} {
		if _, err := r.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.ReadFile(registry.RootPolicyFile(w.path("cn")))
	if err != nil {
		t.Fatal(err)
	}
	w.copyOf(root, "copy", mirror.HTTP{Base: w.serve("cn", "sjz")})
	refs, err := registry.LogKeys(w.path("sjz"))
	if err != nil {
		t.Fatal(err)
	}
	entry := issued[7].Code.Entry()
	var receipts [][]byte
	for _, dir := range []string{"sjz", "copy"} {
		rec := httptest.NewRecorder()
		mirrored.NewResolver(w.path(dir)).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/resolve/"+issued[7].ID.String()+"?form=receipt", nil))
		if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != mirrored.ReceiptType {
			t.Fatalf("%s: %d %s", dir, rec.Code, rec.Body)
		}
		raw := rec.Body.Bytes()
		receipts = append(receipts, raw)
		if index, err := mirrored.CheckReceipt(raw, entry, refs[0].Keys); err != nil || index != 7 {
			t.Errorf("%s: index %d, %v", dir, index, err)
		}
		w.receiptFor(raw, entry, refs[0].Keys[0])
	}
	if !bytes.Equal(receipts[0], receipts[1]) {
		t.Error("the mirror gives another receipt")
	}
	w.mangledReceipts(receipts[0], entry, refs[0].Keys)
	if _, err := mirrored.CheckReceipt(receipts[0], issued[8].Code.Entry(), refs[0].Keys); err == nil {
		t.Error("took another entry")
	}
	if _, err := mirrored.CheckReceipt(receipts[0], entry, refs[1].Keys); err == nil {
		t.Error("took another log's key")
	}
	resolver := mirrored.NewResolver(w.path("cn"))
	id, err := cityid.Parse("MA.156.1301.01/ABSENT")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resolver.Receipt(id); err == nil {
		t.Error("a receipt for what is not there")
	}
}

// edDSA is go-cose's Ed25519 under the number of RFC 9864.
type edDSA struct{ cose.Verifier }

func (edDSA) Algorithm() cose.Algorithm { return -19 }

// receiptFor checks a receipt with other people's code.
func (w *world) receiptFor(raw, entry []byte, vkey string) {
	t := w.t
	t.Helper()
	var m cose.Sign1Message
	if err := m.UnmarshalCBOR(raw); err != nil {
		t.Fatal(err)
	}
	if m.Payload != nil || m.Headers.Protected[int64(395)] != int64(1) {
		t.Errorf("payload %x, headers %v", m.Payload, m.Headers.Protected)
	}
	proofs, ok := m.Headers.Unprotected[int64(396)].(map[any]any)[int64(-1)].([]any)
	if !ok || len(proofs) != 1 {
		t.Fatalf("proofs %v", m.Headers.Unprotected)
	}
	var p struct {
		_           struct{} `cbor:",toarray"`
		Size, Index uint64
		Path        [][]byte
	}
	if err := cbor.Unmarshal(proofs[0].([]byte), &p); err != nil {
		t.Fatal(err)
	}
	root, err := proof.RootFromInclusionProof(rfc6962.DefaultHasher, p.Index, p.Size, rfc6962.DefaultHasher.HashLeaf(entry), p.Path)
	if err != nil {
		t.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.SplitN(vkey, "+", 3)[2]) // name, key ID, type and key
	if err != nil {
		t.Fatal(err)
	}
	v, err := cose.NewVerifier(cose.AlgorithmEdDSA, ed25519.PublicKey(key[1:]))
	if err != nil {
		t.Fatal(err)
	}
	m.Payload = root
	if err := m.Verify(nil, edDSA{v}); err != nil {
		t.Error(err)
	}
}

// mangledReceipts changes every bit and cuts at every length.
func (w *world) mangledReceipts(raw, entry []byte, keys []string) {
	size := bytes.Index(raw, []byte{0x83, 0x19, 0x01, 0x2c}) + 2 // 300: no signature covers it, RFC 9942 signs the root alone
	for i := range raw {
		if _, err := mirrored.CheckReceipt(raw[:i], entry, keys); err == nil {
			w.t.Errorf("took the first %d bytes", i)
		}
		if i == size || i == size+1 {
			continue
		}
		for bit := range 8 {
			bad := bytes.Clone(raw)
			bad[i] ^= 1 << bit
			if _, err := mirrored.CheckReceipt(bad, entry, keys); err == nil {
				w.t.Errorf("took bit %d of byte %d", bit, i)
			}
		}
	}
}
