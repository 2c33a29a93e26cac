package qr

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements the first test of three or two finder patterns: the timing patterns between them (section 6.3.5).

// top and left count the changes along the timing patterns (section 6.3.5), which lie three modules inside of the line between the finders' centres. They return by
// how many they are off what the size asks for.
func (r *Reader) top(g *legs, n float64) float64 {
	return r.timing(g.tl, g.tr, g.bl.Center.Sub(g.tl.Center), g.mTop, g.mRight, g.mLeft, n)
}

func (r *Reader) left(g *legs, n float64) float64 {
	return r.timing(g.tl, g.bl, g.tr.Center.Sub(g.tl.Center), g.mLeft, g.mDown, g.mTop, n)
}

// plainTiming and looseTiming are by how many changes the timing pattern of a symbol of n modules to a side may be off where it is plainly there, and where it may
// be: at random half of the changes are.
func plainTiming(n float64) float64 { return 1.2 + 0.12*(n-13) }

func looseTiming(n float64) float64 { return 3 + 0.3*(n-13) }

// maxClosed is how many triples of clean finders are tried though neither timing pattern is there.
const maxClosed = 6

// timing returns by how many changes the timing pattern between two finders, on the side to which v points, is off: n is more than there is.
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
		return n
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
	return math.Abs(float64(changes) - (n - 13))
}
