package rmqr

import (
	"slices"

	"citygate/scanner/reedsolomon"
	"citygate/scanner/symbol"
)

// This file implements decoding: modules to codewords, their correction block by block, and the bit stream (sections 7.4 to 7.7).

// Modules is a sampled symbol. A value above 0 is a dark module, and its size says how sure that is.
type Modules struct {
	W, H int
	V    []int16 // rows of W values
}

func (m *Modules) at(x, y int) int { return int(m.V[y*m.W+x]) }

// Symbol is a decoded symbol.
type Symbol struct {
	symbol.Content
	Version Version
	Level   Level
	Changed int // codewords that were corrected
}

// Decoder turns modules into content. It keeps its working memory, so it is not safe for concurrent use.
type Decoder struct {
	// Erasures lets correction give up codewords with doubtful modules, which reads damaged symbols and takes more time.
	Erasures bool

	rs      *reedsolomon.Decoder
	stream  symbol.Stream
	layout  layout
	words   []byte
	sure    []int16
	block   []uint16
	places  []int // of the block's codewords in words
	order   []int
	data    []byte
	changed int
	erased  bool
}

// NewDecoder returns a decoder. The field and the generators are QR Code's (section 7.5.2).
func NewDecoder() *Decoder {
	return &Decoder{rs: reedsolomon.NewDecoder(reedsolomon.NewField(256, 0x11d), 0)}
}

// Decode reads m, which is upright. It is false where error correction or the bit stream fails.
func (d *Decoder) Decode(m *Modules) (Symbol, bool) {
	if m.W < 27 || m.H < 7 || len(m.V) != m.W*m.H {
		return Symbol{}, false
	}
	f := readFormat(m)
	s := &sizes[f.version]
	if s.w != m.W || s.h != m.H || f.off > formatRadius {
		return Symbol{}, false
	}
	d.layout.make(s)
	d.readCodewords(m)
	if len(d.words) < s.codewords || !d.correct(s, f.level) {
		return Symbol{}, false
	}
	g := s.grammar(f.level)
	c, padded, ok := d.stream.Parse(d.data, &g)
	if !ok || len(c.Bytes) == 0 || (d.erased && !padded) {
		return Symbol{}, false
	}
	return Symbol{Content: c, Version: f.version, Level: f.level, Changed: d.changed}, true
}

// maskNumber is the only data mask (section 7.8.2), by its number among QR Code's.
const maskNumber = 4

// readCodewords reads the codewords in the order of their placement, unmasked: two columns at a time from the right, up and down in turn (section
// 7.7.3), the timing pattern in the last column left out. The confidence of a codeword is that of its least sure module.
func (d *Decoder) readCodewords(m *Modules) {
	word, count, least := 0, 0, 1<<15
	d.words, d.sure = d.words[:0], d.sure[:0]
	for right, up := m.W-2, true; right > 0; right, up = right-2, !up {
		for i := range m.H {
			y := i
			if up {
				y = m.H - 1 - i
			}
			for x := right; x > right-2; x-- {
				if d.layout.at(x, y) != data {
					continue
				}
				v := m.at(x, y)
				word <<= 1
				if (v > 0) != symbol.Masked(maskNumber, x, y) {
					word |= 1
				}
				least = min(least, max(v, -v))
				if count++; count == 8 {
					d.words, d.sure = append(d.words, byte(word)), append(d.sure, int16(least))
					word, count, least = 0, 0, 1<<15
				}
			}
		}
	}
}

// correct sorts the codewords into their blocks, corrects each, and leaves the data codewords in d.data. The codewords are dealt to the blocks in turn; the
// last blocks may have one data codeword more (table 8).
func (d *Decoder) correct(s *size, l Level) bool {
	nb := s.blocks[l]
	check := (s.codewords - s.data[l]) / nb
	short, long := s.data[l]/nb, s.data[l]%nb
	d.data, d.changed, d.erased = d.data[:0], 0, false
	for b := range nb {
		d.block, d.places = d.block[:0], d.places[:0]
		for i := range short {
			d.places = append(d.places, i*nb+b)
		}
		if b >= nb-long {
			d.places = append(d.places, short*nb+b-(nb-long))
		}
		n := len(d.places)
		for i := range check {
			d.places = append(d.places, s.data[l]+i*nb+b)
		}
		for _, p := range d.places {
			d.block = append(d.block, uint16(d.words[p]))
		}
		if !d.correctBlock(check) {
			return false
		}
		for _, w := range d.block[:n] {
			d.data = append(d.data, byte(w))
		}
	}
	return true
}

const (
	shortCheck          = 10 // with fewer check codewords than this, one or two are kept for detection
	minCheckForErasures = 10
	spareCheck          = 6 // check codewords that erasures leave for errors
)

// correctBlock corrects one block, first trusting all codewords alike, then giving up the least sure ones as erasures.
func (d *Decoder) correctBlock(check int) bool {
	capacity := check / 2
	if check < shortCheck {
		capacity = (check - 1) / 2
	}
	if changed, ok := d.rs.Decode(d.block, check, nil); ok {
		d.changed += changed
		return changed <= capacity
	}
	if !d.Erasures || check < minCheckForErasures {
		return false
	}
	d.order = d.order[:0]
	for i := range d.block {
		d.order = append(d.order, i)
	}
	slices.SortFunc(d.order, func(a, b int) int { return int(d.sure[d.places[a]]) - int(d.sure[d.places[b]]) })
	for _, eighths := range [...]int{2, 4, 6} {
		e := check * eighths / 8
		if check-e < spareCheck {
			break
		}
		if changed, ok := d.rs.Decode(d.block, check, d.order[:e]); ok {
			d.changed += changed
			d.erased = true
			return true
		}
	}
	return false
}
