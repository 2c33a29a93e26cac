package code

// This file implements the part of deterministic CBOR (RFC 8949, 4.2.1) that
// codes use: unsigned integers, byte and text strings, arrays and maps, all of
// definite length with heads as short as possible. Tags, floats, negative
// numbers and nesting that the formats do not ask for are never looked for and
// so never accepted. It is written out because every scan passes through it.

import (
	"encoding/binary"
	"unicode/utf8"
)

// Major types, the upper three bits of a head (RFC 8949, 3.1).
const (
	majorUint     = 0
	majorNegative = 1
	majorBytes    = 2
	majorText     = 3
	majorArray    = 4
	majorMap      = 5
	majorTag      = 6
)

// maxItems limits arrays and maps.
const maxItems = 16

// appendHead adds the shortest head of a major type and its argument.
func appendHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendUint(b []byte, n uint64) []byte { return appendHead(b, majorUint, n) }

func appendBytes(b, s []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(s))), s...)
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

// reader reads CBOR items off the front of b. After the first item that is not
// as asked for, bad is set and every further read returns zero.
type reader struct {
	b   []byte
	bad bool
}

// done says whether everything was as asked for and nothing is left.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }

// head reads one head of the given major type and returns its argument. It
// refuses a head that is longer than its argument needs.
func (r *reader) head(major byte) uint64 {
	if r.bad || len(r.b) == 0 || r.b[0]>>5 != major {
		return r.fail()
	}
	info := r.b[0] & 31
	if info < 24 {
		r.b = r.b[1:]
		return uint64(info)
	}
	if info > 27 { // reserved, or indefinite length
		return r.fail()
	}
	size := 1 << (info - 24)
	if len(r.b) < 1+size {
		return r.fail()
	}
	var n uint64
	for _, c := range r.b[1 : 1+size] {
		n = n<<8 | uint64(c)
	}
	if n < 24 || size > 1 && n>>(size*4) == 0 { // fits the next shorter head
		return r.fail()
	}
	r.b = r.b[1+size:]
	return n
}

func (r *reader) fail() uint64 {
	r.bad, r.b = true, nil
	return 0
}

func (r *reader) uint() uint64 { return r.head(majorUint) }

// bytes reads a byte string of low..high octets.
func (r *reader) bytes(low, high int) []byte { return r.string(majorBytes, low, high) }

// text reads a UTF-8 text string of 1..high octets.
func (r *reader) text(high int) []byte {
	s := r.string(majorText, 1, high)
	if !utf8.Valid(s) {
		r.fail()
	}
	return s
}

func (r *reader) string(major byte, low, high int) []byte {
	n := r.head(major)
	if r.bad || n < uint64(low) || n > uint64(high) || n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

// array and map_ read the head of a collection and return its length.
func (r *reader) array() int { return r.items(majorArray) }
func (r *reader) pairs() int { return r.items(majorMap) }

func (r *reader) items(major byte) int {
	n := r.head(major)
	if n > maxItems {
		r.fail()
		return 0
	}
	return int(n)
}
