package datamatrix

import (
	"fmt"

	"citygate/scanner/luma"
)

// This file tells a trace, if the look has one, what became of each pair of solid sides and each place.

const (
	traceFormat      = "datamatrix"
	maxCornersTraced = 60 // largest first
)

// traceCorner notes two solid sides to which no symbol was found.
func (r *Reader) traceCorner(i int, c *corner) {
	if r.look.Trace != nil && i < maxCornersTraced {
		q := luma.Quad{c.top, c.right.Add(c.top).Sub(c.at), c.right, c.at}
		r.look.Trace.Add(luma.Attempt{Format: traceFormat, Fate: "no clock track on the other two sides", Corners: q, Light: c.light})
	}
}

// tracePlace notes a place whose modules are in the grid.
func (r *Reader) tracePlace(p *place, fate string, light bool) {
	if r.look.Trace == nil {
		return
	}
	rows, cols := p.size.rows, p.size.cols
	r.traced = true
	r.look.Trace.Add(luma.Attempt{Format: traceFormat, Fate: fate, Detail: fmt.Sprintf("%d rows, %d columns", rows, cols), Score: p.score,
		W: cols, H: rows, Gray: r.grid.Gray, Soft: r.grid.Judge(attempts[0].alpha, light), Light: light, Corners: p.quad})
}
