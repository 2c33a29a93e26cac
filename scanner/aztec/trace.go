package aztec

import (
	"fmt"

	"citygate/scanner/luma"
)

// This file tells a trace, if the look has one, what became of each bullseye and each place.

const traceFormat = "aztec"

// traceEye notes a bullseye around which no symbol begins.
func (r *Reader) traceEye(e *bullseye) {
	if r.look.Trace != nil {
		r.look.Trace.Add(luma.Attempt{Format: traceFormat, Fate: "no orientation marks or mode message around the bullseye", Corners: e.quad, Light: e.light})
	}
}

// tracePlace notes a place whose modules are in the grid.
func (r *Reader) tracePlace(p *place, fate string, light bool) {
	if r.look.Trace == nil {
		return
	}
	n, form := p.side(), "full"
	if p.kind.compact {
		form = "compact"
	}
	a := luma.Attempt{Format: traceFormat, Fate: fate, Detail: fmt.Sprintf("%s, %d layers", form, p.kind.layers), Score: p.score,
		W: n, H: n, Gray: r.grid.Gray, Soft: r.grid.Judge(attempts[0].alpha, light), Light: light}
	half := float64(n) / 2
	for i, c := range luma.Rect(-half, -half, half, half) {
		a.Corners[i] = p.h.At(c)
	}
	r.look.Trace.Add(a)
}
