package microqr

import (
	"citygate/scanner/reedsolomon"
	"citygate/scanner/symbol"
)

// This file implements decoding: modules to codewords, their correction, and the bit stream (sections 7.5 and 7.7).

// Modules is a sampled symbol. A value above 0 is a dark module, and its size says how sure that is.
type Modules struct {
	Side int
	V    []int16 // rows of Side values
}

func (m *Modules) at(x, y int) int { return int(m.V[y*m.Side+x]) }

func (m *Modules) transpose() {
	n := m.Side
	for y := range n {
		for x := range y {
			m.V[y*n+x], m.V[x*n+y] = m.V[x*n+y], m.V[y*n+x]
		}
	}
}

// Symbol is a decoded symbol.
type Symbol struct {
	symbol.Content
	Version  int // 1 to 4
	Level    Level
	Mask     int
	Mirrored bool
	Changed  int // codewords that were corrected
}

// Decoder turns modules into content. It keeps its working memory, so it is not safe for concurrent use.
type Decoder struct {
	rs     *reedsolomon.Decoder
	stream symbol.Stream
	words  [24]uint16
	data   [16]byte
}

// NewDecoder returns a decoder. The field and the generators are QR Code's (section 7.5.2).
func NewDecoder() *Decoder {
	return &Decoder{rs: reedsolomon.NewDecoder(reedsolomon.NewField(256, 0x11d), 0)}
}

// Decode reads m, upright or mirrored. m may come back transposed. It is false where error correction or the bit stream fails.
func (d *Decoder) Decode(m *Modules) (Symbol, bool) {
	if m.Side < minSide || m.Side > maxSide || m.Side%2 == 0 || len(m.V) != m.Side*m.Side {
		return Symbol{}, false
	}
	for _, mirrored := range [...]bool{false, true} {
		if mirrored {
			m.transpose()
		}
		if s, ok := d.upright(m); ok {
			s.Mirrored = mirrored
			return s, true
		}
	}
	m.transpose()
	return Symbol{}, false
}

func (d *Decoder) upright(m *Modules) (Symbol, bool) {
	f := readFormat(m.at)
	k := f.kind
	if side(k.version) != m.Side || f.off > formatRadius || (k.strict && f.off > strictRadius) {
		return Symbol{}, false
	}
	d.readCodewords(m, k, masks[f.mask])
	words := d.words[:k.data+k.check]
	changed, ok := d.rs.Decode(words, k.check, nil)
	if !ok || changed > k.capacity {
		return Symbol{}, false
	}
	for i, w := range words[:k.data] {
		d.data[i] = byte(w)
	}
	if k.short() && words[k.data-1]&15 != 0 {
		return Symbol{}, false
	}
	g := k.grammar()
	c, padded, ok := d.stream.Parse(d.data[:k.data], &g)
	if !ok || len(c.Bytes) == 0 || (k.strict && !padded) {
		return Symbol{}, false
	}
	return Symbol{Content: c, Version: k.version, Level: k.level, Mask: f.mask, Changed: changed}, true
}

// readCodewords reads the codewords in the order of their placement, unmasked: two columns at a time from the right, up and down in turn (section
// 7.7.3). Row and column 0 hold the timing patterns, the square up to 8 the finder pattern and the format information.
func (d *Decoder) readCodewords(m *Modules, k *kind, mask int) {
	n, word, count, at := m.Side, uint16(0), 0, 0
	for right, up := n-1, true; right > 0; right, up = right-2, !up {
		for i := 1; i < n; i++ {
			y := i
			if up {
				y = n - i
			}
			for x := right; x > right-2; x-- {
				if (x <= 8 && y <= 8) || at >= k.data+k.check {
					continue
				}
				word <<= 1
				if (m.at(x, y) > 0) != symbol.Masked(mask, x, y) {
					word |= 1
				}
				if count++; count == 4 && k.short() && at == k.data-1 { // it stands for a codeword that ends in four zeros
					word, count = word<<4, 8
				}
				if count == 8 {
					d.words[at] = word
					at, word, count = at+1, 0, 0
				}
			}
		}
	}
}
