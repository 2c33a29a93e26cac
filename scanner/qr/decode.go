package qr

import (
	"citygate/scanner/reedsolomon"
	"citygate/scanner/symbol"
)

// Decoder turns modules into content. It keeps its working memory, so it is not safe for concurrent use.
type Decoder struct {
	// Erasures lets correction give up codewords with doubtful modules, which reads damaged symbols and takes more time.
	Erasures bool

	layout    layout
	rs        *reedsolomon.Decoder
	words     []byte
	sure      []int16
	block     []uint16
	blockSure []int16
	order     []int
	data      []byte
	changed   int
	erased    bool
	stream    symbol.Stream
}

// NewDecoder returns a decoder. QR Code's field has the polynomial x^8 + x^4 + x^3 + x^2 + 1, and the generators' roots begin at 1 (section 7.5.2).
func NewDecoder() *Decoder {
	return &Decoder{rs: reedsolomon.NewDecoder(reedsolomon.NewField(256, 0x11d), 0)}
}

// Symbol is a decoded symbol.
type Symbol struct {
	symbol.Content
	Version  int
	Level    Level
	Mask     int
	Mirrored bool
	Changed  int // codewords that were corrected
}

// Decode reads m, upright or mirrored. m may come back transposed. It is false where error correction or the bit stream fails.
func (d *Decoder) Decode(m *Modules) (Symbol, bool) {
	v := (m.Side - 17) / 4
	if m.Side != side(v) || v < minVersion || v > maxVersion || len(m.V) != m.Side*m.Side {
		return Symbol{}, false
	}
	d.layout.set(v)
	for _, mirrored := range []bool{false, true} {
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
	level, mask, ok := readFormat(m)
	if !ok {
		return Symbol{}, false
	}
	d.readCodewords(m, mask)
	d.changed, d.erased = 0, false
	if len(d.words) != d.layout.codewords || !d.correct(level) {
		return Symbol{}, false
	}
	g := grammar(d.layout.version, len(d.data))
	c, _, ok := d.stream.Parse(d.data, &g)
	if !ok || (d.erased && len(c.Bytes) == 0) { // a second opinion on a symbol read with erasures: it has text
		return Symbol{}, false
	}
	return Symbol{Content: c, Version: d.layout.version, Level: level, Mask: mask, Changed: d.changed}, true
}
