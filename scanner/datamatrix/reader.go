package datamatrix

import (
	"cmp"
	"slices"

	"citygate/scanner/luma"
)

// This file joins the stages: a look at a frame in, symbols and their places out.

// Found is a symbol that was read and where it is, in pixels of the look's finest level: clockwise from the symbol's own top left corner.
type Found struct {
	Symbol
	Light   bool // light modules on a dark ground
	Corners luma.Quad
}

// Reader finds and reads symbols. It keeps its working memory, so it is not safe for concurrent use.
type Reader struct {
	// Work is how many pixels may still be sampled; it goes down, and below zero nothing more is tried.
	Work int

	look     *luma.Look
	outlines luma.Outlines
	visit    func([]luma.Piece) // pair, kept so that it is allocated once
	level    *luma.Level        // on which outlines are followed
	corners  []corner
	middle   int // threshold of the corner at hand, in 1/256 gray levels
	grid     luma.Grid
	decoder  *Decoder
	found    []Found
}

// NewReader returns a Reader.
func NewReader() *Reader {
	r := &Reader{decoder: NewDecoder()}
	r.visit = r.pair
	return r
}

const maxCorners = 500

// Read returns the symbols in a look. The result is valid until the next call.
func (r *Reader) Read(look *luma.Look) []Found {
	r.look, r.found = look, r.found[:0]
	r.outlines.Work = r.Work // apart: outlines are steps through bits, not samples
	r.find()
	slices.SortStableFunc(r.corners, func(a, b corner) int { return cmp.Compare(b.area(), a.area()) })
	for i := range r.corners {
		if r.Work < 0 {
			break
		}
		c := &r.corners[i]
		before, n := r.Work, len(r.found)
		if !r.inside(c) {
			r.try(c)
		}
		if len(r.found) > n {
			r.Work = before // only what was in vain counts
		}
	}
	return r.found
}

func (c *corner) area() float64 { return c.right.Sub(c.at).Len() * c.top.Sub(c.at).Len() / c.pixel }

// inside reports whether a corner belongs to a symbol that was read.
func (r *Reader) inside(c *corner) bool {
	for i := range r.found {
		q := &r.found[i].Corners
		in := true
		for k := range q {
			in = in && q[(k+1)%4].Sub(q[k]).Cross(c.at.Sub(q[k])) > -2*c.pixel*q[(k+1)%4].Sub(q[k]).Len()
		}
		if in {
			return true
		}
	}
	return false
}

// try reads the symbol of a corner.
func (r *Reader) try(c *corner) {
	if !r.contrast(c) {
		return
	}
	flat := c.right.Add(c.top).Sub(c.at)
	candidates := [...]luma.Point{flat, flat}
	n := 1
	if far, ok := r.far(c); ok {
		candidates[0], n = far, 2
	}
	for _, far := range candidates[:n] {
		q := luma.Quad{c.top, far, c.right, c.at}
		if !q.Convex() {
			continue
		}
		p, ok := r.fit(q, c.light)
		if p.size != nil {
		}
		if ok && r.read(&p, c.light) {
			return
		}
	}
}

// attempts are the strengths of sharpening, in 1/256, and the surroundings, in modules, with which a sampled symbol is judged, and whether erasures are tried.
var attempts = [...]struct {
	alpha    int32
	around   int
	erasures bool
}{{24, luma.Around, false}, {0, luma.Around, false}, {70, luma.Around, false}, {24, 2, false}, {24, luma.Around, true}}

// read samples a place and decodes it.
func (r *Reader) read(p *place, light bool) bool {
	rows, cols := p.size.rows, p.size.cols
	r.grid.Resize(cols, rows)
	l, scale := r.levelFor(p.module())
	for y := range rows {
		for x := range cols {
			c := luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}
			at := p.h.At(c)
			u, v := p.h.At(luma.Point{X: c.X + 0.2, Y: c.Y}).Sub(at), p.h.At(luma.Point{X: c.X, Y: c.Y + 0.2}).Sub(at)
			r.grid.Gray[y*cols+x] = int32(l.Patch(at.Mul(1/scale), u.Mul(1/scale), v.Mul(1/scale)))
		}
	}
	r.Work -= 6 * rows * cols
	for _, a := range attempts {
		m := Modules{Rows: rows, Cols: cols, V: r.grid.JudgeWithin(a.alpha, a.around, light)}
		r.Work -= 8 * rows * cols
		r.decoder.Erasures = a.erasures
		if s, ok := r.decoder.Decode(&m); ok {
			r.found = append(r.found, Found{Symbol: s, Light: light, Corners: p.quad})
			return true
		}
	}
	return false
}
