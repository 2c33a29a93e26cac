package registry

// SetCommit replaces how rows of the records book reach the disk, so that a test can make it fail before, during or after. It gives what was there.
func (r *Registry) SetCommit(f func(p []byte, at int64) error) (before func(p []byte, at int64) error) {
	before, r.records.book.commit = r.records.book.commit, f
	return before
}

// Collide makes all request ids and identifiers of an empty registry have one hash.
func (r *Registry) Collide() {
	one := func(string) uint64 { return 1 }
	r.requests.hash, r.newest.hash = one, one
}
