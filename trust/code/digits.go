package code

// This file implements the digits of a code's text: groups of 7 octets, each a
// big-endian number of exactly 17 decimal digits, and a tail of 1..6 octets
// with 3, 5, 8, 10, 13 or 15 digits. A QR code's numeric mode takes 3 digits
// in 10 bits (ISO/IEC 18004, 7.4.3), so the text costs 2 % over the bytes.

import "encoding/binary"

const (
	groupBytes  = 7
	groupDigits = 17
)

// digitsOf is the number of digits for a group of so many octets.
var digitsOf = [groupBytes + 1]int{0, 3, 5, 8, 10, 13, 15, groupDigits}

// octetsOf is the inverse of digitsOf, 0 where a length does not occur.
var octetsOf = [groupDigits + 1]int{3: 1, 5: 2, 8: 3, 10: 4, 13: 5, 15: 6, groupDigits: groupBytes}

// EncodeDigits writes octets as decimal digits.
func EncodeDigits(b []byte) string {
	out := make([]byte, 0, (len(b)+groupBytes-1)/groupBytes*groupDigits)
	for len(b) > 0 {
		n := min(len(b), groupBytes)
		v := uint64(0)
		for _, c := range b[:n] {
			v = v<<8 | uint64(c)
		}
		end := len(out) + digitsOf[n]
		out = out[:end]
		for i := end - 1; i >= end-digitsOf[n]; i-- {
			out[i] = '0' + byte(v%10)
			v /= 10
		}
		b = b[n:]
	}
	return string(out)
}

// DecodeDigits reads what EncodeDigits writes, and nothing else: it refuses
// other characters, groups above their octets' range, and other tail lengths,
// with an error that wraps ErrMalformed.
func DecodeDigits(s string) ([]byte, error) {
	tail := len(s) % groupDigits
	if tail > 0 && octetsOf[tail] == 0 {
		return nil, malformed("number of digits")
	}
	size := len(s)/groupDigits*groupBytes + octetsOf[tail]
	b := make([]byte, size+1) // one more, so that 8 octets fit at the last group
	for at := 0; at < size; at += groupBytes {
		n := min(len(s), groupDigits)
		v, ok := decodeGroup(s[:n])
		if !ok {
			return nil, malformed("group of digits out of range")
		}
		if n == groupDigits {
			binary.BigEndian.PutUint64(b[at:], v<<8)
		} else {
			for i := size - 1; i >= at; i-- {
				b[i] = byte(v)
				v >>= 8
			}
		}
		s = s[n:]
	}
	return b[:size:size], nil
}

// decodeGroup reads one group of whole length, and says whether it holds only
// digits and stays in the range of its octets.
func decodeGroup(s string) (uint64, bool) {
	n, v, digits := len(s), uint64(0), true
	for ; len(s) >= 8; s = s[8:] {
		eight := load8(s)
		digits = digits && eightDigits(eight)
		v = v*1e8 + eightValue(eight)
	}
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		digits = digits && c <= 9
		v = v*10 + uint64(c)
	}
	return v, digits && v>>(8*octetsOf[n]) == 0
}

// onlyDigits says whether s has no other characters than digits.
func onlyDigits(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if !eightDigits(load8(s)) {
			return false
		}
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// The next three read eight characters at once, the first one in the lowest
// octet: a sealed code has 800 digits, and they are half of its parsing.

func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// eightDigits: '0'..'9' are 30..39, so the high half of each octet is 3, and
// still is when 6 is added. An octet that carries into the next has a wrong
// high half itself.
func eightDigits(x uint64) bool {
	const high, three, six = 0xf0f0f0f0f0f0f0f0, 0x3030303030303030, 0x0606060606060606
	return x&high == three && (x+six)&high == three
}

// eightValue joins neighbours in three steps: octets to pairs below 100, pairs
// to fours below 10^4, fours to the eight.
func eightValue(x uint64) uint64 {
	x = x & 0x0f0f0f0f0f0f0f0f * (10<<8 + 1) >> 8
	x = x & 0x00ff00ff00ff00ff * (100<<16 + 1) >> 16
	return x & 0x0000ffff0000ffff * (10000<<32 + 1) >> 32
}
