package aztec

import "citygate/scanner/eci"

// This file implements the encoding modes of text (section 7.1, table 2): five tables of characters, latches and shifts between them, and bytes.

// Content is what a symbol says.
type Content struct {
	Text    string
	Bytes   []byte // before any character set was applied
	FNC1    bool   // GS1
	Index   int    // place in a structured append message
	Symbols int    // symbols of that message; 0: the symbol stands alone
}

type table uint8

const (
	upper table = iota
	lower
	mixed
	digit
	punct
	binary
)

// Codes of the tables that are no single character: latches and shifts to the tables, and pairs.
const (
	toUpper = 0x100 + iota
	toLower
	toMixed
	toDigit
	toPunct
	shiftUpper
	shiftPunct
	shiftBinary
	flag
	pairCRLF
	pairPeriod
	pairComma
	pairColon
)

// codes are the tables by code. Each has 32, but digit, which has 16.
var codes = [...][]int{
	upper: append([]int{shiftPunct, ' '}, run("ABCDEFGHIJKLMNOPQRSTUVWXYZ", toLower, toMixed, toDigit, shiftBinary)...),
	lower: append([]int{shiftPunct, ' '}, run("abcdefghijklmnopqrstuvwxyz", shiftUpper, toMixed, toDigit, shiftBinary)...),
	mixed: append([]int{shiftPunct, ' '}, run("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x1b\x1c\x1d\x1e\x1f@\\^_`|~\x7f", toLower, toUpper, toPunct,
		shiftBinary)...),
	digit: append([]int{shiftPunct, ' '}, run("0123456789,.", toUpper, shiftUpper)...),
	punct: append([]int{flag, '\r', pairCRLF, pairPeriod, pairComma, pairColon}, run("!\"#$%&'()*+,-./:;<=>?[]{}", toUpper)...),
}

func run(chars string, rest ...int) (codes []int) {
	for _, c := range []byte(chars) {
		codes = append(codes, int(c))
	}
	return append(codes, rest...)
}

// parser collects the content. Text is built in runs of one interpretation.
type parser struct {
	in    []byte
	at    int
	eci   int
	bytes []byte
	text  []byte
	run   []byte
	c     Content
}

// parse reads a stream of bits, one to a byte. It is false for what the standard does not allow. The end may cut off a code, as it is filled up.
func (p *parser) parse(bits []byte) bool {
	*p = parser{in: bits, eci: eci.None, bytes: p.bytes[:0], text: p.text[:0], run: p.run[:0]}
	latch, now := upper, upper
	for {
		size := 5
		if now == digit {
			size = 4
		}
		code, ok := p.read(size)
		if !ok {
			break
		}
		from := now
		now = latch
		switch v := codes[from][code]; v {
		case toUpper, toLower, toMixed, toDigit, toPunct:
			latch = [...]table{upper, lower, mixed, digit, punct}[v-toUpper]
			now = latch
		case shiftUpper: // a shift ends in the mode that it was made from, be that one shifted to itself
			latch, now = from, upper
		case shiftPunct:
			latch, now = from, punct
		case shiftBinary:
			if latch, now = from, from; !p.binary() {
				return p.finish()
			}
		case flag:
			if !p.flag() {
				return false
			}
		case pairCRLF, pairPeriod, pairComma, pairColon:
			p.put([]byte([...]string{"\r\n", ". ", ", ", ": "}[v-pairCRLF])...)
		default:
			p.put(byte(v))
		}
	}
	return p.finish()
}

func (p *parser) finish() bool {
	p.flush()
	return true
}

func (p *parser) content() Content {
	p.c.Text, p.c.Bytes = string(p.text), append([]byte(nil), p.bytes...)
	return p.c
}

func (p *parser) read(n int) (v int, ok bool) {
	if p.at+n > len(p.in) {
		p.at = len(p.in)
		return 0, false
	}
	for _, b := range p.in[p.at : p.at+n] {
		v = v<<1 | int(b)
	}
	p.at += n
	return v, true
}

func (p *parser) put(b ...byte) { p.run, p.bytes = append(p.run, b...), append(p.bytes, b...) }

// flush interprets what was collected: ISO/IEC 8859-1 unless another set was named, or the bytes are UTF-8.
func (p *parser) flush() {
	p.text, p.run = append(p.text, eci.Text(p.eci, p.run)...), p.run[:0]
}

// binary reads a run of bytes: a length of five bits, or 31 more than eleven bits say.
func (p *parser) binary() bool {
	n, ok := p.read(5)
	if ok && n == 0 {
		if n, ok = p.read(11); ok {
			n += 31
		}
	}
	for ; ok && n > 0; n-- {
		var b int
		if b, ok = p.read(8); ok {
			p.put(byte(b))
		}
	}
	return ok
}

// flag reads FLG(n): FNC1, or an ECI of n digits in the codes of the digit table.
func (p *parser) flag() bool {
	n, ok := p.read(3)
	switch {
	case !ok || n == 7:
		return !ok
	case n == 0:
		if len(p.bytes) == 0 {
			p.c.FNC1 = true
		} else {
			p.put(0x1d)
		}
		return true
	}
	v := 0
	for range n {
		c, ok := p.read(4)
		if !ok || c < 2 || c > 11 {
			return false
		}
		v = 10*v + c - 2
	}
	p.flush()
	p.eci = v
	return eci.Known(v)
}
