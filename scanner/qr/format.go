package qr

import (
	"math/bits"

	"citygate/scanner/symbol"
)

// This file implements format and version information (sections 7.9 and 7.10, annexes C and D).

const (
	formatMask    = 0x5412
	formatPoly    = 0x537  // x^10 + x^8 + x^5 + x^4 + x^2 + x + 1, the BCH (15,5) code
	versionPoly   = 0x1f25 // x^12 + x^11 + x^10 + x^9 + x^8 + x^5 + x^2 + 1, the (18,6) Golay code
	formatRadius  = 3      // bit errors that each copy of the format information corrects
	versionRadius = 3
)

// formatCode returns the 15 bits of format information as they stand in a symbol. The five data bits are level and mask.
func formatCode(data int) uint32 { return symbol.BCH(data, 10, formatPoly) ^ formatMask }

// formatLevels maps the two level bits (table 12).
var formatLevels = [4]Level{M, L, H, Q}

// formatPlace returns where bit i (14 is the most significant) of a copy of the format information stands (figure 25).
func formatPlace(copyB bool, i, n int) (x, y int) {
	if copyB {
		if i < 8 {
			return n - 1 - i, 8
		}
		return 8, n - 15 + i
	}
	switch {
	case i < 6:
		return 8, i
	case i < 8:
		return 8, i + 1
	case i == 8:
		return 7, 8
	}
	return 14 - i, 8
}

// readFormat finds the level and the mask: the code word that agrees best with both copies, weighing each module by its confidence. It fails
// where neither copy is within reach of that word.
func readFormat(m *Modules) (level Level, mask int, ok bool) {
	var word [2]uint32
	var soft [15]int
	for k := range word {
		for i := range soft {
			v := m.at(formatPlace(k == 1, i, m.Side))
			soft[i] += v
			if v > 0 {
				word[k] |= 1 << i
			}
		}
	}
	best, data := -1<<31, 0
	for d := range 32 {
		sum, code := 0, formatCode(d)
		for i, v := range soft {
			if code>>i&1 == 1 {
				sum += v
			} else {
				sum -= v
			}
		}
		if sum > best {
			best, data = sum, d
		}
	}
	code := formatCode(data)
	a, b := bits.OnesCount32(code^word[0]), bits.OnesCount32(code^word[1])
	return formatLevels[data>>3], data & 7, min(a, b) <= formatRadius
}

// VersionAt reads the version number from one of its two places, the top right one or else the bottom left one, given the module at (x, y) of a
// symbol: true is dark. It returns 0 where no version is within reach.
func readVersion(dark func(x, y int) bool, n int, bottomLeft bool) int {
	var word uint32
	for i := range 18 {
		x, y := n-11+i%3, i/3
		if bottomLeft {
			x, y = y, x
		}
		if dark(x, y) {
			word |= 1 << i
		}
	}
	for v := 7; v <= maxVersion; v++ {
		if bits.OnesCount32(symbol.BCH(v, 12, versionPoly)^word) <= versionRadius {
			return v
		}
	}
	return 0
}
