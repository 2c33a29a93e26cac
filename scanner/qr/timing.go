package qr

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements the first test of three or two finder patterns: the timing patterns between them (section 6.3.5).

// top and left count the changes along the timing patterns (section 6.3.5), which lie three modules inside of the line between the finders' centres. They return by
// how many more than two they are off what the size asks for, as a share of that: at random half of them are there.
func (r *Reader) top(g *legs, n float64) float64 {
	return r.timing(g.tl, g.tr, g.bl.Center.Sub(g.tl.Center), g.mTop, g.mRight, g.mLeft, n)
}

func (r *Reader) left(g *legs, n float64) float64 {
	return r.timing(g.tl, g.bl, g.tr.Center.Sub(g.tl.Center), g.mLeft, g.mDown, g.mTop, n)
}

// The shares by which one timing pattern may be off, and both where they are plainly there.
const (
	timingOff   = 0.34
	timingPlain = 0.22
)

// maxClosed is how many triples of clean finders are tried though neither timing pattern is there.
const maxClosed = 6

// timing counts the changes along the timing pattern between two finders on the side to which v points.
func (r *Reader) timing(a, b *luma.Finder, v luma.Point, ma, mb, ms, n float64) float64 {
	u := b.Center.Sub(a.Center)
	u, v = u.Mul(1/u.Len()), v.Mul(1/v.Len())
	from := a.Center.Add(u.Mul(4 * ma)).Add(v.Mul(3 * ms))
	to := b.Center.Sub(u.Mul(4 * mb)).Add(v.Mul(3 * ms * mb / ma))
	l, scale := r.levelFor(min(ma, mb))
	steps := int(math.Ceil((n-14)*3)) + 2
	lo, hi := 1<<20, 0
	r.Work -= steps
	r.line = r.line[:0]
	for i := range steps + 1 {
		p := from.Add(to.Sub(from).Mul(float64(i) / float64(steps))).Mul(1 / scale)
		v := l.At(p.X, p.Y)
		lo, hi = min(lo, v), max(hi, v)
		r.line = append(r.line, v)
	}
	if hi-lo < 8<<8 {
		return 1
	}
	changes, state := 0, 0
	margin := (hi - lo) / 16
	window := (lo + hi) / 2 // running local middle against shadows
	for _, v := range r.line {
		window += (v - window) / 12
		switch {
		case v > window+margin && state != 1:
			state = 1
			changes++
		case v < window-margin && state != -1:
			state = -1
			changes++
		}
	}
	want := n - 14 + 1
	return max(0, math.Abs(float64(changes)-want)-2) / want
}
