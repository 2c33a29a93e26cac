package mirrored_test

import (
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"citygate/trust/ledger"
	"citygate/trust/registry/mirrored"
)

// Every inclusion proof that transparency-dev/merkle makes leads a receipt's reader to the root, and none that is changed as its own tests
// change them.
func TestInclusionVectors(t *testing.T) {
	tree := testonly.New(rfc6962.DefaultHasher)
	tree.AppendData(testonly.LeafInputs()...)
	for i := range 130 {
		tree.AppendData([]byte{byte(i), 1})
	}
	for size := uint64(1); size <= tree.Size(); size += 1 + size/20 {
		root := ledger.Hash(tree.HashAt(size))
		for index := range size {
			path, err := tree.InclusionProof(index, size)
			if err != nil {
				t.Fatal(err)
			}
			leads := func(size, index uint64, path [][]byte, leaf ledger.Hash) bool {
				got, err := mirrored.RootOf(size, index, path, leaf)
				return err == nil && got == root
			}
			leaf := ledger.Hash(tree.LeafHash(index))
			if !leads(size, index, path, leaf) {
				t.Fatalf("%d of %d does not lead to the root", index, size)
			}
			other := leaf
			other[0] ^= 1
			flipped := slices.Clone(path)
			for i := range flipped {
				flipped[i] = append([]byte{path[i][0] ^ 1}, path[i][1:]...)
				if leads(size, index, flipped, leaf) {
					t.Errorf("%d of %d: hash %d does not count", index, size, i)
				}
				flipped[i] = path[i]
			}
			for what, wrong := range map[string]bool{
				"another leaf":       leads(size, index, path, other),
				"the next index":     leads(size, index+1, path, leaf),
				"an index beyond":    leads(size, index+size, path, leaf),
				"a wrapped index":    leads(size, index-size, path, leaf),
				"no size":            leads(0, index, path, leaf),
				"a hash too many":    leads(size, index, append(slices.Clone(path), root[:]), leaf),
				"a hash before":      leads(size, index, append([][]byte{root[:]}, path...), leaf),
				"a short hash":       leads(size, index, append(slices.Clone(path), root[:31]), leaf),
				"the last hash gone": len(path) > 0 && leads(size, index, path[:max(len(path), 1)-1], leaf),
			} {
				if wrong {
					t.Errorf("%d of %d: %s was taken", index, size, what)
				}
			}
		}
	}
}
