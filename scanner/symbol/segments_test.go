package symbol_test

import (
	"strings"
	"testing"

	"citygate/scanner/symbol"
)

// full is QR Code's form of the stream, versions 1 to 9.
var full = symbol.Grammar{ModeBits: 4, Terminator: 4, CountBits: [4]int{10, 9, 8, 8}, Modes: []symbol.Mode{
	symbol.End, symbol.Numeric, symbol.Alphanumeric, symbol.StructuredAppend, symbol.Byte, symbol.FNC1First, symbol.Invalid, symbol.Designator,
	symbol.Kanji, symbol.FNC1Second, symbol.Invalid, symbol.Invalid, symbol.Invalid, symbol.Hanzi,
}}

// micro is that of Micro QR Code M3, whose last codeword has four bits.
var micro = symbol.Grammar{Bits: 84, ModeBits: 2, Terminator: 7, CountBits: [4]int{5, 4, 4, 3}, EmptyEnds: true,
	Modes: []symbol.Mode{symbol.Numeric, symbol.Alphanumeric, symbol.Byte, symbol.Kanji}}

// pack makes bytes of ones and zeros; blanks are for the reader.
func pack(bits string) []byte {
	bits = strings.ReplaceAll(bits, " ", "")
	b := make([]byte, (len(bits)+7)/8)
	for i, c := range bits {
		if c == '1' {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	return b
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		what, bits string
		g          symbol.Grammar
		text       string
		padded, ok bool
	}{
		{"numeric", "0001 0000000101 0001111011 0101101 0000 00000 11101100", full, "12345", true, true},
		{"numeric with a pad codeword that none writes", "0001 0000000101 0001111011 0101101 0000 00000 11101101", full, "12345", false, true},
		{"numeric of 1000", "0001 0000000011 1111101000 0000", full, "", false, false},
		{"alphanumeric", "0010 000000101 00111001110 11100111001 000010 0000 00", full, "AC-42", true, true},
		{"alphanumeric beyond its characters", "0010 000000001 101101 0000 0", full, "", false, false},
		{"bytes", "0100 00000010 01101000 01101001 0000", full, "hi", true, true},
		{"bytes that are cut off", "0100 00000011 01101000 01101001 0000", full, "", false, false},
		{"kanji", "1000 00000001 0110110011111 0000 000", full, "点", true, true},
		{"hanzi", "1101 0001 00000001 0000111110000 0000", full, "", false, true},
		{"UTF-8", "0111 00011010 0100 00000010 11000011 10100100 0000 0000", full, "ä", true, true},
		{"an interpretation nobody knows", "0111 10111111 11111111 0100 00000001 01101000 0000", full, "", false, false},
		{"FNC1 and its separator", "0101 0010 000000011 00111001111 100110 0000 0000000", full, "", false, true},
		{"a mode without meaning", "1111 0000 0000", full, "", false, false},
		{"no terminator left", "0100 00000001 01101000 000", full, "h", true, true},
		{"micro, padded in a short codeword", "00 00011 0001111011 0000000 11101100 00010001 11101100 00010001 11101100 00010001 11101100 0000", micro, "123", true, true},
		{"micro, a one in the short codeword", "00 00011 0001111011 0000000 11101100 00010001 11101100 00010001 11101100 00010001 11101100 0001", micro, "123", false, true},
	} {
		data := pack(c.bits)
		g := c.g
		if g.Bits == 0 {
			g.Bits = 8 * len(data)
		}
		got, padded, ok := new(symbol.Stream).Parse(data, &g)
		if ok != c.ok || (c.text != "" && (got.Text != c.text || padded != c.padded)) {
			t.Errorf("%s: %q, padded %v, %v", c.what, got.Text, padded, ok)
		}
	}
}

// TestFormatCodes: the codes of format and version information have their minimum distances, and the standard's own examples.
func TestFormatCodes(t *testing.T) {
	distance := func(data, check int, poly uint32) int {
		least := 99
		for a := range 1 << data {
			for b := range a {
				n := 0
				for d := symbol.BCH(a, check, poly) ^ symbol.BCH(b, check, poly); d != 0; d &= d - 1 {
					n++
				}
				least = min(least, n)
			}
		}
		return least
	}
	if d := distance(5, 10, 0x537); d != 7 {
		t.Errorf("format information: distance %d, want 7", d)
	}
	if d := distance(6, 12, 0x1f25); d != 8 {
		t.Errorf("version information: distance %d, want 8", d)
	}
	if c := symbol.BCH(7, 12, 0x1f25); c != 0x07c94 { // annex D: version 7
		t.Errorf("version 7 is %05x", c)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x10, 0x14, 0x7b, 0x5a}, uint8(0))
	f.Add([]byte("segments"), uint8(4))
	var s symbol.Stream
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		for _, g := range []symbol.Grammar{full, micro} {
			g.Bits = max(8*len(data)-int(cut%8), 0)
			if c, _, ok := s.Parse(data, &g); ok && len(c.Bytes) > 8*len(data)/3+2 {
				t.Errorf("%d bytes out of %d", len(c.Bytes), len(data))
			}
		}
	})
}
