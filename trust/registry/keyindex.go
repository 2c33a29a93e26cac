package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"citygate/internal/keyindex"
	"citygate/trust/cityid"
)

// This file implements finding rows of the records book, by identifier and by request id. The index is on the disk, books/{log}.index, so that
// eleven million records take little memory, and opening the registry reads only the rows that came since the index was written. A row is
// in it under its identifier, and under its request id if that is another text.

// worthKeeping is how many rows have to be new for Close to write the index: fewer are read from the book as fast.
const worthKeeping = 1 << 14

// openKeys opens the index, and with it takes up the book where the index ends. An index that is not this book's is made anew.
func (r *Registry) openKeys() (err error) {
	b := r.records.book
	if r.keys, err = keyindex.Open(filepath.Join(r.dir, "books", r.cfg.RecordsLog()+".index")); err != nil {
		return err
	}
	if state := r.keys.State(); state != nil && !b.resume(state) {
		return r.keys.Reset()
	}
	return nil
}

// keepKeys writes the index if more than some rows of it are in memory only. It is called when the index has all rows of the book that were
// read. If it cannot be written, the registry goes on with the rows in memory.
func (r *Registry) keepKeys(some int) {
	if r.keys.Delta() < some || r.keysStay {
		return
	}
	state, err := r.records.book.state()
	if err == nil {
		err = r.keys.Flush(state)
	}
	if err != nil {
		r.keysStay = true
		r.opts.Logger.Warn("index of the records cannot be written", "error", err)
	}
}

// newest gives the index of the newest record of an identifier.
func (r *Registry) newest(id cityid.ID) (uint64, bool, error) {
	return r.find(id.String(), func(w row) (bool, error) {
		got, err := w.identifier()
		return got == id.String(), err
	})
}

// requested gives the index of what a request got.
func (r *Registry) requested(id string) (uint64, bool, error) {
	return r.find(id, func(w row) (bool, error) { return w.Request == id, nil })
}

func (r *Registry) find(key string, fits func(row) (bool, error)) (uint64, bool, error) {
	rows, err := r.keys.Rows(key)
	if err != nil {
		return 0, false, err
	}
	for _, i := range rows {
		w, err := r.records.book.row(i)
		if err != nil {
			return 0, false, err
		}
		ok, err := fits(w)
		if err != nil {
			return 0, false, fmt.Errorf("row %d: %w", i, err)
		}
		if ok {
			return i, true, nil
		}
	}
	return 0, false, nil
}

// state is what resume needs: the number of rows, where they end, SHA-256 of the last one, and where every stride-th begins.
func (b *book) state() ([]byte, error) {
	sum, err := b.lastSum()
	if err != nil {
		return nil, err
	}
	s := binary.BigEndian.AppendUint64(nil, b.n)
	s = binary.BigEndian.AppendUint64(s, uint64(b.end))
	s = append(s, sum[:]...)
	for _, at := range b.at {
		s = binary.BigEndian.AppendUint64(s, uint64(at))
	}
	return s, nil
}

func (b *book) lastSum() (sum [sha256.Size]byte, err error) {
	if b.n == 0 {
		return sum, nil
	}
	line, err := b.line(b.n - 1)
	if err == nil && !bytes.HasSuffix(line, []byte("\n")) {
		err = errors.New("the last row has no end")
	}
	return sha256.Sum256(line), err
}

// resume takes up an unread book behind the rows of a state, and reports whether they are there.
func (b *book) resume(state []byte) bool {
	const fixed = 8 + 8 + sha256.Size
	st, err := b.f.Stat()
	if err != nil || len(state) < fixed || len(state)%8 != 0 {
		return false
	}
	n, end := binary.BigEndian.Uint64(state), int64(binary.BigEndian.Uint64(state[8:]))
	if end > st.Size() || uint64(len(state)-fixed)/8 != (n+stride-1)/stride {
		return false
	}
	b.n, b.end = n, end
	for at := state[fixed:]; len(at) > 0; at = at[8:] {
		b.at = append(b.at, int64(binary.BigEndian.Uint64(at)))
	}
	sum, err := b.lastSum()
	if err == nil && bytes.Equal(sum[:], state[16:fixed]) {
		if b.n == 0 {
			return true
		}
		if _, err = b.row(b.n - 1); err == nil {
			return true
		}
	}
	b.n, b.end, b.at, b.held = 0, 0, nil, nil
	return false
}
