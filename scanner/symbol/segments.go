package symbol

import "citygate/scanner/eci"

// This file implements the segments of the data bit stream (ISO/IEC 18004, section 7.4, tables 2 to 5; ISO/IEC 23941, section 7.4; GB/T 18284 for Hanzi).

// Append is a symbol's place in a structured append message (section 8).
type Append struct {
	Index, Count int // 0 of 0: the symbol stands alone
	Parity       byte
}

// Content is what a symbol says.
type Content struct {
	Text   string
	Bytes  []byte // before any character set was applied
	Append Append
	FNC1   bool // GS1 or an application's own format
	ECI    int  // the last interpretation named, or eci.None
}

// bitReader reads bits of data from the most significant on. Past the end it is exhausted, and reads zeros.
type bitReader struct {
	data []byte
	at   int
	bad  bool
}

func (r *bitReader) left() int { return 8*len(r.data) - r.at }

func (r *bitReader) read(n int) int {
	if n > r.left() {
		r.bad, r.at = true, 8*len(r.data)
		return 0
	}
	v := 0
	for range n {
		v = v<<1 | int(r.data[r.at>>3]>>(7-r.at&7)&1)
		r.at++
	}
	return v
}

// Stream reads bit streams. It keeps its working memory, so it is not safe for concurrent use. Text is built in runs of one character set.
type Stream struct {
	bytes, text []byte
	run         []byte // bytes whose character set is still open
	charset     int    // of the run
	c           Content
}

func (p *Stream) reset() {
	p.bytes, p.text, p.run = p.bytes[:0], p.text[:0], p.run[:0]
	p.c, p.charset = Content{ECI: eci.None}, eci.None
}

// add appends bytes of the character set to the content. Neighbouring runs of one set are interpreted together, as an encoder may split a
// character between segments.
func (p *Stream) add(charset int, b ...byte) {
	if charset != p.charset {
		p.flush()
		p.charset = charset
	}
	p.run = append(p.run, b...)
	p.bytes = append(p.bytes, b...)
}

func (p *Stream) flush() {
	if len(p.run) > 0 {
		p.text = append(p.text, eci.Text(p.charset, p.run)...)
		p.run = p.run[:0]
	}
}

// segment reads one segment behind its mode indicator. end tells that it is the terminator.
func (p *Stream) segment(r *bitReader, mode Mode, g *Grammar) (end, ok bool) {
	switch mode {
	case End:
		return true, true
	case FNC1First:
		p.c.FNC1 = true
		return false, true
	case FNC1Second:
		p.c.FNC1 = true
		r.read(8)
		return false, true
	case StructuredAppend:
		p.c.Append = Append{Index: r.read(4), Count: r.read(4) + 1, Parity: byte(r.read(8))}
		return false, true
	case Designator:
		p.c.ECI = readDesignator(r)
		return false, eci.Known(p.c.ECI)
	case Hanzi:
		if subset := r.read(4); subset != 1 {
			return false, false
		}
		return false, p.double(r, r.read(g.CountBits[3]), mode)
	case Numeric:
		n := r.read(g.CountBits[0])
		return g.EmptyEnds && n == 0, p.numeric(r, n)
	case Alphanumeric:
		return false, p.alpha(r, r.read(g.CountBits[1]))
	case Byte:
		return false, p.binary(r, r.read(g.CountBits[2]))
	case Kanji:
		return false, p.double(r, r.read(g.CountBits[3]), mode)
	}
	return false, false
}

// readDesignator reads an ECI designator of one, two or three bytes (table 4).
func readDesignator(r *bitReader) int {
	switch b := r.read(8); {
	case b&0x80 == 0:
		return b
	case b&0xc0 == 0x80:
		return b&0x3f<<8 | r.read(8)
	case b&0xe0 == 0xc0:
		return b&0x1f<<16 | r.read(16)
	}
	return 1 << 24
}

// numeric reads n digits: three to ten bits, two to seven, one to four (section 7.4.3).
func (p *Stream) numeric(r *bitReader, n int) bool {
	for ; n > 0 && !r.bad; n -= 3 {
		k := min(n, 3)
		v := r.read([4]int{0, 4, 7, 10}[k])
		if v >= [4]int{0, 10, 100, 1000}[k] {
			return false
		}
		digits := [3]byte{'0' + byte(v/100), '0' + byte(v/10%10), '0' + byte(v%10)}
		p.add(p.c.ECI, digits[3-k:]...)
	}
	return true
}

// alphanumerics are the characters of the alphanumeric mode by value (table 5).
const alphanumerics = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// alpha reads n characters: two to eleven bits, one to six (section 7.4.4). Under FNC1 a % is the separator GS, and %% is a % (section 7.4.8.2).
func (p *Stream) alpha(r *bitReader, n int) bool {
	start := len(p.bytes)
	percent := false
	put := func(c byte) {
		if p.c.FNC1 && percent {
			percent = false
			if c == '%' {
				return
			}
			p.run[len(p.run)-1], p.bytes[len(p.bytes)-1] = 0x1d, 0x1d
		}
		percent = c == '%'
		p.add(p.c.ECI, c)
	}
	for ; n > 0 && !r.bad; n -= 2 {
		if n == 1 {
			v := r.read(6)
			if v >= 45 {
				return false
			}
			put(alphanumerics[v])
			break
		}
		v := r.read(11)
		if v >= 45*45 {
			return false
		}
		put(alphanumerics[v/45])
		put(alphanumerics[v%45])
	}
	if p.c.FNC1 && percent && len(p.bytes) > start {
		p.run[len(p.run)-1], p.bytes[len(p.bytes)-1] = 0x1d, 0x1d
	}
	return true
}

func (p *Stream) binary(r *bitReader, n int) bool {
	if 8*n > r.left() {
		return false
	}
	for range n {
		p.add(p.c.ECI, byte(r.read(8)))
	}
	return true
}

// double reads n characters of thirteen bits: Shift JIS in Kanji mode (section 7.4.6), GB 2312 in Hanzi mode.
func (p *Stream) double(r *bitReader, n int, mode Mode) bool {
	if 13*n > r.left() {
		return false
	}
	for range n {
		v := r.read(13)
		if mode == Kanji {
			v = v/0xc0<<8 | v%0xc0
			if v < 0x1f00 {
				v += 0x8140
			} else {
				v += 0xc140
			}
			p.add(eci.ShiftJIS, byte(v>>8), byte(v))
			continue
		}
		v = v/0x60<<8 | v%0x60
		if v < 0xa00 {
			v += 0xa1a1
		} else {
			v += 0xa6a1
		}
		p.add(eci.GB2312, byte(v>>8), byte(v))
	}
	return true
}
