// Package rmqr finds, samples and decodes rectangular Micro QR Code symbols, rMQR (ISO/IEC 23941:2022): 32 sizes from R7x43 to R17x139.
//
// Each file is one stage. From pixels to modules: reader.go, over package lone, which locates symbols with one finder pattern. From modules to text:
// version.go, layout.go, format.go, decode.go; these know nothing of pixels.
package rmqr

import (
	"fmt"

	"citygate/scanner/symbol"
)

// This file implements versions and their characteristics (sections 7.1, 7.4 and 7.5; tables 1, 3, 5 and 8).

// Level is an error correction level.
type Level uint8

// The two levels.
const (
	M Level = iota
	H
)

// String returns the level's letter.
func (l Level) String() string { return string("MH"[l&1]) }

// Version is one of the 32 sizes, in the order of their version indicators.
type Version uint8

const (
	versions  = 32
	maxWidth  = 139
	maxHeight = 17
)

// String returns the version's name, e.g. "R7x43".
func (v Version) String() string {
	return fmt.Sprintf("R%dx%d", sizes[v%versions].h, sizes[v%versions].w)
}

// size is what depends on the version. The values by level are for M and H.
type size struct {
	h, w      int
	codewords int
	data      [2]int // codewords
	blocks    [2]int
	count     [4]int // bits of a character count: numeric, alphanumeric, byte, Kanji
}

var sizes = [versions]size{
	{7, 43, 13, [2]int{6, 3}, [2]int{1, 1}, [4]int{4, 3, 3, 2}},
	{7, 59, 21, [2]int{12, 7}, [2]int{1, 1}, [4]int{5, 5, 4, 3}},
	{7, 77, 32, [2]int{20, 10}, [2]int{1, 1}, [4]int{6, 5, 5, 4}},
	{7, 99, 44, [2]int{28, 14}, [2]int{1, 1}, [4]int{7, 6, 5, 5}},
	{7, 139, 68, [2]int{44, 24}, [2]int{1, 2}, [4]int{7, 6, 6, 5}},
	{9, 43, 21, [2]int{12, 7}, [2]int{1, 1}, [4]int{5, 5, 4, 3}},
	{9, 59, 33, [2]int{21, 11}, [2]int{1, 1}, [4]int{6, 5, 5, 4}},
	{9, 77, 49, [2]int{31, 17}, [2]int{1, 2}, [4]int{7, 6, 5, 5}},
	{9, 99, 66, [2]int{42, 22}, [2]int{1, 2}, [4]int{7, 6, 6, 5}},
	{9, 139, 99, [2]int{63, 33}, [2]int{2, 3}, [4]int{8, 7, 6, 6}},
	{11, 27, 15, [2]int{7, 5}, [2]int{1, 1}, [4]int{4, 4, 3, 2}},
	{11, 43, 31, [2]int{19, 11}, [2]int{1, 1}, [4]int{6, 5, 5, 4}},
	{11, 59, 47, [2]int{31, 15}, [2]int{1, 2}, [4]int{7, 6, 5, 5}},
	{11, 77, 67, [2]int{43, 23}, [2]int{1, 2}, [4]int{7, 6, 6, 5}},
	{11, 99, 89, [2]int{57, 29}, [2]int{2, 2}, [4]int{8, 7, 6, 6}},
	{11, 139, 132, [2]int{84, 42}, [2]int{2, 3}, [4]int{8, 7, 7, 6}},
	{13, 27, 21, [2]int{12, 7}, [2]int{1, 1}, [4]int{5, 5, 4, 3}},
	{13, 43, 41, [2]int{27, 13}, [2]int{1, 1}, [4]int{6, 6, 5, 5}},
	{13, 59, 60, [2]int{38, 20}, [2]int{1, 2}, [4]int{7, 6, 6, 5}},
	{13, 77, 85, [2]int{53, 29}, [2]int{2, 2}, [4]int{7, 7, 6, 6}},
	{13, 99, 113, [2]int{73, 35}, [2]int{2, 3}, [4]int{8, 7, 7, 6}},
	{13, 139, 166, [2]int{106, 54}, [2]int{3, 4}, [4]int{8, 8, 7, 7}},
	{15, 43, 51, [2]int{33, 15}, [2]int{1, 2}, [4]int{7, 6, 6, 5}},
	{15, 59, 74, [2]int{48, 26}, [2]int{1, 2}, [4]int{7, 7, 6, 5}},
	{15, 77, 103, [2]int{67, 31}, [2]int{2, 3}, [4]int{8, 7, 7, 6}},
	{15, 99, 136, [2]int{88, 48}, [2]int{2, 4}, [4]int{8, 7, 7, 6}},
	{15, 139, 199, [2]int{127, 69}, [2]int{3, 5}, [4]int{9, 8, 7, 7}},
	{17, 43, 61, [2]int{39, 21}, [2]int{1, 2}, [4]int{7, 6, 6, 5}},
	{17, 59, 88, [2]int{56, 28}, [2]int{2, 2}, [4]int{8, 7, 6, 6}},
	{17, 77, 122, [2]int{78, 38}, [2]int{2, 3}, [4]int{8, 7, 7, 6}},
	{17, 99, 160, [2]int{100, 56}, [2]int{3, 4}, [4]int{8, 8, 7, 6}},
	{17, 139, 232, [2]int{152, 76}, [2]int{4, 6}, [4]int{9, 8, 8, 7}},
}

// columns returns the columns of the vertical timing patterns with their alignment patterns.
func (s *size) columns() []int {
	switch s.w {
	case 43:
		return []int{21}
	case 59:
		return []int{19, 39}
	case 77:
		return []int{25, 51}
	case 99:
		return []int{23, 49, 75}
	case 139:
		return []int{27, 55, 83, 111}
	}
	return nil
}

var modes = []symbol.Mode{symbol.End, symbol.Numeric, symbol.Alphanumeric, symbol.Byte, symbol.Kanji, symbol.FNC1First, symbol.FNC1Second, symbol.Designator}

func (s *size) grammar(l Level) symbol.Grammar {
	return symbol.Grammar{Bits: 8 * s.data[l], ModeBits: 3, Modes: modes, CountBits: s.count, Terminator: 3}
}
