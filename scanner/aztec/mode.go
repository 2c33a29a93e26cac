package aztec

import "citygate/scanner/reedsolomon"

// This file implements the mode message (section 7.2.3): layers and codewords of a symbol, or the value of a rune (annex A), with check words in GF(16).

// mode is what a mode message says.
type mode struct {
	kind
	words int  // data codewords
	rune  int  // value of a rune, -1 for a symbol
	setup bool // the symbol configures the reader (section 9): the highest bit of the count, which no symbol of its size needs
}

// runeMask inverts every other bit of a rune's mode message, which no symbol's has.
const runeMask = 0xAAAAAAA

// readMode corrects and reads a mode message of 28 or 40 bits, most significant first.
func readMode(rs *reedsolomon.Decoder, compact bool, message uint64) (m mode, ok bool) {
	n, check := 10, 6
	if compact {
		n, check = 7, 5
	}
	var words [10]uint16
	fill := func(message uint64) []uint16 {
		for i := range n {
			words[i] = uint16(message >> (4 * (n - 1 - i)) & 15)
		}
		return words[:n]
	}
	value := func() (v int) {
		for _, w := range words[:n-check] {
			v = v<<4 | int(w)
		}
		return v
	}
	if _, ok := rs.Decode(fill(message), check, nil); ok {
		v := value()
		if compact {
			setup := v>>6 == 0 && v&0x20 != 0
			if setup {
				v &^= 0x20
			}
			return mode{kind{true, v>>6 + 1}, v&63 + 1, -1, setup}, true
		}
		setup := v>>11 < 22 && v&0x400 != 0
		if setup {
			v &^= 0x400
		}
		return mode{kind{false, v>>11 + 1}, v&2047 + 1, -1, setup}, true
	}
	if compact {
		if _, ok := rs.Decode(fill(message^runeMask), check, nil); ok {
			return mode{kind{true, 0}, 0, value(), false}, true
		}
	}
	return mode{}, false
}
