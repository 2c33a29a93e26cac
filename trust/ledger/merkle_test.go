package ledger_test

import (
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"citygate/trust/ledger"
)

// The vectors of transparency-dev/merkle, which are those of Certificate Transparency: eight leaves and every root over them, and between
// every two of its trees that growth which its consistency proofs prove, and no other.
func TestMerkleVectors(t *testing.T) {
	var leaves []ledger.Hash
	roots := testonly.RootHashes()
	for i, in := range testonly.LeafInputs() {
		if got := ledger.LeafHash(in); !slices.Equal(got[:], testonly.NodeHashes()[0][i]) {
			t.Errorf("leaf %d: %s", i, got)
		}
		if got := ledger.RebuildRoot(nil, leaves); !slices.Equal(got[:], roots[i]) {
			t.Errorf("root of %d: %s, want %x", i, got, roots[i])
		}
		leaves = append(leaves, ledger.LeafHash(in))
	}
	if got := ledger.RebuildRoot(nil, leaves); !slices.Equal(got[:], roots[8]) {
		t.Errorf("root of 8: %s, want %x", got, roots[8])
	}

	theirs := testonly.New(rfc6962.DefaultHasher)
	l := filled(600)
	for i := range l.Size() {
		theirs.AppendData(l.Entry(i))
	}
	for _, size1 := range []uint64{1, 2, 7, 255, 256, 257, 511, 512, 513, 600} {
		for _, size2 := range []uint64{size1, 256, 300, 512, 599, 600} {
			if size2 < size1 {
				continue
			}
			root := ledger.Hash(theirs.HashAt(size2))
			grown, err := ledger.Grow(at(t, l, size1), size2, root, &mirror{Log: l})
			if err != nil || grown.Root() != root {
				t.Errorf("growth from %d to %d: %v", size1, size2, err)
			}
			root[3] ^= 1
			if _, err := ledger.Grow(at(t, l, size1), size2, root, &mirror{Log: l}); size2 > size1 && err == nil {
				t.Errorf("growth from %d to %d to another root was taken", size1, size2)
			}
		}
	}
}
