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
	step     int // the difference there
	list     [shortlist]place
	grid     luma.Grid
	mirrored []int16
	decoder  *Decoder
	traced   bool // a place of the corner at hand was sampled
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
			r.traced = false
			if r.try(c); !r.traced && len(r.found) == n {
				r.traceCorner(i, c)
			}
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
			off := q[(k+1)%4].Sub(q[k]).Cross(c.at.Sub(q[k]))
			if r.found[i].Mirrored {
				off = -off
			}
			in = in && off > -2*c.pixel*q[(k+1)%4].Sub(q[k]).Len()
		}
		if in {
			return true
		}
	}
	return false
}

// try reads the symbol of a corner.
func (r *Reader) try(c *corner) {
	if !r.contrast(c) || !r.busy(c) {
		return
	}
	found := *c
	r.follow(c, false)
	if r.tryEnds(c) {
		return
	}
	r.follow(&found, true)
	if found.right.Sub(c.right).Len()+found.top.Sub(c.top).Len() > minEdgeGap*c.pixel {
		*c = found
		r.tryEnds(c)
	}
}

// tryEnds reads the symbol of a corner whose legs end where they are said to.
func (r *Reader) tryEnds(c *corner) bool {
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
		places := r.fit(q, luma.Quad{c.bows[0], c.bows[1], c.bows[0], c.bows[1]}, c.light)
		for i := range places {
			p := &places[i]
			if r.read(p, c.light) {
				return true
			}
			if p.score < bendScore || r.Work < 0 {
				continue
			}
			r.bend(p, c.light)
			if p.bent && r.read(p, c.light) {
				return true
			}
		}
	}
	return false
}

// bendScore is the agreement from which on a symbol that is not read is taken to be bent.
const bendScore = 0.75

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
			at := p.at(c)
			u, v := p.at(luma.Point{X: c.X + 0.2, Y: c.Y}).Sub(at), p.at(luma.Point{X: c.X, Y: c.Y + 0.2}).Sub(at)
			r.grid.Gray[y*cols+x] = int32(l.Patch(at.Mul(1/scale), u.Mul(1/scale), v.Mul(1/scale)))
		}
	}
	r.Work -= 6 * rows * cols
	for _, a := range attempts {
		m := Modules{Rows: rows, Cols: cols, V: r.grid.JudgeWithin(a.alpha, a.around, light)}
		r.Work -= 8 * rows * cols
		r.decoder.Erasures = a.erasures
		if s, ok := r.decoder.Decode(&m); ok {
			r.keep(s, p.quad, light)
			r.tracePlace(p, luma.FateRead, light)
			return true
		}
		if rows == cols && !a.erasures {
			m.V = r.mirror(m.V, rows)
			if s, ok := r.decoder.Decode(&m); ok {
				q := p.quad
				r.keep(s, luma.Quad{q[2], q[1], q[0], q[3]}, light)
				r.tracePlace(p, luma.FateRead, light)
				return true
			}
		}
	}
	r.tracePlace(p, "error correction fails", light)
	return false
}

func (r *Reader) keep(s Symbol, q luma.Quad, light bool) {
	s.Mirrored = !q.Convex()
	r.found = append(r.found, Found{Symbol: s, Light: light, Corners: q})
}

// mirror returns the modules of a square symbol of n rows with its solid sides exchanged.
func (r *Reader) mirror(v []int16, n int) []int16 {
	r.mirrored = r.mirrored[:0]
	for y := range n {
		for x := range n {
			r.mirrored = append(r.mirrored, v[(n-1-x)*n+n-1-y])
		}
	}
	return r.mirrored
}
