package datamatrix

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements following the solid sides: from the corner on along the edge between the quiet zone and the symbol, also where that is bent or a piece of it is lost.

// contrast measures dark and light along the legs, half a pixel to three pixels inside and outside, and sets the threshold between them. It is false where
// the legs are no edges.
func (r *Reader) contrast(c *corner) bool {
	centre := c.right.Add(c.top).Mul(0.5)
	l := r.look.Levels[0]
	for _, k := range r.look.Levels {
		if k.Scale == c.pixel {
			l = k
		}
	}
	var inside, outside, n, good int
	for _, end := range [...]luma.Point{c.right, c.top} {
		d := end.Sub(c.at)
		normal := luma.Point{X: -d.Y, Y: d.X}
		if normal.Dot(centre.Sub(c.at)) < 0 {
			normal = normal.Mul(-1)
		}
		normal = normal.Mul(1.3 * c.pixel / normal.Len())
		for i := 1; i < 24; i++ {
			p := c.at.Add(d.Mul(float64(i) / 24))
			in, out := p.Add(normal).Mul(1/c.pixel), p.Sub(normal).Mul(1/c.pixel)
			if !l.Inside(out.X, out.Y) {
				continue // the frame cuts off the quiet zone
			}
			a, b := l.At(in.X, in.Y), l.At(out.X, out.Y)
			inside, outside, n = inside+a, outside+b, n+1
			if (a < b) != c.light {
				good++
			}
		}
	}
	r.Work -= 2 * n
	if n == 0 { // the frame cuts off the whole quiet zone at these sides
		p := c.at.Add(centre).Mul(0.5 / c.pixel)
		r.middle, r.step = l.Thresholds.At(int(p.X), int(p.Y))<<8, minEdge
		return r.middle != 0
	}
	inside, outside = inside/n, outside/n
	r.middle = (inside + outside) / 2
	r.step = max(inside-outside, outside-inside)
	return good*8 >= n*7 && (outside-inside > minEdge) != (inside-outside > minEdge)
}

// minEdge is the least difference across a leg, in 1/256 gray levels.
const minEdge = 10 << 8

// levelOf returns the level on which the corner was found.
func (r *Reader) levelOf(c *corner) *luma.Level {
	for _, l := range r.look.Levels {
		if l.Scale == c.pixel {
			return l
		}
	}
	return r.look.Levels[0]
}

const (
	maxEdgeGap  = 0.2   // of the way so far that may be lost
	minEdgeGap  = 6.0   // pixels that may be lost
	sureEdgeGap = 2.0   // pixels beyond the straight piece that may be lost where nothing is bridged
	maxEdgeWay  = 3.0   // times the length of the straight piece known so far
	minBow      = 0.008 // of a side, below which it counts as straight
	maxBow      = 0.25
)

// follow moves the ends of the legs to where their edges end, and finds how they are bent. Where a piece of a leg is lost it may go on behind that: with bridge the
// edge is followed over it, at the risk that what follows is another one.
func (r *Reader) follow(c *corner, bridge bool) {
	l := r.levelOf(c)
	right, base1, bow1, ok1 := r.followLeg(l, c, c.right, c.top, bridge)
	top, base2, bow2, ok2 := r.followLeg(l, c, c.top, c.right, bridge)
	if ok1 {
		c.right, c.bows[0] = right, bow1
	}
	if ok2 {
		c.top, c.bows[1] = top, bow2
	}
	c.at = c.at.Add(base1).Add(base2)
}

// followLeg follows the edge from the corner past one end; the symbol lies on the side of other. It returns the new end, how far the corner lies off the edge,
// and by how much the edge's middle is off the straight line between its ends.
func (r *Reader) followLeg(l *luma.Level, c *corner, end, other luma.Point, bridge bool) (to, base, bow luma.Point, ok bool) {
	k := 1 / c.pixel
	at := c.at.Mul(k)
	d := end.Sub(c.at).Mul(k)
	length := d.Len()
	d = d.Mul(1 / length)
	in := luma.Point{X: -d.Y, Y: d.X}
	if in.Dot(other.Sub(c.at)) < 0 {
		in = in.Mul(-1)
	}
	var fit, sure parabola // sure is without what follows a gap until that has proved to be longer than the gap
	off, slope, last, gap, run := 0.0, 0.0, 0.0, 0.0, 0.0
	for s := max(2, 0.1*length); s < maxEdgeWay*length+20; s++ {
		off += slope
		t, found := r.edge(l, at.Add(d.Mul(s)), in, off, c.light)
		if !found {
			if run >= gap {
				gap = 0
			}
			run = 0
			if gap++; gap > max(minEdgeGap, maxEdgeGap*s) || !bridge && s > length && gap > sureEdgeGap {
				break
			}
			continue
		}
		slope = min(max(slope+0.04*(t-off), -0.7), 0.7)
		off += 0.4 * (t - off)
		fit.add(s/length, t)
		if run++; run >= gap {
			sure, last = fit, s
		}
	}
	fit = sure
	if last < 0.7*length || fit.n < 8 {
		return to, base, bow, false
	}
	S := (last + 0.5) / length
	a, b, q := fit.solve()
	sag := -q * S * S / 4
	if math.Abs(sag) > maxBow*S*length {
		return to, base, bow, false
	}
	if math.Abs(sag) < minBow*S*length+0.3 {
		a, b = fit.line()
		q, sag = 0, 0
	}
	px := c.pixel
	to = at.Add(d.Mul(S * length)).Add(in.Mul(a + b*S + q*S*S)).Mul(px)
	return to, in.Mul(a * px), in.Mul(sag * px), true
}

// edge returns the place along the direction in, near off, at which the picture changes from the ground's colour to the symbol's.
func (r *Reader) edge(l *luma.Level, p, in luma.Point, off float64, light bool) (float64, bool) {
	t := l.Thresholds.At(int(p.X), int(p.Y)) << 8
	if t == 0 {
		t = r.middle
	}
	at := func(x float64) int {
		r.Work--
		v := l.At(p.X+in.X*x, p.Y+in.Y*x) - t
		if light {
			return -v
		}
		return v
	}
	if !l.Inside(p.X+in.X*off, p.Y+in.Y*off) {
		return 0, false
	}
	lo, hi := off-1, off+1
	a, b := at(lo), at(hi)
	switch {
	case a > 0 && b > 0: // ground on both sides: farther in
		lo, a = hi, b
		hi++
		b = at(hi)
	case b <= 0 && a <= 0: // the symbol's colour: farther out
		hi, b = lo, a
		lo--
		a = at(lo)
	}
	if a <= 0 || b > 0 {
		return 0, false
	}
	e := lo + (hi-lo)*float64(a)/float64(a-b)
	if at(e-1.5)-at(e+1.5) < r.step*2/5 {
		return 0, false
	}
	return e, true
}

// parabola is a least-squares fit of y = a + bx + qx^2.
type parabola struct {
	n                          int
	x1, x2, x3, x4, y, xy, xxy float64
}

func (f *parabola) add(x, y float64) {
	f.n++
	f.x1, f.x2, f.x3, f.x4 = f.x1+x, f.x2+x*x, f.x3+x*x*x, f.x4+x*x*x*x
	f.y, f.xy, f.xxy = f.y+y, f.xy+x*y, f.xxy+x*x*y
}

func (f *parabola) solve() (a, b, q float64) {
	n := float64(f.n)
	det := func(a, b, c, d, e, f, g, h, i float64) float64 { return a*(e*i-f*h) - b*(d*i-f*g) + c*(d*h-e*g) }
	d := det(n, f.x1, f.x2, f.x1, f.x2, f.x3, f.x2, f.x3, f.x4)
	if math.Abs(d) < 1e-12 {
		a, b = f.line()
		return a, b, 0
	}
	a = det(f.y, f.x1, f.x2, f.xy, f.x2, f.x3, f.xxy, f.x3, f.x4) / d
	b = det(n, f.y, f.x2, f.x1, f.xy, f.x3, f.x2, f.xxy, f.x4) / d
	q = det(n, f.x1, f.y, f.x1, f.x2, f.xy, f.x2, f.x3, f.xxy) / d
	return a, b, q
}

func (f *parabola) line() (a, b float64) {
	n := float64(f.n)
	d := n*f.x2 - f.x1*f.x1
	if math.Abs(d) < 1e-12 {
		return f.y / max(n, 1), 0
	}
	b = (n*f.xy - f.x1*f.y) / d
	return (f.y - b*f.x1) / n, b
}
