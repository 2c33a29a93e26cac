package rmqr

import (
	"math/bits"

	"citygate/scanner/symbol"
)

// This file implements format information (section 7.10, annex C): six bits, level and version, in the (18,6) Golay code of QR Code's version information.

const (
	formatBits     = 18
	formatPoly     = 0x1f25  // x^12 + x^11 + x^10 + x^9 + x^8 + x^5 + x^2 + 1
	finderMask     = 0x1fab2 // of the copy beside the finder pattern
	subFinderMask  = 0x20a7b // of the copy beside the sub-finder pattern
	formatRadius   = 3       // bit errors that each copy corrects
	formatCheckLen = 12
)

// formatPlace returns where bit i (0 is the least significant) of a copy of the format information stands, in a symbol of w x h modules: in columns of five, from
// the finder pattern outwards, the last three bits in a column or a row of their own.
func formatPlace(i int, sub bool, w, h int) (x, y int) {
	if !sub {
		return 8 + i/5, 1 + i%5
	}
	if i >= 15 {
		return w - 5 + i - 15, h - 6
	}
	return w - 8 + i/5, h - 6 + i%5
}

// format is what a copy of the format information says.
type format struct {
	version Version
	level   Level
	off     int // modules that disagree
	trust   int // by how much the modules agree more than with the next best, in their own units
}

// decodeFormat finds the code word that agrees best with the modules, weighing each by its confidence.
func decodeFormat(soft *[formatBits]int, mask uint32) format {
	var word uint32
	for i, v := range soft {
		if v > 0 {
			word |= 1 << i
		}
	}
	best, second, data, code := -1<<31, -1<<31, 0, uint32(0)
	for d := range 64 {
		sum, c := 0, symbol.BCH(d, formatCheckLen, formatPoly)^mask
		for i, v := range soft {
			if c>>i&1 == 1 {
				sum += v
			} else {
				sum -= v
			}
		}
		if sum > best {
			best, second, data, code = sum, best, d, c
		} else {
			second = max(second, sum)
		}
	}
	return format{Version(data & 31), Level(data >> 5), bits.OnesCount32(code ^ word), best - second}
}

// readFormat reads both copies of a whole symbol and believes the better one.
func readFormat(m *Modules) format {
	var copies [2]format
	for k, mask := range [...]uint32{finderMask, subFinderMask} {
		var soft [formatBits]int
		for i := range soft {
			soft[i] = m.at(formatPlace(i, k == 1, m.W, m.H))
		}
		copies[k] = decodeFormat(&soft, mask)
	}
	if copies[1].off < copies[0].off {
		return copies[1]
	}
	return copies[0]
}
