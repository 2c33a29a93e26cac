// Package microqr finds, samples and decodes Micro QR Code symbols (ISO/IEC 18004:2015): versions M1 to M4, which have a single finder pattern.
//
// Each file is one stage. From pixels to modules: reader.go, over package lone, which locates symbols with one finder pattern. From modules to text:
// version.go, format.go, decode.go; these know nothing of pixels.
//
// The codes are short and M1 has no error correction at all, so a symbol is accepted more strictly than its neighbours of other symbologies: no more
// corrections than table 9 allows, which keeps some check codewords for detection, and in M1 and M2 padding as every encoder writes it.
package microqr

import "citygate/scanner/symbol"

// This file implements versions and their characteristics (sections 5.3.1 and 6.3, tables 1, 2, 3, 7 and 9).

// Level is an error correction level.
type Level uint8

// The levels; Detection, that of M1, corrects nothing.
const (
	Detection Level = iota
	L
	M
	Q
)

// String returns the level's letter, "-" for Detection.
func (l Level) String() string { return string("-LMQ"[l&3]) }

const (
	minSide = 11
	maxSide = 17
)

// kind is a version at a level: one of the eight symbol numbers (table 13).
type kind struct {
	version  int
	level    Level
	data     int // codewords; in M1 and M3 the last of them has four bits
	check    int // codewords
	capacity int // codewords that may be corrected; the other check codewords are for detection
	strict   bool
}

var kinds = [8]kind{
	{1, Detection, 3, 2, 0, true},
	{2, L, 5, 5, 1, true},
	{2, M, 4, 6, 2, true},
	{3, L, 11, 6, 2, false},
	{3, M, 9, 8, 4, false},
	{4, L, 16, 8, 3, false},
	{4, M, 14, 10, 5, false},
	{4, Q, 10, 14, 7, false},
}

// side returns the modules along one side of a version.
func side(version int) int { return 9 + 2*version }

// short reports whether the last data codeword has four bits.
func (k *kind) short() bool { return k.version&1 == 1 }

var modes = []symbol.Mode{symbol.Numeric, symbol.Alphanumeric, symbol.Byte, symbol.Kanji}

// grammar returns the form of the bit stream: tables 2 and 3, and the terminator, which is an empty numeric segment.
func (k *kind) grammar() symbol.Grammar {
	v := k.version
	g := symbol.Grammar{Bits: 8 * k.data, ModeBits: v - 1, Modes: modes[:min(1<<(v-1), len(modes))], CountBits: [4]int{v + 2, v + 1, v + 1, v}, Terminator: 2*v + 1, EmptyEnds: true}
	if k.short() {
		g.Bits -= 4
	}
	return g
}
