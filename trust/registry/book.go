package registry

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"citygate/trust/code"
)

// This file implements books: append-only files of JSON lines that hold a log's entries, in order, before the log has them.

// row is one line. A record has Body, Key, Sig and Request; an entry of another log has Entry; padding has neither.
type row struct {
	Index   uint64 `json:"i"`
	Entry   []byte `json:"e,omitempty"`
	Request string `json:"r,omitempty"`
	Body    []byte `json:"b,omitempty"`
	Key     uint32 `json:"k,omitempty"`
	Sig     []byte `json:"s,omitempty"`
}

// entry is what the log gets.
func (w row) entry() []byte {
	switch {
	case len(w.Body) > 0:
		return code.EntryOf(w.Body)
	case len(w.Entry) > 0:
		return w.Entry
	}
	return []byte(code.Padding)
}

// book is one open book. Its methods are called with the folder's lock held.
type book struct {
	f    *os.File
	n    uint64  // how many rows were read
	at   []int64 // where every stride-th of them begins
	end  int64   // where they end
	torn bool    // something that is no row follows

	held     []byte // the stride of rows that was looked at last, from row heldFrom on
	heldFrom uint64

	commit func(p []byte, at int64) error // write and sync; tests make it fail
}

// maxLine bounds a row's line, in bytes: the longest entry of a log has 65,535.
const maxLine = 1 << 18

// stride is how many rows are read to find one: a quarter of an octet of memory for each row.
const stride = 32

func openBook(path string) (*book, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, keyMode)
	if err != nil {
		return nil, fmt.Errorf("open book: %w", err)
	}
	b := &book{f: f}
	b.commit = b.writeSync
	return b, nil
}

func (b *book) writeSync(p []byte, at int64) error {
	if _, err := b.f.WriteAt(p, at); err != nil {
		return err
	}
	return b.f.Sync()
}

func (b *book) len() uint64 { return b.n }

// refresh reads the rows that were added since, by whichever process, and shows each to visit. It stops at the first line that is no
// row, which repair then has to judge.
func (b *book) refresh(visit func(row) error) error {
	st, err := b.f.Stat()
	if err != nil {
		return fmt.Errorf("read book %s: %w", b.f.Name(), err)
	}
	b.torn = false
	r := bufio.NewReaderSize(io.NewSectionReader(b.f, b.end, st.Size()-b.end), 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			b.torn = len(line) > 0
			return nil
		}
		if err != nil {
			return fmt.Errorf("read book %s: %w", b.f.Name(), err)
		}
		var w row
		if json.Unmarshal(line, &w) != nil || w.Index != b.len() {
			b.torn = true
			return nil
		}
		if err := visit(w); err != nil {
			return fmt.Errorf("book %s, row %d: %w", b.f.Name(), w.Index, err)
		}
		b.add(len(line))
	}
}

// add notes a row that follows the others.
func (b *book) add(length int) {
	if b.n%stride == 0 {
		b.at = append(b.at, b.end)
	}
	if b.heldFrom == b.n/stride*stride {
		b.held = nil // it ends earlier than the stride does now
	}
	b.n++
	b.end += int64(length)
}

// repair cuts off what a crash left behind the rows. That was never answered to anyone, as an answer waits for the log; so if the log has
// got further than the rows, the book is damaged and nothing is touched.
func (b *book) repair(logSize uint64) error {
	if b.len() < logSize {
		return fmt.Errorf("book %s has %d good rows, the log %d entries: the book is damaged, restore it from a copy", b.f.Name(), b.len(), logSize)
	}
	if !b.torn {
		return nil
	}
	if err := errors.Join(b.f.Truncate(b.end), b.f.Sync()); err != nil {
		return fmt.Errorf("repair book: %w", err)
	}
	b.torn = false
	return nil
}

// append makes rows durable. Their indices are those that follow the book's last row. After an error the rows may or may not be there;
// the next refresh tells.
func (b *book) append(rows []row) error {
	var buf bytes.Buffer
	lengths := make([]int, len(rows))
	e := json.NewEncoder(&buf)
	for i, w := range rows {
		if w.Index != b.len()+uint64(i) {
			return fmt.Errorf("append to book: row %d where %d is next", w.Index, b.len()+uint64(i))
		}
		before := buf.Len()
		if err := e.Encode(w); err != nil {
			return fmt.Errorf("append to book: %w", err)
		}
		lengths[i] = buf.Len() - before
	}
	if err := b.commit(buf.Bytes(), b.end); err != nil {
		return fmt.Errorf("append to book: %w", err)
	}
	for _, n := range lengths {
		b.add(n)
	}
	return nil
}

// row reads one row.
func (b *book) row(i uint64) (row, error) {
	line, err := b.line(i)
	if err != nil {
		return row{}, err
	}
	var w row
	if err := json.Unmarshal(line, &w); err != nil || w.Index != i {
		return row{}, fmt.Errorf("book %s, row %d is damaged", b.f.Name(), i)
	}
	return w, nil
}

// line reads one row's line. It is valid until the next call.
func (b *book) line(i uint64) ([]byte, error) {
	if i >= b.n {
		return nil, fmt.Errorf("book %s has no row %d", b.f.Name(), i)
	}
	if g := i / stride; b.held == nil || b.heldFrom != g*stride {
		to := b.end
		if g+1 < uint64(len(b.at)) {
			to = b.at[g+1]
		}
		if to < b.at[g] || to-b.at[g] > stride*maxLine {
			return nil, fmt.Errorf("book %s, row %d is damaged", b.f.Name(), i)
		}
		b.heldFrom, b.held = g*stride, make([]byte, to-b.at[g])
		if _, err := b.f.ReadAt(b.held, b.at[g]); err != nil {
			b.held = nil
			return nil, fmt.Errorf("read book: %w", err)
		}
	}
	rest := b.held
	for range i - b.heldFrom {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
	}
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		return nil, fmt.Errorf("book %s, row %d is damaged", b.f.Name(), i)
	}
	return rest[:end+1], nil
}

func (b *book) close() error { return b.f.Close() }
