package registry

import (
	"io"
	"log/slog"
	"path/filepath"

	"citygate/trust/cityid"
)

// Names are the records book of a folder and its index, without logs and keys.
type Names struct {
	r    *Registry
	some int
}

// OpenNames opens books/x-records.jsonl in a folder and brings the index up to it, which is written whenever it has
// some new rows. It gives the number of rows.
func OpenNames(dir string, some int) (Names, uint64, error) {
	r := &Registry{dir: dir, cfg: Config{Short: "x"}, records: &ledgerLog{}, opts: Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}}
	b, err := openBook(filepath.Join(dir, "books", "x-records.jsonl"))
	if err != nil {
		return Names{}, 0, err
	}
	r.records.book = b
	r.records.visit, r.records.between = r.visitRecord, func() { r.keepKeys(some) }
	if err := r.openKeys(); err != nil {
		return Names{}, 0, err
	}
	err = b.refresh(r.records.fold)
	return Names{r, some}, b.len(), err
}

// Find gives the newest row of an identifier.
func (n Names) Find(id cityid.ID) (uint64, bool, error) { return n.r.newest(id) }

// Requested gives the row of a request.
func (n Names) Requested(id string) (uint64, bool, error) { return n.r.requested(id) }

// Close writes the index, if it is worth it, and closes.
func (n Names) Close() {
	n.r.keepKeys(n.some)
	n.r.keys.Close()
	n.r.records.book.close()
}

// SetCommit replaces how rows of the records book reach the disk, so that a test can make it fail before, during or after. It gives what was there.
func (r *Registry) SetCommit(f func(p []byte, at int64) error) (before func(p []byte, at int64) error) {
	before, r.records.book.commit = r.records.book.commit, f
	return before
}

// Collide makes all request ids and identifiers of an empty registry have one hash.
func (r *Registry) Collide() {
	r.keys.Collide(1)
}
