package qr

// This file offers what Micro QR Code and rMQR share with QR Code: codes of the format information, data masks, correlation with known modules, and the
// segments of the bit stream. They differ in lengths and in the numbers of modes, which a Grammar tells.

// Masked reports whether data mask k of table 10 inverts the module at column x and row y.
func Masked(k, x, y int) bool { return masked(k, x, y) }

// BCH returns data followed by the check bits that the generator poly of that degree gives.
func BCH(data, check int, poly uint32) uint32 { return bch(data, check, poly) }

// Correlation returns that of n values, nd of which belong to modules known as dark, with what is known of them: 1 at best. The sums are those of all
// values, of the dark ones, and of the squares, in 1/16 gray levels. light tells that dark and light are exchanged.
func Correlation(n, nd, sum, dark, squares int, light bool) float64 {
	return correlation(n, nd, sum, dark, squares, light)
}

// Grammar is the form of a bit stream.
type Grammar struct {
	Bits       int    // of data; less than whole bytes where the last codeword is short
	ModeBits   int    // length of a mode indicator
	Modes      []Mode // by indicator
	CountBits  [4]int // length of a character count, for numeric, alphanumeric, byte and Kanji mode
	Terminator int    // length of the terminator: zeros
}

// Mode is the meaning of a mode indicator.
type Mode uint8

// The modes of the family. End is only an indicator of its own in rMQR; in Micro QR Code an empty numeric segment takes its place.
const (
	Numeric      = Mode(modeNumeric)
	Alphanumeric = Mode(modeAlpha)
	Byte         = Mode(modeByte)
	Kanji        = Mode(modeKanji)
	FNC1First    = Mode(modeFNC1)
	FNC1Second   = Mode(modeFNC1Next)
	Designator   = Mode(modeECI)
	End          = Mode(modeEnd)
)

// Stream reads bit streams. It keeps its working memory, so it is not safe for concurrent use.
type Stream struct{ p parser }

// Parse reads the segments of data. padded tells that what follows them is the terminator and the pad codewords of section 7.4.10, as every encoder
// writes them; a decoder of weak codes may ask for that too. ok is false for a stream that breaks the rules.
func (s *Stream) Parse(data []byte, g *Grammar) (c Content, padded, ok bool) {
	p := &s.p
	p.reset()
	r := bitReader{data: data}
	unused := 8*len(data) - g.Bits
	for r.left()-unused >= g.Terminator {
		mode := End
		if m := r.read(g.ModeBits); m < len(g.Modes) {
			mode = g.Modes[m]
		} else {
			return c, false, false
		}
		n, counted := 0, g.count(mode)
		if counted > 0 {
			if n = r.read(counted); n == 0 && mode != Numeric {
				return c, false, false
			}
		}
		if mode == End || (mode == Numeric && n == 0) {
			break
		}
		if !p.short(&r, mode, n) || r.bad || r.left() < unused {
			return c, false, false
		}
	}
	p.flush()
	p.c.Text, p.c.Bytes = string(p.text), append([]byte(nil), p.bytes...)
	return p.c, r.padding(g), true
}

// count returns the length of a mode's character count.
func (g *Grammar) count(m Mode) int {
	switch m {
	case Numeric:
		return g.CountBits[0]
	case Alphanumeric:
		return g.CountBits[1]
	case Byte:
		return g.CountBits[2]
	case Kanji:
		return g.CountBits[3]
	}
	return 0
}

func (p *parser) short(r *bitReader, mode Mode, n int) bool {
	switch mode {
	case Numeric:
		return p.numeric(r, n)
	case Alphanumeric:
		return p.alpha(r, n)
	case Byte:
		return p.binary(r, n)
	case Kanji:
		return p.double(r, n, modeKanji)
	}
	return p.segment(r, int(mode), minVersion)
}

// padding reports whether the rest is zeros up to the next byte, then the pad codewords in turn, then zeros in a short last codeword. A stream that
// ends within the terminator has zeros only.
func (r *bitReader) padding(g *Grammar) bool {
	end := min(r.at|7, g.Bits-1)
	if r.at&7 == 0 {
		end = r.at - 1
	}
	for ; r.at <= end; r.at++ {
		if r.bit() {
			return false
		}
	}
	for pad := byte(0xec); r.at+8 <= g.Bits; pad ^= 0xec ^ 0x11 {
		if byte(r.read(8)) != pad {
			return false
		}
	}
	for ; r.at < g.Bits; r.at++ {
		if r.bit() {
			return false
		}
	}
	return true
}

func (r *bitReader) bit() bool { return r.data[r.at>>3]>>(7-r.at&7)&1 == 1 }
