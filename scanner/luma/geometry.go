package luma

import "math"

// Point is a place in a picture or in a grid of modules.
type Point struct{ X, Y float64 }

// Add returns p + q.
func (p Point) Add(q Point) Point { return Point{p.X + q.X, p.Y + q.Y} }

// Sub returns p - q.
func (p Point) Sub(q Point) Point { return Point{p.X - q.X, p.Y - q.Y} }

// Mul returns p scaled by k.
func (p Point) Mul(k float64) Point { return Point{p.X * k, p.Y * k} }

// Dot returns the inner product of p and q.
func (p Point) Dot(q Point) float64 { return p.X*q.X + p.Y*q.Y }

// Cross returns the z component of p x q: positive where q lies clockwise of p on the screen, y pointing down.
func (p Point) Cross(q Point) float64 { return p.X*q.Y - p.Y*q.X }

// Len returns the length of p.
func (p Point) Len() float64 { return math.Sqrt(p.X*p.X + p.Y*p.Y) }

// Quad is a quadrilateral, its corners clockwise from the top left.
type Quad [4]Point

// Center returns the mean of the corners.
func (q Quad) Center() Point { return q[0].Add(q[1]).Add(q[2]).Add(q[3]).Mul(0.25) }

// Convex reports whether the corners go round clockwise without a reflex angle.
func (q Quad) Convex() bool {
	for i := range q {
		if q[(i+1)%4].Sub(q[i]).Cross(q[(i+2)%4].Sub(q[(i+1)%4])) <= 0 {
			return false
		}
	}
	return true
}

// Contains reports whether p lies in a convex quadrilateral, whichever way its corners go round.
func (q *Quad) Contains(p Point) bool {
	left, right := 0, 0
	for i := range q {
		if q[(i+1)%4].Sub(q[i]).Cross(p.Sub(q[i])) < 0 {
			left++
		} else {
			right++
		}
	}
	return left == 0 || right == 0
}

// Rect returns the rectangle from (x0, y0) to (x1, y1) as a quadrilateral.
func Rect(x0, y0, x1, y1 float64) Quad { return Quad{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}} }

// Homography is a projective map of the plane, row by row.
type Homography [9]float64

// At maps p.
func (h *Homography) At(p Point) Point {
	w := 1 / (h[6]*p.X + h[7]*p.Y + h[8])
	return Point{(h[0]*p.X + h[1]*p.Y + h[2]) * w, (h[3]*p.X + h[4]*p.Y + h[5]) * w}
}

// Map returns the homography that takes the corners of src to those of dst. It is false where three corners lie on a line.
func Map(src, dst Quad) (Homography, bool) {
	s, ok1 := fromSquare(src)
	d, ok2 := fromSquare(dst)
	if !ok1 || !ok2 {
		return Homography{}, false
	}
	inv := s.adjugate()
	h := d.times(&inv)
	if k := h[8]; k != 0 {
		for i := range h {
			h[i] /= k
		}
	}
	for _, v := range h {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Homography{}, false
		}
	}
	return h, true
}

// fromSquare returns the map of the unit square to q (Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, section 2.2.3).
func fromSquare(q Quad) (Homography, bool) {
	d1, d2 := q[1].Sub(q[2]), q[3].Sub(q[2])
	s := q[0].Sub(q[1]).Add(q[2]).Sub(q[3])
	den := d1.Cross(d2)
	if math.Abs(den) < 1e-9 {
		return Homography{}, false
	}
	g, k := s.Cross(d2)/den, d1.Cross(s)/den
	return Homography{
		q[1].X - q[0].X + g*q[1].X, q[3].X - q[0].X + k*q[3].X, q[0].X,
		q[1].Y - q[0].Y + g*q[1].Y, q[3].Y - q[0].Y + k*q[3].Y, q[0].Y,
		g, k, 1,
	}, true
}

func (h *Homography) adjugate() Homography {
	return Homography{
		h[4]*h[8] - h[5]*h[7], h[2]*h[7] - h[1]*h[8], h[1]*h[5] - h[2]*h[4],
		h[5]*h[6] - h[3]*h[8], h[0]*h[8] - h[2]*h[6], h[2]*h[3] - h[0]*h[5],
		h[3]*h[7] - h[4]*h[6], h[1]*h[6] - h[0]*h[7], h[0]*h[4] - h[1]*h[3],
	}
}

func (h *Homography) times(o *Homography) (r Homography) {
	for i := range 3 {
		for j := range 3 {
			r[3*i+j] = h[3*i]*o[j] + h[3*i+1]*o[3+j] + h[3*i+2]*o[6+j]
		}
	}
	return r
}
