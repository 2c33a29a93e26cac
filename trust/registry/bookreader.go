package registry

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// A BookReader compares log entries with a registry's books, for its monitor. It opens no log and takes no lock, so it works while the
// registry is at work, and shows the books as they were when it was opened. It is used by one goroutine.
type BookReader struct {
	logs  []string
	books map[string]*book
}

// ReadBooks opens the books of the registry in dir.
func ReadBooks(dir string) (*BookReader, error) {
	cfg, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	r := &BookReader{logs: cfg.logs(), books: make(map[string]*book)}
	for _, log := range r.logs {
		f, err := os.Open(bookFile(dir, log))
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("read books: %w", err)
		}
		b := &book{f: f}
		r.books[log] = b
		if err := b.refresh(func(row) error { return nil }); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// Logs are the short names of the logs whose books these are.
func (r *BookReader) Logs() []string { return r.logs }

// Has reports whether the log's book has this entry at this index.
func (r *BookReader) Has(log string, index uint64, entry []byte) bool {
	b := r.books[log]
	if b == nil || index >= b.len() {
		return false
	}
	w, err := b.row(index)
	return err == nil && bytes.Equal(w.entry(), entry)
}

// Close closes the books.
func (r *BookReader) Close() error {
	var errs []error
	for _, b := range r.books {
		errs = append(errs, b.close())
	}
	return errors.Join(errs...)
}
