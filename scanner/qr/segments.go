package qr

import "citygate/scanner/symbol"

// This file implements the form of the data bit stream (section 7.4, tables 2 and 3; annex I for GB/T 18284's Hanzi mode indicator).

// modes are the meanings of the mode indicators.
var modes = []symbol.Mode{
	0b0000: symbol.End, 0b0001: symbol.Numeric, 0b0010: symbol.Alphanumeric, 0b0011: symbol.StructuredAppend, 0b0100: symbol.Byte,
	0b0101: symbol.FNC1First, 0b0111: symbol.Designator, 0b1000: symbol.Kanji, 0b1001: symbol.FNC1Second, 0b1101: symbol.Hanzi,
}

// grammar returns the form of the stream of a version: the character counts grow in versions 10 and 27.
func grammar(version, codewords int) symbol.Grammar {
	g := symbol.Grammar{Bits: 8 * codewords, ModeBits: 4, Modes: modes, CountBits: [4]int{10, 9, 8, 8}, Terminator: 4}
	if version > 26 {
		g.CountBits = [4]int{14, 13, 16, 12}
	} else if version > 9 {
		g.CountBits = [4]int{12, 11, 16, 10}
	}
	return g
}
