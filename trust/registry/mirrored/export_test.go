package mirrored

import (
	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// KeepFrom has names written when there are some new ones.
func (r *Resolver) KeepFrom(some int) { r.some = some }

// RootOf is where an inclusion proof leads.
func RootOf(size, index uint64, path [][]byte, leaf ledger.Hash) (ledger.Hash, error) {
	return inclusionProof{Size: size, Index: index, Path: path}.root(leaf)
}

// CheckAnswer reads what a mirror answers about an identifier.
func CheckAnswer(raw []byte, id cityid.ID, policy ledger.LogPolicy) (Resolution, error) {
	return check(raw, id, policy)
}
