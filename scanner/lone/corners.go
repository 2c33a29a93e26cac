// Package lone locates symbols that have one finder pattern only, Micro QR Code and rMQR: from the pattern's four corners a perspective is extended over the
// symbol, step by step, each step fitted to modules whose colour is known before any data is read. It knows no symbology's layout.
//
// Coordinates are those of package luma: pixels of the look's finest level. Module (x, y) covers [x, x+1) x [y, y+1), the finder pattern the first seven
// modules in both directions. Work is counted in pixels sampled.
package lone

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements the corners of a finder pattern (ISO/IEC 18004, section 6.3.3): its outline is cut by rays from the centre, its four sides are
// lines fitted to the cuts, and their meeting points are the corners.

// Locator holds a look and the working memory. It is not safe for concurrent use.
type Locator struct {
	Look *luma.Look
	Work int // how many pixels may still be sampled; it goes down

	cuts [rays]luma.Point
}

const (
	rays      = 48
	minCuts   = 40  // rays that have to cut the pattern in three places
	maxAspect = 3.2 // between the sides of the pattern as seen
	cornerGap = 0.12
)

// directions are the rays' unit vectors.
var directions = func() (d [rays]luma.Point) {
	for i := range d {
		s, c := math.Sincos(2 * math.Pi * (float64(i) + 0.5) / rays)
		d[i] = luma.Point{X: c, Y: s}
	}
	return d
}()

// Corners returns the outer corners of a finder pattern, clockwise on the screen, in any turn. It is false where the pattern is no quadrilateral.
func (l *Locator) Corners(f *luma.Finder) (luma.Quad, bool) {
	level := l.Look.Levels[f.Level]
	c, m := f.Center.Mul(1/level.Scale), f.Module/level.Scale
	step := min(max(m/3, 0.4), 1.5)
	var edges [3]float64
	n := 0
	for i := range directions {
		if i-n > rays-minCuts {
			return luma.Quad{}, false
		}
		if level.Ray(c, directions[i], f.T, f.Light, step, 8*m, edges[:], &l.Work) == 3 {
			l.cuts[n] = c.Add(directions[i].Mul(edges[2]))
			n++
		}
	}
	if n < minCuts {
		return luma.Quad{}, false
	}
	corner, ok := l.extremes(c, n)
	if !ok {
		return luma.Quad{}, false
	}
	var sides [4]luma.Piece
	for k := range sides {
		if sides[k], ok = l.side(corner[k], corner[(k+1)%4], n); !ok {
			return luma.Quad{}, false
		}
	}
	var q luma.Quad
	for k := range q {
		p, ok := luma.Meet(sides[(k+3)%4], sides[k])
		if !ok || p.Sub(l.cuts[corner[k]]).Len() > 2.2*m {
			return luma.Quad{}, false
		}
		q[k] = p.Mul(level.Scale)
	}
	return q, plausible(&q)
}

// extremes returns the indices of the cuts nearest to the corners, in the order of the rays: the farthest from the centre, the farthest from that
// one, and the farthest from the line between the two on either side.
func (l *Locator) extremes(c luma.Point, n int) (corner [4]int, ok bool) {
	farthest := func(measure func(p luma.Point) float64) int {
		best, at := 0.0, -1
		for i, p := range l.cuts[:n] {
			if d := measure(p); d > best {
				best, at = d, i
			}
		}
		return at
	}
	a := farthest(func(p luma.Point) float64 { return p.Sub(c).Len() })
	if a < 0 {
		return corner, false
	}
	b := farthest(func(p luma.Point) float64 { return p.Sub(l.cuts[a]).Len() })
	if b < 0 {
		return corner, false
	}
	d := l.cuts[b].Sub(l.cuts[a])
	right := farthest(func(p luma.Point) float64 { return d.Cross(p.Sub(l.cuts[a])) })
	left := farthest(func(p luma.Point) float64 { return -d.Cross(p.Sub(l.cuts[a])) })
	// Seen from a towards b, right is clockwise behind b, as y points down.
	return [4]int{a, left, b, right}, left >= 0 && right >= 0
}

// side fits a line to the cuts between two corners, going round with the rays, without those next to the corners.
func (l *Locator) side(from, to, n int) (luma.Piece, bool) {
	a, b := l.cuts[from], l.cuts[to]
	length := b.Sub(a).Len()
	var s, sx, sy, sxx, sxy, syy float64
	for i := (from + 1) % n; i != to; i = (i + 1) % n {
		p := l.cuts[i]
		if d := p.Sub(a).Len() / length; d < cornerGap || d > 1-cornerGap {
			continue
		}
		x, y := p.X-a.X, p.Y-a.Y
		s, sx, sy, sxx, sxy, syy = s+1, sx+x, sy+y, sxx+x*x, sxy+x*y, syy+y*y
	}
	if s < 3 {
		return luma.Piece{}, false
	}
	mean := luma.Point{X: sx / s, Y: sy / s}
	sin, cos := math.Sincos(0.5 * math.Atan2(2*(sxy/s-mean.X*mean.Y), sxx/s-mean.X*mean.X-syy/s+mean.Y*mean.Y))
	d := luma.Point{X: cos, Y: sin}
	if d.Dot(b.Sub(a)) < 0 {
		d = d.Mul(-1)
	}
	mean = mean.Add(a)
	return luma.Piece{From: mean.Sub(d.Mul(length / 2)), To: mean.Add(d.Mul(length / 2))}, true
}

// plausible reports whether four corners can be those of a square seen at an angle.
func plausible(q *luma.Quad) bool {
	if !q.Convex() {
		return false
	}
	shortest, longest := math.Inf(1), 0.0
	for i := range q {
		side := q[(i+1)%4].Sub(q[i]).Len()
		shortest, longest = min(shortest, side), max(longest, side)
	}
	return longest < maxAspect*shortest
}
