package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Draft is an event that is encoded but for its number. The number is only known inside the transaction that stores
// the event; everything else about the encoding can be done before, by whoever has the event.
type Draft struct {
	head []byte // up to and with the key of the number
	tail []byte // behind the number
}

// draftSeq is the number that stands in an encoding while it is cut; it takes one byte.
const draftSeq = 1

// Draft checks and encodes the event. Device, Epoch and Seq are ignored.
func (e Event) Draft() (Draft, error) {
	e.Seq = draftSeq
	b, err := e.Encode()
	if err != nil {
		return Draft{}, err
	}
	// Keys are sorted and the map has less than 24 of them: one byte of map header, then 00 version 01 number.
	const seqAt = 4
	if b[3] != 1 || b[seqAt] != draftSeq {
		return Draft{}, malformed("event encoding does not begin with version and number")
	}
	if len(b)+8 > MaxEvent {
		return Draft{}, fmt.Errorf("encode event: %w", malformed("%d bytes, at most %d are allowed", len(b)+8, MaxEvent))
	}
	return Draft{head: b[:seqAt:seqAt], tail: b[seqAt+1:]}, nil
}

// Number returns the encoding of the event with the given number: the same bytes as [Event.Encode].
func (d Draft) Number(seq uint64) []byte {
	b := slices.Grow([]byte(nil), len(d.head)+9+len(d.tail))
	b = append(b, d.head...)
	switch {
	case seq < 24:
		b = append(b, byte(seq))
	case seq < 1<<8:
		b = append(b, 0x18, byte(seq))
	case seq < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x19), uint16(seq))
	case seq < 1<<32:
		b = binary.BigEndian.AppendUint32(append(b, 0x1a), uint32(seq))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x1b), seq)
	}
	return append(b, d.tail...)
}
