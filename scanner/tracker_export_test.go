package scanner

// Looked returns how many frames were not skipped.
func (t *Tracker) Looked() int { return t.frame }
