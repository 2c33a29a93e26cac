// Package symbol is what QR Code, Micro QR Code and rMQR have in common once their modules are known: data masks, the codes of their format information, and
// the segments of their bit streams. The symbologies differ in lengths and in the numbers of modes, which a Grammar tells.
package symbol

// Grammar is the form of a bit stream.
type Grammar struct {
	Bits       int    // of data; less than whole bytes where the last codeword is short
	ModeBits   int    // length of a mode indicator
	Modes      []Mode // by indicator
	CountBits  [4]int // length of a character count, for numeric, alphanumeric, byte, and Kanji or Hanzi mode
	Terminator int    // length of the terminator: zeros. What is shorter holds no segment
	EmptyEnds  bool   // an empty numeric segment is the terminator
}

// Mode is the meaning of a mode indicator.
type Mode uint8

// The modes of the family; Invalid is that of an indicator without a meaning.
const (
	Invalid Mode = iota
	End
	Numeric
	Alphanumeric
	Byte
	Kanji
	Hanzi
	FNC1First
	FNC1Second
	Designator
	StructuredAppend
)

// Parse reads the segments of data. padded tells that what follows them is the terminator and the pad codewords (ISO/IEC 18004, section 7.4.10), as every encoder
// writes them; a decoder of weak codes may ask for that too. ok is false for a stream that breaks the rules.
func (p *Stream) Parse(data []byte, g *Grammar) (c Content, padded, ok bool) {
	p.reset()
	r := bitReader{data: data}
	unused := 8*len(data) - g.Bits
	for r.left()-unused >= g.Terminator {
		mode := Invalid
		if m := r.read(g.ModeBits); m < len(g.Modes) {
			mode = g.Modes[m]
		}
		end, ok := p.segment(&r, mode, g)
		if !ok || r.bad || r.left() < unused {
			return Content{}, false, false
		}
		if end {
			break
		}
	}
	p.flush()
	p.c.Text, p.c.Bytes = string(p.text), append([]byte(nil), p.bytes...)
	return p.c, r.padding(g), true
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
