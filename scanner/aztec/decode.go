package aztec

import (
	"fmt"
	"slices"

	"citygate/scanner/reedsolomon"
)

// This file implements decoding: from modules to codewords, their correction (section 7.2.2), and their bits (section 7.2.1).

// Modules is a sampled symbol. A value above 0 is a dark module, and its size says how sure that is.
type Modules struct {
	Side int
	V    []int16 // rows of Side values
}

// Symbol is a decoded symbol.
type Symbol struct {
	Content
	Compact  bool
	Layers   int // 0 for a rune
	Mirrored bool
	Setup    bool // reader programming
	Changed  int  // codewords that were corrected
}

// Decoder turns modules into content. It keeps its working memory, so it is not safe for concurrent use.
type Decoder struct {
	// Erasures lets correction give up codewords with doubtful modules.
	Erasures bool

	mode  *reedsolomon.Decoder
	data  map[int]*reedsolomon.Decoder // by size of the codewords
	raw   []int16
	words []uint16
	sure  []int16
	order []int
	bits  []byte
	text  parser
}

// NewDecoder returns a decoder. The fields and their polynomials are those of section 7.2.2; the generators' roots begin at a.
func NewDecoder() *Decoder {
	field := func(size, poly int) *reedsolomon.Decoder {
		return reedsolomon.NewDecoder(reedsolomon.NewField(size, poly), 1)
	}
	return &Decoder{
		mode: field(16, 0x13),
		data: map[int]*reedsolomon.Decoder{6: field(64, 0x43), 8: field(256, 0x12d), 10: field(1024, 0x409), 12: field(4096, 0x1069)},
	}
}

// runeSymbol returns the symbol of a rune's value (annex A): its three digits.
func runeSymbol(value int) Symbol {
	text := fmt.Sprintf("%03d", value)
	return Symbol{Content: Content{Text: text, Bytes: []byte(text)}, Compact: true}
}

// Decode reads a symbol that stands upright: its mode message is in the modules too. It is false where correction or the text's codes fail.
func (d *Decoder) Decode(m *Modules) (Symbol, bool) {
	if m.Side < 11 || m.Side%2 == 0 || len(m.V) != m.Side*m.Side {
		return Symbol{}, false
	}
	middle := m.Side / 2
	for _, compact := range []bool{true, false} {
		k := kind{compact: compact}
		if middle < k.core() {
			continue
		}
		message := k.message(func(dx, dy int) bool { return m.V[(middle+dy)*m.Side+middle+dx] > 0 })
		mode, ok := readMode(d.mode, compact, message)
		if !ok {
			continue
		}
		if mode.rune >= 0 && m.Side == 11 {
			return runeSymbol(mode.rune), true
		}
		if mode.rune < 0 && mode.side() == m.Side {
			if s, ok := d.symbol(m, mode); ok {
				return s, true
			}
		}
	}
	return Symbol{}, false
}

// message collects the mode message, most significant bit first, from the modules at distances from the middle.
func (k kind) message(dark func(dx, dy int) bool) (message uint64) {
	n := 40
	if k.compact {
		n = 28
	}
	for i := range n {
		message <<= 1
		if dark(k.messagePlace(i)) {
			message |= 1
		}
	}
	return message
}

// symbol reads the data of a symbol whose mode is known.
func (d *Decoder) symbol(m *Modules, mode mode) (Symbol, bool) {
	size := mode.word()
	total := mode.bits() / size
	check := total - mode.words
	if check < 3 || len(m.V) != mode.side()*mode.side() {
		return Symbol{}, false
	}
	if cap(d.raw) < mode.bits() {
		d.raw = make([]int16, mode.bits())
	}
	d.raw = d.raw[:mode.bits()]
	n := mode.side()
	mode.each(func(bit, x, y int) { d.raw[bit] = m.V[y*n+x] })
	d.words, d.sure = d.words[:0], d.sure[:0]
	for at := mode.bits() % size; at < len(d.raw); at += size {
		word, least := 0, int16(1<<15-1)
		for _, v := range d.raw[at : at+size] {
			word <<= 1
			if v > 0 {
				word |= 1
			}
			least = min(least, max(v, -v))
		}
		d.words, d.sure = append(d.words, uint16(word)), append(d.sure, least)
	}
	changed, ok := d.data[size].Decode(d.words, check, nil)
	if !ok && d.Erasures && check >= minCheckForErasures {
		changed, ok = d.withErasures(size, check)
	}
	if !ok || !d.unstuff(mode.words, size) || !d.text.parse(d.bits) {
		return Symbol{}, false
	}
	return Symbol{Content: d.text.content(), Compact: mode.compact, Layers: mode.layers, Setup: mode.setup, Changed: changed}, true
}

const (
	minCheckForErasures = 10
	spareCheck          = 6 // check words that erasures leave for errors
)

// withErasures gives up the least sure codewords, a few and then more.
func (d *Decoder) withErasures(size, check int) (changed int, ok bool) {
	d.order = d.order[:0]
	for i := range d.words {
		d.order = append(d.order, i)
	}
	slices.SortFunc(d.order, func(a, b int) int { return int(d.sure[a]) - int(d.sure[b]) })
	for _, eighths := range [...]int{2, 4} {
		e := check * eighths / 8
		if check-e < spareCheck {
			break
		}
		if changed, ok = d.data[size].Decode(d.words, check, d.order[:e]); ok {
			return changed, true
		}
	}
	return 0, false
}

// unstuff takes the data words apart into bits, one to a byte. A word whose first bits are all alike ends with a stuffed bit of the other kind, so a word
// of nothing but zeros or ones is wrong.
func (d *Decoder) unstuff(words, size int) bool {
	d.bits = d.bits[:0]
	ones := uint16(1)<<size - 1
	for _, w := range d.words[:words] {
		n := size
		if w == 0 || w == ones {
			return false
		}
		if w == 1 || w == ones-1 {
			n--
		}
		for i := range n {
			d.bits = append(d.bits, byte(w>>(size-1-i)&1))
		}
	}
	return true
}
