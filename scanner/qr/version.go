// Package qr finds, samples and decodes QR Code symbols (ISO/IEC 18004:2015).
//
// Each file is one stage. From pixels to modules: triples.go, pairs.go, timing.go, locate.go, marks.go, align.go, focus.go, sample.go. From modules to text: version.go, format.go,
// codewords.go, segments.go, decode.go; these know nothing of pixels.
package qr

// This file implements the symbol versions: sizes, alignment patterns and error correction characteristics (section 6.1, tables 1 and 9, annex E).

// Level is an error correction level, in the order of its strength.
type Level uint8

// The four levels.
const (
	L Level = iota
	M
	Q
	H
)

// String returns the level's letter.
func (l Level) String() string { return string("LMQH"[l&3]) }

const (
	minVersion = 1
	maxVersion = 40
	maxSide    = 17 + 4*maxVersion // modules
)

// side returns the modules along one side of a version.
func side(version int) int { return 17 + 4*version }

// checkCodewords is the number of error correction codewords of each block, by level and version (table 9).
var checkCodewords = [4][maxVersion]byte{
	L: {7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
	M: {10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28},
	Q: {13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30, 28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
	H: {17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28, 30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
}

// blocks is the number of error correction blocks, by level and version (table 9).
var blocks = [4][maxVersion]byte{
	L: {1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25},
	M: {1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49},
	Q: {1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20, 23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68},
	H: {1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25, 25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81},
}

// alignment returns the row and column numbers of the alignment patterns' centres (annex E), and how many there are: none in version 1.
// They lie on the sixth row, at even distances up to six modules before the far side.
func alignment(version int) (at [7]int, n int) {
	if version < 2 {
		return at, 0
	}
	n = version/7 + 2
	step := (version*8 + n*3 + 5) / (n*4 - 4) * 2
	if version == 32 {
		step = 26
	}
	for i, pos := n-1, side(version)-7; i > 0; i, pos = i-1, pos-step {
		at[i] = pos
	}
	at[0] = 6
	return at, n
}

// layout tells for one version which modules are function patterns, format or version information.
type layout struct {
	version, side int
	function      []bool
	codewords     int
}

// set fills the layout for a version (section 6.3).
func (l *layout) set(version int) {
	if l.version == version {
		return
	}
	n := side(version)
	l.version, l.side = version, n
	if cap(l.function) < n*n {
		l.function = make([]bool, n*n)
	}
	l.function = l.function[:n*n]
	clear(l.function)
	l.mark(0, 0, 9, 9)
	l.mark(n-8, 0, 8, 9)
	l.mark(0, n-8, 9, 8)
	l.mark(6, 0, 1, n)
	l.mark(0, 6, n, 1)
	at, k := alignment(version)
	for j := range k {
		for i := range k {
			if (i > 0 || j > 0) && (i > 0 || j < k-1) && (i < k-1 || j > 0) {
				l.mark(at[i]-2, at[j]-2, 5, 5)
			}
		}
	}
	if version >= 7 {
		l.mark(n-11, 0, 3, 6)
		l.mark(0, n-11, 6, 3)
	}
	free := 0
	for _, f := range l.function {
		if !f {
			free++
		}
	}
	l.codewords = free / 8
}

func (l *layout) mark(x, y, w, h int) {
	for j := y; j < y+h; j++ {
		for i := x; i < x+w; i++ {
			l.function[j*l.side+i] = true
		}
	}
}
