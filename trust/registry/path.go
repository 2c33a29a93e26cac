package registry

import (
	"context"
	"fmt"

	"citygate/trust/code"
	"citygate/trust/ledger"
	"golang.org/x/mod/sumdb/tlog"
)

// This file implements the paths of sealed codes: for many records of one subtree its 255 inner hashes are computed once.

// subtree holds the hashes of a full subtree, by height: 256 leaves, then 128 nodes, up to the root.
type subtree [ledger.TileHeight + 1][]ledger.Hash

func newSubtree(leaves *[ledger.TileWidth]ledger.Hash) *subtree {
	s := &subtree{leaves[:]}
	for h := range ledger.TileHeight {
		for i := 0; i < len(s[h]); i += 2 {
			s[h+1] = append(s[h+1], tlog.NodeHash(s[h][i], s[h][i+1]))
		}
	}
	return s
}

// path gives the 8 sibling hashes of leaf i, from the leaf upward.
func (s *subtree) path(i int) []byte {
	path := make([]byte, 0, code.PathSize)
	for h := range ledger.TileHeight {
		path = append(path, s[h][i>>h^1][:]...)
	}
	return path
}

// subtrees keeps the newest subtree while its records are answered, one after the other.
type subtrees map[uint64]*subtree

// path gives the 8 sibling hashes of a record, nil while its subtree is open.
func (r *Registry) path(ctx context.Context, w row, trees subtrees) ([]byte, error) {
	n := w.Index / ledger.TileWidth
	if (n+1)*ledger.TileWidth > r.records.book.len() {
		return nil, nil
	}
	tree := trees[n]
	if tree == nil {
		leaves, err := r.records.leaves(ctx, n)
		if err != nil {
			return nil, err
		}
		tree = newSubtree(leaves)
		clear(trees)
		trees[n] = tree
	}
	i := int(w.Index % ledger.TileWidth)
	if tree[0][i] != ledger.Hash(code.Code{Body: w.Body}.LeafHash()) {
		return nil, fmt.Errorf("log %s and its book differ at entry %d", r.records.ref.Short, w.Index)
	}
	return tree.path(i), nil
}
