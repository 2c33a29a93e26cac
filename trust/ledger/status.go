package ledger

import (
	"fmt"
	"maps"
	"slices"
)

// This file implements the entries of a status log and their fold.

// Status is what a status log says of a record, or does to it.
type Status uint64

// Good, Revoked and Suspended are what a record can be. Restored is only an
// action: it ends a suspension, and nothing else. The numbers are those of the
// wire; a number from 4 on is unknown and means Suspended.
const (
	Good      Status = 0
	Revoked   Status = 1
	Suspended Status = 2
	Restored  Status = 3
)

// String returns the status as one word.
func (s Status) String() string {
	switch s {
	case Good:
		return "good"
	case Revoked:
		return "revoked"
	case Restored:
		return "restored"
	}
	return "suspended"
}

// StatusEntry is one entry of a status log.
type StatusEntry struct {
	_      struct{} `cbor:",toarray"`
	Index  uint64   // of the record in the records log, below 2^48
	Status Status   // Revoked, Suspended, Restored, or unknown
	Time   int64    // Unix seconds, when the registry decided; not negative
}

// MaxIndex is the bound of leaf indices in a records log.
const MaxIndex = 1 << 48

// Encode returns the entry's bytes.
func (e StatusEntry) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return encode(e)
}

func (e StatusEntry) check() error {
	if e.Index >= MaxIndex || e.Status == Good || e.Time < 0 {
		return fmt.Errorf("status entry %d, %d, %d is out of range", e.Index, e.Status, e.Time)
	}
	return nil
}

// ParseStatusEntry reads what Encode makes, and nothing else.
func ParseStatusEntry(raw []byte) (StatusEntry, error) {
	var e StatusEntry
	if err := decode(raw, &e); err != nil {
		return StatusEntry{}, fmt.Errorf("status entry: %w", err)
	}
	if err := e.check(); err != nil {
		return StatusEntry{}, err
	}
	return e, nil
}

// StatusSet is the fold of a status log: one status for each record, in pages
// of 65,536 records that are sorted lists while few of their records are not
// good, and two bits for each record from then on. A StatusSet never changes.
// The zero StatusSet, and a nil one, hold every record good.
type StatusSet struct {
	pages map[uint32]*statusPage
	// Void counts the entries that could not be read.
	Void int
}

const (
	pageBits  = 16
	maxSparse = 4096 // from here on two bits for each record take less
)

// statusPage has either sparse or dense set.
type statusPage struct {
	sparse []uint32 // low 16 bits of the index << 2 | status, ascending
	dense  []byte   // two bits for each record
}

// With returns the fold of s and further entries, in the log's order. An entry
// that cannot be read changes nothing and is counted.
func (s *StatusSet) With(raws [][]byte) *StatusSet {
	n := &StatusSet{pages: map[uint32]*statusPage{}}
	if s != nil {
		n.pages, n.Void = maps.Clone(s.pages), s.Void
	}
	if n.pages == nil {
		n.pages = map[uint32]*statusPage{}
	}
	mine := map[uint32]bool{} // pages copied for this fold
	for _, raw := range raws {
		e, err := ParseStatusEntry(raw)
		if err != nil {
			if !isSnapshotPart(raw) {
				n.Void++
			}
			continue
		}
		next := e.Status.after(n.Of(e.Index))
		if next == n.Of(e.Index) {
			continue
		}
		k := uint32(e.Index >> pageBits)
		if !mine[k] {
			n.pages[k], mine[k] = n.pages[k].clone(), true
		}
		n.pages[k].set(uint16(e.Index), next)
	}
	return n
}

// after returns what the action s makes of a record that was old.
func (s Status) after(old Status) Status {
	switch {
	case old == Revoked:
		return Revoked
	case s == Revoked:
		return Revoked
	case s == Restored || s == Good:
		return Good
	}
	return Suspended
}

// Of returns the status of the record at index: Good, Revoked or Suspended. Its
// cost is bounded whatever the log's size.
func (s *StatusSet) Of(index uint64) Status {
	if s == nil || index >= MaxIndex {
		return Good
	}
	p := s.pages[uint32(index>>pageBits)]
	if p == nil {
		return Good
	}
	low := uint16(index)
	if p.dense != nil {
		return Status(p.dense[low/4]>>(low%4*2)) & 3
	}
	if i, ok := p.find(low); ok {
		return Status(p.sparse[i] & 3)
	}
	return Good
}

// find returns the place of a record in the sparse list. It is written out because
// slices.BinarySearchFunc calls a function for each step, and this is the status
// check of every scan.
func (p *statusPage) find(low uint16) (int, bool) {
	key := uint32(low) << 2 // not above the record's entry, whatever its status
	i, j := 0, len(p.sparse)
	for i < j {
		h := int(uint(i+j) >> 1)
		if p.sparse[h] < key {
			i = h + 1
		} else {
			j = h
		}
	}
	return i, i < len(p.sparse) && p.sparse[i]>>2 == uint32(low)
}

func (p *statusPage) clone() *statusPage {
	if p == nil {
		return &statusPage{}
	}
	return &statusPage{sparse: slices.Clone(p.sparse), dense: slices.Clone(p.dense)}
}

// set changes one record of a page that nobody else holds yet.
func (p *statusPage) set(low uint16, s Status) {
	if p.dense == nil {
		i, ok := p.find(low)
		switch {
		case ok && s == Good:
			p.sparse = slices.Delete(p.sparse, i, i+1)
		case ok:
			p.sparse[i] = uint32(low)<<2 | uint32(s)
		default:
			p.sparse = slices.Insert(p.sparse, i, uint32(low)<<2|uint32(s))
		}
		if len(p.sparse) < maxSparse {
			return
		}
		p.dense = make([]byte, 1<<pageBits/4)
		for _, e := range p.sparse {
			p.put(uint16(e>>2), Status(e&3))
		}
		p.sparse = nil
		return
	}
	p.put(low, s)
}

func (p *statusPage) put(low uint16, s Status) {
	shift := low % 4 * 2
	p.dense[low/4] = p.dense[low/4]&^(3<<shift) | byte(s)<<shift
}
