package microqr

import (
	"math/bits"

	"citygate/scanner/symbol"
)

// This file implements format information (section 7.9.2, annex C).

const (
	formatMask   = 0x4445
	formatPoly   = 0x537 // x^10 + x^8 + x^5 + x^4 + x^2 + x + 1, the BCH (15,5) code
	formatRadius = 3     // bit errors that are corrected
	strictRadius = 1     // the same where little else protects the text
)

// formatPlace returns where bit i of the format information stands, 14 being the most significant (figure 26).
func formatPlace(i int) (x, y int) {
	if i >= 7 {
		return 15 - i, 8
	}
	return 8, i + 1
}

// format is what the format information says.
type format struct {
	kind *kind
	mask int
	off  int // modules that disagree
}

// readFormat finds the code word that agrees best with the modules, weighing each by its confidence.
func readFormat(at func(x, y int) int) format {
	var soft [15]int
	var word uint32
	for i := range soft {
		if soft[i] = at(formatPlace(i)); soft[i] > 0 {
			word |= 1 << i
		}
	}
	best, data, code := -1<<31, 0, uint32(0)
	for d := range 32 {
		sum, c := 0, symbol.BCH(d, 10, formatPoly)^formatMask
		for i, v := range soft {
			if c>>i&1 == 1 {
				sum += v
			} else {
				sum -= v
			}
		}
		if sum > best {
			best, data, code = sum, d, c
		}
	}
	return format{&kinds[data>>2], data & 3, bits.OnesCount32(code ^ word)}
}

// masks are the four data masks by their numbers among QR Code's eight (table 10).
var masks = [4]int{1, 4, 6, 7}
