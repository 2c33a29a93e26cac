package ledger

// This file implements the check of a tree against an older checkpoint.

// CheckPrefix checks that the tree's first size leaves are the tree of an older
// checkpoint of which nothing but size and root is held. It reads at most one
// tile. The error is a *ForkError of RootLevel if they are not.
func CheckPrefix(t *Tree, size uint64, root Hash, src Tiles) error {
	if size > t.Size() {
		return ErrRollback
	}
	full := size / TileWidth
	var leaves []Hash
	switch rest := size % TileWidth; {
	case rest == 0:
	case full == t.full:
		leaves = t.open[:rest]
	default:
		g := &growth{old: new(Tree), src: src}
		h, _ := t.Subtree(full)
		all, err := g.readFull(0, full, h)
		if err != nil {
			return err
		}
		leaves = all[:rest]
	}
	var peaks []Hash
	for i := range full {
		h, _ := t.Subtree(i)
		peaks = push(peaks, i+1, h)
	}
	for i, h := range leaves {
		peaks = push(peaks, uint64(i+1), h)
	}
	if got := fold(peaks); got != root {
		return &ForkError{Level: RootLevel, N: size, Held: root, Found: got}
	}
	return nil
}
