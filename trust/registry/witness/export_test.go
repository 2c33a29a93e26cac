package witness

// SetWrite replaces how state reaches the disk, so that a test can make it fail before or after it has persisted.
func (w *Witness) SetWrite(f func(path string, data []byte) error) (before func(path string, data []byte) error) {
	before, w.write = w.write, f
	return before
}
