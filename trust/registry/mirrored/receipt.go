package mirrored

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"citygate/internal/cose"
	"citygate/trust/cityid"
	"citygate/trust/ledger"
	"github.com/fxamacker/cbor/v2"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// This file implements COSE receipts (RFC 9942): what a registry signed about its log's root, with the path from one record to it.

// ReceiptType is the media type of a receipt.
const ReceiptType = `application/cose; cose-type="cose-sign1"`

// inclusionProofs is the label of inclusion proofs in the vdp header (RFC 9942, section 5.2).
const inclusionProofs = -1

// inclusionProof is one of them.
type inclusionProof struct {
	_     struct{} `cbor:",toarray"`
	Size  uint64
	Index uint64
	Path  [][]byte
}

// errNoRoot says that the newest root has not been signed for receipts, or not yet.
var errNoRoot = errors.New("no COSE signature of the checkpoint's root")

// Receipt gives the receipt of an identifier's newest record. Its entry, which the receipt does not contain, is the extra data of what Prove gives.
func (r *Resolver) Receipt(id cityid.ID) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, n, _, err := r.find(id)
	if err != nil {
		return nil, err
	}
	m, err := x.signedRoot()
	if err != nil {
		return nil, err
	}
	tree := tlog.Tree{N: int64(x.size), Hash: x.root}
	path, err := tlog.ProveRecord(tree.N, int64(n), tlog.TileHashReader(tree, tileFiles{x.dir}))
	if err != nil {
		return nil, fmt.Errorf("receipt: %s: %w", x.dir, err)
	}
	p := inclusionProof{Size: x.size, Index: n, Path: [][]byte{}}
	for _, h := range path {
		p.Path = append(p.Path, h[:])
	}
	raw, err := cose.Encode(p)
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	proofs, err := cose.Encode(map[int64]any{inclusionProofs: [][]byte{raw}})
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	m.Payload, m.Unprotected = nil, map[int64]cbor.RawMessage{cose.VDP: proofs}
	return m.Marshal()
}

// signedRoot gives the signature of the checkpoint's root. The file may be ahead of the checkpoint for as long as witnesses take, so the last one
// that fitted is kept.
func (x *index) signedRoot() (cose.Sign1, error) {
	raw, err := readFile(filepath.Join(x.dir, ledger.RootPath))
	if err != nil {
		return cose.Sign1{}, fmt.Errorf("receipt: %w", err)
	}
	if m, err := cose.Parse(raw); err == nil && bytes.Equal(m.Payload, x.root[:]) {
		x.signed = m
	}
	if !bytes.Equal(x.signed.Payload, x.root[:]) {
		return cose.Sign1{}, errNoRoot
	}
	return x.signed, nil
}

// checkRoot checks a log's signature of a root, with one of its verifier keys.
func checkRoot(m cose.Sign1, root ledger.Hash, keys []string) error {
	tbs, err := m.ToBeSigned(nil, root[:])
	if err != nil {
		return err
	}
	for _, text := range keys {
		v, err := note.NewVerifier(text)
		if err != nil {
			return err
		}
		kid := binary.BigEndian.AppendUint32(nil, v.KeyHash())
		header, err := cose.Encode(map[int64]any{cose.Algorithm: cose.Ed25519, cose.KeyID: kid, cose.VDS: cose.RFC9162})
		if err != nil {
			return err
		}
		if bytes.Equal(header, m.Protected) && v.Verify(tbs, m.Signature) {
			return nil
		}
	}
	return errors.New("the root's COSE signature is not the log's")
}

// CheckReceipt checks that a receipt proves a log entry under a root that one of the log's keys has signed, and gives the index that it names.
// keys are verifier keys in note form, from the directory. RFC 9942 signs the root alone: the size in the proof is covered by nothing, and of
// witnesses a receipt says nothing; for both there is the checkpoint.
func CheckReceipt(raw, entry []byte, keys []string) (index uint64, err error) {
	m, err := cose.Parse(raw)
	if err != nil {
		return 0, fmt.Errorf("receipt: %w", err)
	}
	var proofs map[int64][][]byte
	if m.Payload != nil || len(m.Unprotected) != 1 || cose.Decode(m.Unprotected[cose.VDP], &proofs) != nil || len(proofs) != 1 ||
		len(proofs[inclusionProofs]) != 1 {
		return 0, errors.New("receipt: not one inclusion proof under a detached root")
	}
	var p inclusionProof
	if err := cose.Decode(proofs[inclusionProofs][0], &p); err != nil {
		return 0, fmt.Errorf("receipt: %w", err)
	}
	if again, err := cose.Encode(p); err != nil || !bytes.Equal(again, proofs[inclusionProofs][0]) {
		return 0, errors.New("receipt: the proof is not in its deterministic encoding")
	}
	root, err := p.root(ledger.LeafHash(entry))
	if err != nil {
		return 0, fmt.Errorf("receipt: %w", err)
	}
	if err := checkRoot(m, root, keys); err != nil {
		return 0, fmt.Errorf("receipt: %w", err)
	}
	return p.Index, nil
}

// Receipt fetches the receipt of what was resolved from the mirror that answered, and checks it.
func (c *Copy) Receipt(ctx context.Context, r Resolution, client *http.Client) ([]byte, error) {
	d, err := c.Directory()
	if err != nil {
		return nil, err
	}
	policies := d.Policies(r.Log)
	var p proof.TLogProof
	if err := p.Unmarshal(r.Proof); err != nil || len(policies) == 0 {
		return nil, errors.Join(errors.New("receipt: not a resolution of this directory"), err)
	}
	raw, err := get(ctx, strings.TrimSuffix(r.Mirror, "/")+resolvePrefix+r.ID.String()+"?form=receipt", client)
	if err != nil {
		return nil, fmt.Errorf("receipt: %s %w", r.Mirror, err)
	}
	index, err := CheckReceipt(raw, p.ExtraData, policies[0].LogKeys)
	if err == nil && index != r.Index {
		err = errors.New("receipt is about another record")
	}
	return raw, err
}

// root computes the root that the proof leads to (RFC 9162, section 2.1.3.2).
func (p inclusionProof) root(h ledger.Hash) (ledger.Hash, error) {
	if p.Index >= p.Size || p.Size > ledger.MaxIndex {
		return h, errors.New("the index is not below the size")
	}
	fn, sn := p.Index, p.Size-1
	for _, b := range p.Path {
		if len(b) != len(h) || sn == 0 {
			return h, errors.New("the path does not fit the size")
		}
		sibling := ledger.Hash(b)
		if fn&1 == 1 || fn == sn {
			h = tlog.NodeHash(sibling, h)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			h = tlog.NodeHash(h, sibling)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 {
		return h, errors.New("the path is too short")
	}
	return h, nil
}
