package aztec

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements finding bullseyes (section 5.2.1): squares of alternating colour around each other. Rays from the middle cross their edges at distances
// in the ratios 1:3:5:7 in every direction; the fourth edge is traced all around, and straight lines through its four sides give the perspective.

// bullseye is a found pattern, in pixels of the finest level.
type bullseye struct {
	center luma.Point
	quad   luma.Quad // the edge 3.5 modules from the middle, clockwise from any corner
	light  bool      // the middle is light
	level  int
}

const (
	rays         = 64
	edgesNeeded  = 4
	rayTolerance = 0.32 // of a module along the ray, and half a pixel
	maxBullseyes = 60
)

// find collects the bullseyes among the hits of all levels.
func (r *Reader) find() {
	r.eyes = r.eyes[:0]
	for i, l := range r.look.Levels {
		for j := range l.Hits {
			if h := &l.Hits[j]; h.Bullseye && r.Work > 0 && len(r.eyes) < maxBullseyes {
				r.verify(l, i, h)
			}
		}
	}
}

// verify adds the bullseye that h cuts, if it does.
func (r *Reader) verify(l *luma.Level, index int, h *luma.Hit) {
	module := h.Width / 5
	at := luma.Point{X: h.X, Y: h.Y}
	for i := range r.eyes {
		e := &r.eyes[i]
		if d := e.center.Sub(at.Mul(l.Scale)); math.Abs(d.X)+math.Abs(d.Y) < 6*module*l.Scale {
			return
		}
	}
	t := l.Thresholds.At(int(h.X), int(h.Y)) << 8
	if t == 0 {
		return
	}
	c, ok := r.centre(l, at, module, t, h.Light)
	if !ok {
		return
	}
	e := bullseye{light: h.Light, level: index}
	var points [rays]luma.Point
	if !r.trace(l, c, module, t, h.Light, &points) || !squareThrough(&points, &e.quad) {
		return
	}
	for i := range e.quad {
		e.quad[i] = e.quad[i].Mul(l.Scale)
	}
	e.center = e.quad.Center()
	r.eyes = append(r.eyes, e)
}

// centre moves a point to the middle of its square, across and along, and tests the edges in both directions.
func (r *Reader) centre(l *luma.Level, p luma.Point, module float64, t int, light bool) (luma.Point, bool) {
	for round := range 2 {
		for _, dir := range [...]luma.Point{{Y: 1}, {X: 1}} {
			var a, b [edgesNeeded]float64
			step := min(max(module/3, 0.4), 1.5)
			if l.Ray(p, dir, t, light, step, 2.6*module, a[:], &r.Work) < edgesNeeded ||
				l.Ray(p, dir.Mul(-1), t, light, step, 2.6*module, b[:], &r.Work) < edgesNeeded {
				return p, false
			}
			shift := 0.0
			for i := range a {
				shift += (a[i] - b[i]) / (2 * edgesNeeded)
			}
			p = p.Add(dir.Mul(shift))
			width := (a[3] + b[3]) / 7
			for i := range edgesNeeded {
				tolerance := 1.1*rayTolerance*width + 0.6
				if round > 0 && math.Abs((a[i]+b[i])/2-(float64(i)+0.5)*width) > tolerance {
					return p, false
				}
			}
		}
	}
	return p, true
}

// trace follows rays in all directions to the fourth edge. One in eight may be spoiled; its point is interpolated by its neighbours' later.
func (r *Reader) trace(l *luma.Level, c luma.Point, module float64, t int, light bool, points *[rays]luma.Point) bool {
	bad := 0
	step := min(max(module/3, 0.4), 1.5)
	for k := range points {
		i := (k*27 + 8) % rays // the diagonals first: most of what passed so far fails there
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / rays)
		dir := luma.Point{X: cos, Y: sin}
		var e [edgesNeeded]float64
		ok := l.Ray(c, dir, t, light, step, 2.6*module, e[:], &r.Work) == edgesNeeded
		if ok {
			m := e[3] / 3.5
			for j := range 3 {
				ok = ok && math.Abs(e[j]-(float64(j)+0.5)*m) < rayTolerance*m+0.6
			}
		}
		points[i] = c.Add(dir.Mul(e[3]))
		if !ok {
			points[i] = luma.Point{X: math.NaN()}
			if bad++; bad > 1+k/6 {
				return false
			}
		}
	}
	return true
}

// squareThrough fits a quadrilateral to points around a square: for each orientation that it may have the points are shared out to four sides, a line is fitted
// to each, and the best orientation is kept.
func squareThrough(points *[rays]luma.Point, q *luma.Quad) bool {
	best := math.Inf(1)
	for turn := range rays / 4 {
		var lines [4]luma.Piece
		sum := 0.0
		for s := range lines {
			var off float64
			lines[s], off = lineThrough(points, turn+s*rays/4+1, rays/4-2)
			sum += off
		}
		if sum >= best {
			continue
		}
		var c luma.Quad
		ok := true
		for s := range c {
			var meets bool
			c[s], meets = luma.Meet(lines[(s+3)%4], lines[s])
			ok = ok && meets
		}
		if ok && c.Convex() {
			best, *q = sum, c
		}
	}
	size := q[0].Sub(q[2]).Len() + q[1].Sub(q[3]).Len()
	return !math.IsInf(best, 1) && math.Sqrt(best/rays) < 0.03*size+0.3
}

// lineThrough fits a line to n points from the given index on, and returns the sum of the squares of their distances.
func lineThrough(points *[rays]luma.Point, from, n int) (luma.Piece, float64) {
	var s, sx, sy, sxx, sxy, syy float64
	for i := range n {
		p := points[(from+i)%rays]
		if math.IsNaN(p.X) {
			continue
		}
		s, sx, sy, sxx, sxy, syy = s+1, sx+p.X, sy+p.Y, sxx+p.X*p.X, sxy+p.X*p.Y, syy+p.Y*p.Y
	}
	if s < 4 {
		return luma.Piece{To: luma.Point{X: 1}}, math.Inf(1)
	}
	c := luma.Point{X: sx / s, Y: sy / s}
	sxx, sxy, syy = sxx/s-c.X*c.X, sxy/s-c.X*c.Y, syy/s-c.Y*c.Y
	angle := 0.5 * math.Atan2(2*sxy, sxx-syy)
	d := luma.Point{X: math.Cos(angle), Y: math.Sin(angle)}
	off := s * (sxx*d.Y*d.Y - 2*sxy*d.X*d.Y + syy*d.X*d.X)
	return luma.Piece{From: c, To: c.Add(d)}, max(off, 0)
}
