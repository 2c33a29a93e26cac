package datamatrix

import (
	"slices"

	"citygate/scanner/reedsolomon"
)

// This file implements decoding: from modules to codewords, and their correction block by block (sections 5.6 and 5.7, annex E).

// Modules is a sampled symbol with its borders, without a quiet zone. A value above 0 is a dark module, and its size says how sure that is.
type Modules struct {
	Rows, Cols int
	V          []int16 // rows of Cols values
}

// Symbol is a decoded symbol.
type Symbol struct {
	Content
	Rows, Cols int
	Mirrored   bool // seen from behind
	Changed    int  // codewords that were corrected
}

// Decoder turns modules into content. It keeps its working memory, so it is not safe for concurrent use.
type Decoder struct {
	// Erasures lets correction give up codewords with doubtful modules.
	Erasures bool

	rs      *reedsolomon.Decoder
	place   placement
	words   []byte
	sure    []int16
	block   []uint16
	where   []int
	order   []int
	changed int
	parser  parser
}

// NewDecoder returns a decoder. The field has the polynomial x^8 + x^5 + x^3 + x^2 + 1, and the generators' roots begin at a (annex E).
func NewDecoder() *Decoder {
	return &Decoder{rs: reedsolomon.NewDecoder(reedsolomon.NewField(256, 0x12d), 1)}
}

// Decode reads m. It is false where its dimensions are no symbol's, or error correction or the codewords' meaning fails.
func (d *Decoder) Decode(m *Modules) (Symbol, bool) {
	s, ok := sizeOf(m.Rows, m.Cols)
	if !ok || len(m.V) != m.Rows*m.Cols {
		return Symbol{}, false
	}
	d.readCodewords(m, s)
	d.changed = 0
	for b := range s.blocks {
		if !d.correct(s, b) {
			return Symbol{}, false
		}
	}
	if !d.parser.parse(d.words[:s.data]) {
		return Symbol{}, false
	}
	content := d.parser.content()
	if d.parser.plain {
		if text, err := libraryText(d.words[:s.data]); err == nil {
			content.Text = text
		}
	}
	return Symbol{Content: content, Rows: s.rows, Cols: s.cols, Changed: d.changed}, true
}

// readCodewords reads the mapping matrix, which is the data regions without their borders side by side.
func (d *Decoder) readCodewords(m *Modules, s *size) {
	rows, cols := s.regionRows*s.down(), s.regionCols*s.across()
	d.place.set(rows, cols)
	n := s.data + s.check
	d.words, d.sure = append(d.words[:0], make([]byte, n)...), append(d.sure[:0], make([]int16, n)...)
	for i := range d.sure {
		d.sure[i] = 1<<15 - 1
	}
	for y := range rows {
		for x := range cols {
			bit := int(d.place.bit[y*cols+x])
			if bit < 0 || bit>>3 >= n {
				continue
			}
			v := m.V[(y+1+y/s.regionRows*2)*m.Cols+x+1+x/s.regionCols*2]
			if v > 0 {
				d.words[bit>>3] |= 0x80 >> (bit & 7)
			}
			d.sure[bit>>3] = min(d.sure[bit>>3], max(v, -v))
		}
	}
}

// correct corrects interleaved block b in place. In size 144 the last two blocks have a data codeword less, and the check codewords go on where the data
// left off.
func (d *Decoder) correct(s *size, b int) bool {
	d.where = d.where[:0]
	for i := b; i < s.data; i += s.blocks {
		d.where = append(d.where, i)
	}
	shift := s.data % s.blocks
	for i := range s.check / s.blocks {
		d.where = append(d.where, s.data+i*s.blocks+(b-shift+s.blocks)%s.blocks)
	}
	d.block = d.block[:0]
	for _, w := range d.where {
		d.block = append(d.block, uint16(d.words[w]))
	}
	check := s.check / s.blocks
	changed, ok := d.rs.Decode(d.block, check, nil)
	if !ok && d.Erasures && check >= minCheckForErasures {
		changed, ok = d.withErasures(check)
	}
	if !ok {
		return false
	}
	d.changed += changed
	for i, w := range d.where {
		d.words[w] = byte(d.block[i])
	}
	return true
}

const (
	minCheckForErasures = 10
	spareCheck          = 6 // check codewords that erasures leave for errors
)

// withErasures gives up the least sure codewords of the block, a few and then more.
func (d *Decoder) withErasures(check int) (changed int, ok bool) {
	d.order = d.order[:0]
	for i := range d.block {
		d.order = append(d.order, i)
	}
	slices.SortFunc(d.order, func(a, b int) int { return int(d.sure[d.where[a]]) - int(d.sure[d.where[b]]) })
	for _, eighths := range [...]int{2, 4} {
		e := check * eighths / 8
		if check-e < spareCheck {
			break
		}
		if changed, ok = d.rs.Decode(d.block, check, d.order[:e]); ok {
			return changed, true
		}
	}
	return 0, false
}
