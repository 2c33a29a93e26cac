package datamatrix

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements where modules lie: a perspective map of the symbol, and on a bent ground the way by which its sides are off their straight lines, which fades
// towards the other sides.

// place is a hypothesis of a symbol's corners and size.
type place struct {
	size  *size
	quad  luma.Quad // top left, top right, bottom right, bottom left
	score float64
	warp
}

// warp takes modules to pixels.
type warp struct {
	h          luma.Homography
	bows       luma.Quad     // by how much the middles of the top, right, bottom and left side are off the straight line
	pull       [2]luma.Point // by how much a quarter point of the rows, and of the columns, is shifted one way and the other quarter point back
	bent       bool
	rows, cols float64
}

// set computes the map. It is false where the corners are no convex quadrilateral.
func (p *place) set() bool {
	if !p.quad.Convex() && !(luma.Quad{p.quad[0], p.quad[3], p.quad[2], p.quad[1]}).Convex() {
		return false
	}
	p.bent, p.rows, p.cols = p.bows != luma.Quad{} || p.pull != [2]luma.Point{}, float64(p.size.rows), float64(p.size.cols)
	var ok bool
	p.h, ok = luma.Map(luma.Rect(0, 0, p.cols, p.rows), p.quad)
	return ok
}

// at returns where a place in modules lies. The bows are a Coons patch of parabolas. What lies around a cylinder is also foreshortened to both ends; that is the cubic of
// the pull.
func (w *warp) at(m luma.Point) luma.Point {
	p := w.h.At(m)
	if !w.bent {
		return p
	}
	s, t := m.X/w.cols, m.Y/w.rows
	a, b := 4*s*(1-s), 4*t*(1-t)
	k := [4]float64{a * (1 - t), b * s, a * t, b * (1 - s)}
	for i, d := range w.bows {
		p.X, p.Y = p.X+k[i]*d.X, p.Y+k[i]*d.Y
	}
	p = p.Add(w.pull[0].Mul(8. / 3 * a * (0.5 - s)))
	return p.Add(w.pull[1].Mul(8. / 3 * b * (0.5 - t)))
}

// scaled returns the map to a picture k times as large.
func (w *warp) scaled(k float64) warp {
	v := *w
	for i := range 6 {
		v.h[i] *= k
	}
	for i := range v.bows {
		v.bows[i] = v.bows[i].Mul(k)
	}
	v.pull[0], v.pull[1] = v.pull[0].Mul(k), v.pull[1].Mul(k)
	return v
}

// module returns the size of a module in the middle.
func (p *place) module() float64 {
	area := math.Abs(p.quad[2].Sub(p.quad[0]).Cross(p.quad[3].Sub(p.quad[1]))) / 2
	return math.Sqrt(area / float64(p.size.rows*p.size.cols))
}

// levelFor returns the level on which modules of the given size are at least two pixels and a half wide, and its scale.
func (r *Reader) levelFor(module float64) (*luma.Level, float64) {
	i := 0
	for i+1 < len(r.look.Levels) && module/r.look.Levels[i].Scale >= 5 {
		i++
	}
	return r.look.Levels[i], r.look.Levels[i].Scale
}
