// Package ledger holds the rules of a light client of the ledger: what makes a
// checkpoint, an entry or a tile believable, and the immutable View that
// verdicts are computed against. It is pure: bytes and values in, values out.
// It reads no clock, opens no file and starts no goroutine.
//
// The ledger is a set of C2SP tlog-tiles logs (SHA-256, RFC 9162 trees) of three
// kinds that differ only in what their entries mean:
//
//   - the directory says who may allocate and issue what, under which keys;
//   - a records log holds one entry for each issued identifier;
//   - a status log says which records are revoked or suspended.
//
// Trust starts at a RootPolicy from the configuration. It opens the directory's
// checkpoints (LogPolicy.Open: the log's own signature and a quorum of witness
// cosignatures) and names the keys of which a threshold must have signed a
// directory entry (Directory.With). The directory's rows then give the
// LogPolicy of every other log.
//
// Of a log's tree a client keeps a Tree: the strip, which is the hashes of all
// full 256-leaf subtrees and so exactly the level-1 tiles, and the open tile,
// which is the leaf hashes behind the last full subtree. A Tree's root is
// computed, never believed. Growth to a new checkpoint is proven by rebuilding
// the new root from the hashes held before and the new ones (Tree.Extend), or,
// where that fails or would be long, by Walk, which reads tiles from the top
// down, authenticates each against the checkpoint and tells a fork from a tile
// that is merely bad.
//
// The formats are described, with test vectors, in docs/formats/ledger.md.
package ledger
