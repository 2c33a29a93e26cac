package registry

// SetCommit replaces how rows of the records book reach the disk, so that a test can make it fail before, during or after. It gives what was there.
func (r *Registry) SetCommit(f func(p []byte, at int64) error) (before func(p []byte, at int64) error) {
	before, r.records.book.commit = r.records.book.commit, f
	return before
}
