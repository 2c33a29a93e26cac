package qr

import (
	"fmt"

	"citygate/scanner/luma"
)

// This file tells a trace, if the look has one, what became of each triple of finder patterns and each place.

// stage is how far a triple came.
type stage string

const (
	atFinders   stage = "the three finders do not fit each other"
	atTiming    stage = "no timing pattern between the finders"
	atFunction  stage = "function patterns disagree"
	atModules   stage = "modules do not decode"
	traceFormat       = "qr"
)

// traceTriple notes a triple that was given up before its modules were sampled; those that were are noted by tracePlace.
func (r *Reader) traceTriple(t *triple) {
	if r.look.Trace == nil || r.stage == atModules {
		return
	}
	f := r.finders
	tl, tr, bl := f[t.tl].Center, f[t.tr].Center, f[t.bl].Center
	r.look.Trace.Add(luma.Attempt{Format: traceFormat, Fate: string(r.stage), Light: f[t.tl].Light, Corners: luma.Quad{tl, tr, tr.Add(bl).Sub(tl), bl}})
}

// tracePlace notes a place whose modules are in the grid, with the symbol where it was read, or why it was not.
func (r *Reader) tracePlace(p *place, fate string, s Symbol, light bool) {
	if r.look.Trace == nil {
		return
	}
	n := side(p.version)
	a := luma.Attempt{Format: traceFormat, Fate: fate, Score: p.score, W: n, H: n, Gray: r.grid.Gray, Light: light}
	for i, c := range luma.Rect(0, 0, float64(n), float64(n)) {
		a.Corners[i] = p.at(c)
	}
	a.Soft = r.grid.Judge(missedSharpening, light)
	if fate == luma.FateRead {
		a.Detail = fmt.Sprintf("version %d-%s, mask %d, %d codewords corrected", s.Version, s.Level, s.Mask, s.Changed)
	} else {
		a.Detail = r.decoder.explain(&Modules{Side: n, V: append([]int16(nil), a.Soft...)})
	}
	r.look.Trace.Add(a)
}

// explain says at which stage decoding fails.
func (d *Decoder) explain(m *Modules) string {
	d.layout.set((m.Side - 17) / 4)
	level, mask, ok := readFormat(m)
	if !ok {
		m.transpose()
		if level, mask, ok = readFormat(m); !ok {
			return fmt.Sprintf("version %d, format information not readable", d.layout.version)
		}
	}
	d.readCodewords(m, mask)
	d.changed, d.erased = 0, false
	v := d.layout.version - 1
	at := fmt.Sprintf("version %d-%s, mask %d", v+1, level, mask)
	count, check := int(blocks[level][v]), int(checkCodewords[level][v])
	if d.correct(level) {
		return fmt.Sprintf("%s, %d codewords corrected, but the bit stream is not valid", at, d.changed)
	}
	good, each := 0, d.layout.codewords/count-check // of the short blocks, which come first
	for left := len(d.data); left >= each && each > 0; left -= each {
		good++
	}
	return fmt.Sprintf("%s: block %d of %d has more than %d wrong codewords of %d", at, min(good+1, count), count, check/2, d.layout.codewords/count)
}
