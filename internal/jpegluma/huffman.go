package jpegluma

// This file implements Huffman tables and the bit stream that they read.

import (
	"encoding/binary"
	"fmt"
)

const fastBits = 9 // codes up to this length are looked up at once

// huffman is a table for decoding.
type huffman struct {
	set    bool
	fast   [1 << fastBits]uint16 // length<<8 | value; 0 is a longer code
	above  [18]uint32            // by length: the first code, aligned to 16 bits, that is longer
	offset [17]int32             // by length: index of a code's value, less the code
	values [256]byte
}

// huffmanTables reads B.2.4.2.
func (d *Decoder) huffmanTables(b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 {
			return fmt.Errorf("%w: Huffman table", ErrDamaged)
		}
		class, id, total := b[0]>>4, b[0]&15, 0
		for _, n := range b[1:17] {
			total += int(n)
		}
		if class > 1 || id > 3 || total > 256 || len(b) < 17+total {
			return fmt.Errorf("%w: Huffman table", ErrDamaged)
		}
		t := &d.dc[id]
		if class == 1 {
			t = &d.ac[id]
		}
		if err := t.build(b[1:17], b[17:17+total]); err != nil {
			return err
		}
		b = b[17+total:]
	}
	return nil
}

// build makes the table from the number of codes of each length (annex C).
func (t *huffman) build(counts, values []byte) error {
	clear(t.fast[:])
	clear(t.values[:])
	copy(t.values[:], values)
	var code uint32
	k := 0
	for n := 1; n <= 16; n++ {
		t.offset[n] = int32(k) - int32(code)
		for range counts[n-1] {
			if code >= 1<<n {
				return fmt.Errorf("%w: a Huffman table with too many codes", ErrDamaged)
			}
			if n <= fastBits {
				first := code << (fastBits - n)
				for i := range uint32(1) << (fastBits - n) {
					t.fast[first+i] = uint16(n)<<8 | uint16(values[k])
				}
			}
			code++
			k++
		}
		t.above[n] = code << (16 - n)
		code <<= 1
	}
	t.above[17] = 1 << 17
	t.set = true
	return nil
}

// bitReader reads the entropy-coded segment. Bits wait at the top of acc; past
// the end, or at a marker, it gives zeros and counts them.
type bitReader struct {
	b   []byte
	at  int
	acc uint64
	n   int  // bits in acc
	pad int  // zeros that were made up, in acc or taken already
	bad bool // a code was read that no table has
}

// fill brings at least 57 bits into acc.
func (r *bitReader) fill() {
	if r.at+8 <= len(r.b) {
		x := binary.BigEndian.Uint64(r.b[r.at:])
		// No byte is 0xff: none of them is 0 when inverted.
		if (^x-0x0101010101010101)&x&0x8080808080808080 == 0 {
			// Bits beyond the last whole byte come again with the next
			// fill, at the same place, and are the same.
			r.acc |= x >> r.n
			k := (64 - r.n) >> 3
			r.at += k
			r.n += 8 * k
			return
		}
	}
	for r.n <= 56 {
		v := byte(0)
		switch {
		case r.at >= len(r.b):
			r.pad += 8
		case r.b[r.at] != 0xff:
			v = r.b[r.at]
			r.at++
		case r.at+1 < len(r.b) && r.b[r.at+1] == 0: // a stuffed byte, F.1.2.3
			v = 0xff
			r.at += 2
		default: // a marker
			r.pad += 8
		}
		r.acc |= uint64(v) << (56 - r.n)
		r.n += 8
	}
}

// damaged reports whether bits were taken that were not there, or made no sense.
func (r *bitReader) damaged() bool { return r.bad || r.pad > r.n }

// skip takes k bits.
func (r *bitReader) skip(k int) {
	r.acc <<= k
	r.n -= k
}

// symbol decodes the next value. There must be 16 bits.
func (r *bitReader) symbol(t *huffman) int {
	if e := t.fast[r.acc>>(64-fastBits)]; e != 0 {
		r.skip(int(e >> 8))
		return int(e & 0xff)
	}
	top := uint32(r.acc >> 48)
	n := fastBits + 1
	for top >= t.above[n] {
		n++
	}
	if n > 16 {
		r.bad = true
		r.skip(16)
		return 0
	}
	r.skip(n)
	return int(t.values[byte(int32(top>>(16-n))+t.offset[n])])
}

// extend takes k bits, of 1 to 15, as a signed value (figure F.12).
func (r *bitReader) extend(k int) int32 {
	v := int32(r.acc >> (64 - k))
	negative := int32(int64(r.acc)>>63) + 1 // 1 if the first bit is 0
	r.skip(k)
	return v - negative*(1<<k-1)
}

// next goes to the restart marker that must come now, and behind it.
func (r *bitReader) next(number int) error {
	for r.at+2 < len(r.b) && r.b[r.at] == 0xff && r.b[r.at+1] == 0xff {
		r.at++
	}
	if r.damaged() || r.n-r.pad >= 8 || r.at+2 > len(r.b) || r.b[r.at] != 0xff || r.b[r.at+1] != rst0+byte(number&7) {
		return fmt.Errorf("%w: restart marker %d is not where it should be", ErrDamaged, number)
	}
	*r = bitReader{b: r.b, at: r.at + 2}
	return nil
}
