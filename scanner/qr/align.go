package qr

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements the search for alignment patterns (section 6.3.6): dark, light and dark squares around each other, found by correlation in
// gray, so that they need not survive any threshold.

const (
	minAlignment  = 0.55    // correlation of an alignment pattern with what was found
	sureAlignment = 0.80    // so that it is not looked for any farther
	meshAlignment = 0.60    // and to bend the mesh
	minRing       = 12 << 8 // four modules of its light ring, less four times its middle, in 1/256 gray levels
)

// patternAt correlates the alignment pattern around c with the picture; u and v lead from module to module.
func (r *Reader) patternAt(l *luma.Level, c, u, v luma.Point, light bool) float64 {
	// The middle and its four neighbours first: most places fail there.
	m := l.At(c.X, c.Y)
	ring := l.At(c.X+u.X, c.Y+u.Y) + l.At(c.X-u.X, c.Y-u.Y) + l.At(c.X+v.X, c.Y+v.Y) + l.At(c.X-v.X, c.Y-v.Y)
	r.Work -= 5
	d := ring - 4*m
	if light {
		d = -d
	}
	if d < minRing {
		return -1
	}
	var sum, dark, squares int
	for y := -2; y <= 2; y++ {
		for x := -2; x <= 2; x++ {
			p := c.Add(u.Mul(float64(x))).Add(v.Mul(float64(y)))
			s := l.At(p.X, p.Y) >> 4
			sum += s
			squares += s * s
			if max(x, -x, y, -y) != 1 {
				dark += s
			}
		}
	}
	r.Work -= 25
	return correlation(25, 17, sum, dark, squares, light)
}

// findPattern searches an alignment pattern within radius modules of c, coarsely and then finely. It returns where and how well.
func (r *Reader) findPattern(c, u, v luma.Point, radius float64, light bool) (luma.Point, float64) {
	l, scale := r.levelFor(math.Sqrt(math.Abs(u.Cross(v))))
	k := 1 / scale
	c, u, v = c.Mul(k), u.Mul(k), v.Mul(k)
	best, at := -1.0, c
	search := func(centre luma.Point, radius, step, penalty float64) {
		for y := -radius; y <= radius; y += step {
			for x := -radius; x <= radius; x += step {
				p := centre.Add(u.Mul(x)).Add(v.Mul(y))
				if s := r.patternAt(l, p, u, v, light) - penalty*(x*x+y*y)/(radius*radius); s > best {
					best, at = s, p
				}
			}
		}
	}
	search(c, radius, 0.5, 0.06)
	if best > 0.3 {
		search(at, 0.4, 0.2, 0)
		search(at, 0.1, 0.1, 0)
	}
	return at.Mul(scale), best
}

// alignBR looks for the alignment pattern nearest to the far corner around where p has it, and considers the place that it gives.
func (r *Reader) alignBR(p *place, light bool, best *place, ok *bool) {
	n := float64(side(p.version))
	c := luma.Point{X: n - 6.5, Y: n - 6.5}
	at := p.at(c)
	u, v := p.at(c.Add(luma.Point{X: 1})).Sub(at), p.at(c.Add(luma.Point{Y: 1})).Sub(at)
	found, s := r.findPattern(at, u, v, 2, light)
	if s < sureAlignment { // farther, for the estimate of a large symbol's corner may be far off
		if wide, better := r.findPattern(at, u, v, 2.5+0.06*n, light); better > s {
			found, s = wide, better
		}
	}
	if s < minAlignment {
		return
	}
	q := *p
	var good bool
	if q.h, good = luma.Map(luma.Quad{{X: 3.5, Y: 3.5}, {X: n - 3.5, Y: 3.5}, c, {X: 3.5, Y: n - 3.5}}, luma.Quad{p.tl, p.tr, found, p.bl}); !good {
		return
	}
	if q.br = q.h.At(luma.Point{X: n - 3.5, Y: n - 3.5}); q.setH() {
		r.consider(&q, light, best, ok)
	}
}
