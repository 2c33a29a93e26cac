package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// This file implements snapshots: entries of a status log that hold the fold of
// all entries before them, so that a reader without a history, a telephone,
// starts from the newest one. They change nothing for whoever reads the log from
// its beginning. A monitor compares them with the fold.

// SnapshotInterval says where snapshots begin: at entries whose index is a
// multiple of it, so that a reader finds the newest from the log's size.
const SnapshotInterval = 4096

// maxSnapshotList is the longest list in one entry, in bytes.
const maxSnapshotList = 32 << 10

// SnapshotPart is one entry of a snapshot.
type SnapshotPart struct {
	_ struct{} `cbor:",toarray"`
	// Size is how many entries the snapshot folds: the index of its part 0.
	Size uint64
	// Part counts from 0; its entry has the index Size+Part.
	Part, Parts uint64
	// List holds the records that are not good, by rising index: for each, as a
	// varint (7 bits in each byte, the lowest first), twice the distance from the
	// record before it, plus one if it is suspended. Part's first distance is
	// from 0.
	List []byte
}

// EncodeSnapshot returns the entries of the snapshot of a set that folds the
// first size entries of a status log.
func EncodeSnapshot(s *StatusSet, size uint64) ([][]byte, error) {
	lists := [][]byte{nil}
	before := uint64(0)
	for _, r := range s.NotGood() {
		last := &lists[len(lists)-1]
		if len(*last) > maxSnapshotList-binary.MaxVarintLen64 {
			lists, before = append(lists, nil), 0
			last = &lists[len(lists)-1]
		}
		v := (r.Index - before) << 1
		if r.Status == Suspended {
			v |= 1
		}
		*last, before = binary.AppendUvarint(*last, v), r.Index
	}
	var entries [][]byte
	for i, l := range lists {
		if l == nil {
			l = []byte{}
		}
		e, err := encode(SnapshotPart{Size: size, Part: uint64(i), Parts: uint64(len(lists)), List: l})
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// ParseSnapshotPart reads the entry that a status log has at index, if it is one
// of a snapshot in the only form that EncodeSnapshot writes.
func ParseSnapshotPart(index uint64, raw []byte) (SnapshotPart, error) {
	var p SnapshotPart
	if err := decode(raw, &p); err != nil {
		return SnapshotPart{}, fmt.Errorf("snapshot: %w", err)
	}
	if p.Part >= p.Parts || p.Parts > SnapshotInterval || p.Size > MaxIndex || index != p.Size+p.Part || p.Size%SnapshotInterval != 0 ||
		len(p.List) > maxSnapshotList {
		return SnapshotPart{}, errors.New("snapshot: out of range or out of place")
	}
	if _, err := p.records(); err != nil {
		return SnapshotPart{}, err
	}
	return p, nil
}

// isSnapshotPart says whether an entry is one of a snapshot, at the place that it
// names itself.
func isSnapshotPart(raw []byte) bool {
	var p SnapshotPart
	if decode(raw, &p) != nil {
		return false
	}
	_, err := ParseSnapshotPart(p.Size+p.Part, raw)
	return err == nil
}

// records reads the list of a part.
func (p SnapshotPart) records() ([]RecordStatus, error) {
	var all []RecordStatus
	at := uint64(0)
	for b := p.List; len(b) > 0; {
		v, n := binary.Uvarint(b)
		if n <= 0 || !bytes.Equal(binary.AppendUvarint(nil, v), b[:n]) {
			return nil, errors.New("snapshot: not a list of varints in their one form")
		}
		if len(all) > 0 && v>>1 == 0 || v>>1 >= MaxIndex || at+v>>1 >= MaxIndex {
			return nil, errors.New("snapshot: records out of order")
		}
		at += v >> 1
		all, b = append(all, RecordStatus{Index: at, Status: Revoked + Status(v&1)}), b[n:]
	}
	return all, nil
}

// StatusesOf returns what a whole snapshot says: its parts in their order.
func StatusesOf(parts []SnapshotPart) (*StatusSet, error) {
	s := &StatusSet{pages: map[uint32]*statusPage{}}
	next := uint64(0)
	for i, p := range parts {
		if p.Part != uint64(i) || p.Parts != uint64(len(parts)) || p.Size != parts[0].Size {
			return nil, errors.New("snapshot: not all parts of one")
		}
		records, err := p.records()
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if r.Index < next {
				return nil, errors.New("snapshot: parts out of order")
			}
			next = r.Index + 1
			k := uint32(r.Index >> pageBits)
			if s.pages[k] == nil {
				s.pages[k] = &statusPage{}
			}
			s.pages[k].set(uint16(r.Index), r.Status)
		}
	}
	return s, nil
}

// RecordStatus is the status of one record.
type RecordStatus struct {
	Index  uint64
	Status Status // Revoked or Suspended
}

// NotGood returns the records that are revoked or suspended, by rising index.
func (s *StatusSet) NotGood() []RecordStatus {
	if s == nil {
		return nil
	}
	var all []RecordStatus
	for _, k := range slices.Sorted(maps.Keys(s.pages)) {
		p, first := s.pages[k], uint64(k)<<pageBits
		for _, e := range p.sparse {
			all = append(all, RecordStatus{first + uint64(e>>2), Status(e & 3)})
		}
		if p.dense == nil {
			continue
		}
		for i := range uint64(1 << pageBits) {
			if st := s.Of(first + i); st != Good {
				all = append(all, RecordStatus{first + i, st})
			}
		}
	}
	return all
}
