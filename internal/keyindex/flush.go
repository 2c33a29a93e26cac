package keyindex

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"citygate/internal/durable"
)

// This file implements Flush: the file and what is in memory are merged into a new file.

// Flush writes everything into the file, with the caller's state. After an error the index is as it was.
func (x *Index) Flush(state []byte) (err error) {
	if len(state) > maxState {
		return fmt.Errorf("write index %s: the state is longer than %d bytes", x.path, maxState)
	}
	if x.path == "" {
		return errors.New("write index: it has no file")
	}
	f, err := os.CreateTemp(filepath.Dir(x.path), "."+filepath.Base(x.path)+".*")
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write index %s: %w", x.path, err)
		}
	}()
	w := &writer{w: bufio.NewWriterSize(f, 1<<18), f: f}
	if _, err := f.Seek(headerSize, 0); err != nil {
		return err
	}
	if err := x.merge(w.add); err != nil {
		return err
	}
	if err := w.finish(x.key[:], state); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), x.path); err != nil {
		return err
	}
	if err := durable.SyncDir(filepath.Dir(x.path)); err != nil {
		return err
	}
	old := x.f
	x.f, x.n, x.first, x.state = f, w.n, w.first, state
	x.clearDelta()
	if old != nil {
		old.Close() // it was only read
	}
	return nil
}

// merge calls add with all entries in their order, none twice.
func (x *Index) merge(add func(entry) error) error {
	fresh := make([]entry, 0, x.count)
	for h, r := range x.delta {
		fresh = append(fresh, entry{h, r})
	}
	for h, rs := range x.more {
		for _, r := range rs {
			fresh = append(fresh, entry{h, r})
		}
	}
	slices.SortFunc(fresh, compare)
	var last *entry
	put := func(e entry) error {
		if last != nil && *last == e {
			return nil
		}
		last = &e
		return add(e)
	}
	for b := range x.first {
		es, err := x.block(b)
		if err != nil {
			return err
		}
		for i := range es.len() {
			e := es.at(i)
			for len(fresh) > 0 && compare(fresh[0], e) < 0 {
				if err := put(fresh[0]); err != nil {
					return err
				}
				fresh = fresh[1:]
			}
			if err := put(e); err != nil {
				return err
			}
		}
	}
	for _, e := range fresh {
		if err := put(e); err != nil {
			return err
		}
	}
	return nil
}

// writer writes blocks.
type writer struct {
	f     *os.File
	w     *bufio.Writer
	block []byte
	n     uint64
	first []uint64
}

func (w *writer) add(e entry) error {
	if e.row > MaxRow {
		return errors.New("row number out of range")
	}
	if len(w.block) == 0 {
		w.first = append(w.first, e.hash)
	}
	w.block = binary.BigEndian.AppendUint64(w.block, e.hash)
	w.block = binary.BigEndian.AppendUint16(w.block, uint16(e.row>>32))
	w.block = binary.BigEndian.AppendUint32(w.block, uint32(e.row))
	w.n++
	if len(w.block) < blockLen*entrySize {
		return nil
	}
	return w.endBlock()
}

func (w *writer) endBlock() error {
	if len(w.block) == 0 {
		return nil
	}
	w.block = binary.BigEndian.AppendUint32(w.block, crc32.Checksum(w.block, castagnoli))
	_, err := w.w.Write(w.block)
	w.block = w.block[:0]
	return err
}

// finish writes what follows the blocks, and the header.
func (w *writer) finish(key, state []byte) error {
	if err := w.endBlock(); err != nil {
		return err
	}
	tail := make([]byte, 0, 8*len(w.first)+len(state))
	for _, h := range w.first {
		tail = binary.BigEndian.AppendUint64(tail, h)
	}
	tail = append(tail, state...)
	if _, err := w.w.Write(tail); err != nil {
		return err
	}
	if err := w.w.Flush(); err != nil {
		return err
	}
	head := append([]byte(magic), key...)
	head = binary.BigEndian.AppendUint64(head, w.n)
	head = binary.BigEndian.AppendUint64(head, uint64(len(state)))
	head = binary.BigEndian.AppendUint32(head, crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, tail))
	if _, err := w.f.WriteAt(head, 0); err != nil {
		return err
	}
	return w.f.Sync()
}
