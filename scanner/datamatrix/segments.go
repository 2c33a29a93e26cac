package datamatrix

import "citygate/scanner/eci"

// This file implements the meaning of data codewords (section 5.2): the six encodation schemes, latches, shifts, ECI, macros and structured append.

// Content is what a symbol says.
type Content struct {
	Text    string
	Bytes   []byte // before any character set was applied
	FNC1    bool   // GS1
	Reader  bool   // reader programming
	Index   int    // place in a structured append message
	Symbols int    // symbols of that message; 0: the symbol stands alone
}

// parser collects the content. Text is built in runs of one interpretation.
type parser struct {
	in      []byte
	at      int
	c       Content
	eci     int
	bytes   []byte
	text    []byte
	run     []byte
	trailer string
	upper   bool
	plain   bool // nothing but ASCII characters so far
}

// Codewords of the ASCII scheme (table 2).
const (
	pad        = 129
	latchC40   = 230
	latch256   = 231
	fnc1       = 232
	structured = 233
	reader     = 234
	upperShift = 235
	macro05    = 236
	macro06    = 237
	latchX12   = 238
	latchText  = 239
	latchEDI   = 240
	eciCode    = 241
	unlatch    = 254
)

// parse reads all data codewords. It is false for what the standard does not allow.
func (p *parser) parse(data []byte) bool {
	*p = parser{in: data, eci: eci.None, plain: true, bytes: p.bytes[:0], text: p.text[:0], run: p.run[:0]}
	for p.at < len(p.in) {
		c := int(p.in[p.at])
		p.at++
		ok := true
		switch {
		case c == 0:
			return false
		case c <= 128:
			p.put(c - 1)
		case c == pad:
			p.at = len(p.in)
		case c <= 229:
			p.put('0' + (c-130)/10)
			p.put('0' + (c-130)%10)
		case c == latchC40, c == latchText, c == latchX12:
			ok = p.triplets(c)
		case c == latch256:
			ok = p.base256()
		case c == latchEDI:
			p.edifact()
		case c == eciCode:
			ok = p.designator()
		case c == upperShift:
			p.upper = true
		default:
			ok = p.control(c)
		}
		if !ok {
			return false
		}
	}
	p.plain = p.plain && ascii(p.bytes)
	for _, c := range []byte(p.trailer) {
		p.put(int(c))
	}
	p.flush()
	return true
}

func (p *parser) content() Content {
	p.c.Text, p.c.Bytes = string(p.text), append([]byte(nil), p.bytes...)
	return p.c
}

// put appends one byte; after an upper shift its value is 128 more.
func (p *parser) put(c int) {
	if p.upper {
		c, p.upper = c+128, false
	}
	p.run, p.bytes = append(p.run, byte(c)), append(p.bytes, byte(c))
}

func (p *parser) flush() {
	charset := p.eci
	if charset == eci.None {
		charset = eci.Latin1 // the standard's default
		if ascii(p.run) || utf8Like(p.run) {
			charset = eci.UTF8
		}
	}
	p.text, p.run = append(p.text, eci.Text(charset, p.run)...), p.run[:0]
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// utf8Like reports whether bytes without an interpretation hold nothing but well-formed UTF-8 of several bytes: no text in ISO/IEC 8859-1 looks like that.
func utf8Like(b []byte) bool {
	for i := 0; i < len(b); {
		n := 1
		switch c := b[i]; {
		case c < 0x80:
		case c >= 0xc2 && c < 0xe0:
			n = 2
		case c >= 0xe0 && c < 0xf0:
			n = 3
		case c >= 0xf0 && c < 0xf5:
			n = 4
		default:
			return false
		}
		for k := 1; k < n; k++ {
			if i+k >= len(b) || b[i+k]&0xc0 != 0x80 {
				return false
			}
		}
		i += n
	}
	return true
}

// control handles the codewords that are no text.
func (p *parser) control(c int) bool {
	p.plain = false
	switch c {
	case fnc1:
		if len(p.bytes) == 0 {
			p.c.FNC1 = true
			return true
		}
		p.put(0x1d)
	case structured:
		if p.at != 1 || p.at+3 > len(p.in) {
			return false
		}
		p.c.Index, p.c.Symbols = int(p.in[p.at]>>4), 17-int(p.in[p.at]&15)
		p.at += 3
	case reader:
		p.c.Reader = true
	case macro05, macro06:
		if p.at != 1 {
			return false
		}
		for _, b := range []byte("[)>\x1e0" + string(rune('5'+c-macro05)) + "\x1d") {
			p.put(int(b))
		}
		p.trailer = "\x1e\x04"
	case unlatch: // some encoders end with one
	default:
		return p.at == len(p.in)+1 // nothing else is defined
	}
	return true
}

// designator reads an ECI designator of one to three codewords (section 5.4.1).
func (p *parser) designator() bool {
	next := func() int {
		if p.at >= len(p.in) {
			return 0
		}
		p.at++
		return int(p.in[p.at-1])
	}
	c := next()
	n := c - 1
	switch {
	case c >= 1 && c <= 127:
	case c >= 128 && c <= 191:
		n = (c-128)*254 + 127 + next() - 1
	case c >= 192 && c <= 207:
		second := next()
		n = (c-192)*64516 + 16383 + (second-1)*254 + next() - 1
	default:
		return false
	}
	p.flush()
	p.eci, p.plain = n, false
	return eci.Known(n)
}
