package ledger

import (
	"maps"
	"slices"
	"time"

	"citygate/trust/cityid"
)

// This file implements the immutable view that verdicts are computed against.

// View is one consistent state of everything a gateway holds of the ledger. It
// never changes after NewView, so any number of goroutines may read it without
// a lock, and none of its methods allocates, except Logs.
type View struct {
	dir  *Directory
	logs map[string]*LogView
}

// NewView joins a folded directory and the logs that are held. The directory's
// own LogView, if it is held, is among logs under the short name DirectoryLog.
func NewView(dir *Directory, logs ...*LogView) *View {
	v := &View{dir: dir, logs: make(map[string]*LogView, len(logs))}
	for _, l := range logs {
		v.logs[l.Short] = l
	}
	return v
}

// WithLog returns a view that differs from v only in one log.
func (v *View) WithLog(l *LogView) *View {
	n := &View{dir: v.dir, logs: maps.Clone(v.logs)}
	n.logs[l.Short] = l
	return n
}

// WithDirectory returns a view with a newer directory and the directory's own
// log; the other logs stay.
func (v *View) WithDirectory(dir *Directory, l *LogView) *View {
	n := v.WithLog(l)
	n.dir = dir
	return n
}

// Directory returns the folded directory. It is never nil.
func (v *View) Directory() *Directory { return v.dir }

// KeyState says what the directory knows of the key row at an index.
type KeyState uint8

// The states of a key row.
const (
	KeyNone      KeyState = iota // the entry at the index is no obeyed key row
	KeyBeyond                    // the index is beyond the directory that is held
	KeyLive                      // an obeyed row that nobody withdrew
	KeyWithdrawn                 // withdrawn: sealed codes below StandsUpTo stand
)

// IssuerKey is an obeyed key row. Callers must not change it.
type IssuerKey struct {
	KeyRow
	// PrefixID is KeyRow.Prefix, parsed.
	PrefixID cityid.Prefix
	// Withdrawn says that a withdrawal ended the row.
	Withdrawn bool
	// StandsUpTo is, for a withdrawn row, the size of the records log up to
	// which the row's sealed codes stand.
	StandsUpTo uint64
}

// Key returns the key row at index i of the directory. The row is nil for
// KeyNone and KeyBeyond.
func (v *View) Key(i uint32) (*IssuerKey, KeyState) { return v.dir.Key(i) }

// Log returns what is held of the log with this short name, nil if nothing is.
func (v *View) Log(short string) *LogView { return v.logs[short] }

// Registry returns the newest registry row of exactly this prefix, nil if there
// is none. Finding the longest prefix of an identifier is the caller's part.
func (v *View) Registry(prefix string) *RegistryRow { return v.dir.Registry(prefix) }

// Status returns the status of the record at index by the status log with this
// short name. It is Good for a log that is not held: whether that may be
// believed is a question of trust age, which the caller answers first.
func (v *View) Status(short string, index uint64) Status {
	l := v.logs[short]
	if l == nil {
		return Good
	}
	return l.Statuses.Of(index)
}

// LogHead is the head of one log, for reports: the fleet compares the roots
// that gateways hold for one size.
type LogHead struct {
	Short string
	Size  uint64
	Root  Hash
	Time  time.Time
}

// Logs returns the heads of all logs held, sorted by short name.
func (v *View) Logs() []LogHead {
	heads := make([]LogHead, 0, len(v.logs))
	for _, short := range slices.Sorted(maps.Keys(v.logs)) {
		l := v.logs[short]
		heads = append(heads, LogHead{l.Short, l.Size, l.Root, l.Time})
	}
	return heads
}

// LogView is what is held of one log: the head that its newest accepted
// checkpoint gave, the tree, and for a status log the folded statuses.
type LogView struct {
	Short  string
	Origin string
	Size   uint64
	Root   Hash
	// Time is the checkpoint's time: the quorum-th newest cosignature's.
	Time time.Time
	// Raw is the checkpoint as it was received, with its signatures.
	Raw []byte
	// Tree has exactly Size leaves and the root Root.
	Tree *Tree
	// Statuses is the fold of a status log, nil for the other logs.
	Statuses *StatusSet
}

// NewLogView returns the view of a log at a checkpoint. The caller has checked
// that the tree's size and root are the checkpoint's.
func NewLogView(short string, cp Checkpoint, tree *Tree, statuses *StatusSet) *LogView {
	return &LogView{
		Short: short, Origin: cp.Origin, Size: cp.Size, Root: cp.Root, Time: cp.Time, Raw: cp.Raw,
		Tree: tree, Statuses: statuses,
	}
}

// Subtree returns the hash of the full 256-leaf subtree n, false if the log at
// this size has no such full subtree.
func (l *LogView) Subtree(n uint64) (Hash, bool) { return l.Tree.Subtree(n) }

// OpenLeaf returns the hash of the leaf at index if it lies in the open tile.
func (l *LogView) OpenLeaf(index uint64) (Hash, bool) { return l.Tree.OpenLeaf(index) }
