package datamatrix

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements locating: the solid sides of a symbol (section 5.5.1) are two long straight pieces of one outline that meet in a corner. The other two
// sides are found by turning a line about the ends of these until it touches the symbol.

// corner is an L of two solid sides, in pixels of the finest level: from the end of the bottom side over the corner to the end of the left side.
type corner struct {
	right, at, top luma.Point
	light          bool
	pixel          float64 // pixels of the finest level to one of the level on which it was found
}

const (
	minLeg      = 14.0 // pixels of its level
	maxLegRatio = 24.0
	maxGap      = 0.2 // of a leg that is lost at the corner, where it is round
	minSin      = 0.5 // of the angle between the legs
	sweep       = 24  // degrees to either side within which the far sides are looked for
)

// find collects the corners on all levels.
func (r *Reader) find() {
	r.corners = r.corners[:0]
	for _, l := range r.look.Levels {
		for _, light := range [...]bool{false, true} {
			r.outlines.Each(l, light, func(pieces []luma.Piece) { r.pair(pieces, l, light) })
		}
	}
}

// pair looks for two long pieces that follow each other around a convex corner.
func (r *Reader) pair(pieces []luma.Piece, l *luma.Level, light bool) {
	n := len(pieces)
	for i := range pieces {
		u, lu := pieces[i].Dir()
		if lu < minLeg {
			continue
		}
		gap := 0.0
		for k := 1; k < min(n, 5); k++ {
			next := &pieces[(i+k)%n]
			v, lv := next.Dir()
			if gap > maxGap*lu {
				break
			}
			if lv < minLeg || gap > maxGap*lv {
				gap += lv
				continue
			}
			if lu > maxLegRatio*lv || lv > maxLegRatio*lu || u.Cross(v) < minSin {
				break
			}
			if c, ok := luma.Meet(pieces[i], *next); ok {
				r.add(corner{pieces[i].From.Mul(l.Scale), c.Mul(l.Scale), next.To.Mul(l.Scale), light, l.Scale})
			}
			break
		}
	}
}

// add keeps a corner unless a finer level has the same one.
func (r *Reader) add(c corner) {
	size := c.right.Sub(c.at).Len() + c.top.Sub(c.at).Len()
	for i := range r.corners {
		o := &r.corners[i]
		if o.light == c.light && o.at.Sub(c.at).Len() < 0.03*size && o.right.Sub(c.right).Len() < 0.06*size && o.top.Sub(c.top).Len() < 0.06*size {
			return
		}
	}
	if len(r.corners) < maxCorners {
		r.corners = append(r.corners, c)
	}
}

// far returns where the two far sides meet, as the lines touch the symbol from outside.
func (r *Reader) far(c *corner) (luma.Point, bool) {
	bottom, left := c.right.Sub(c.at), c.top.Sub(c.at)
	top, ok1 := r.touch(c.top, bottom, left, c)
	side, ok2 := r.touch(c.right, left, bottom, c)
	if !ok1 || !ok2 {
		return luma.Point{}, false
	}
	return luma.Meet(luma.Piece{From: c.top, To: c.top.Add(top)}, luma.Piece{From: c.right, To: c.right.Add(side)})
}

// touch turns a line about p, from outside towards the symbol, which lies on the side away from out, until it meets as much of the symbol's colour as an
// alternating side has. along is about its direction and length.
func (r *Reader) touch(p, along, out luma.Point, c *corner) (luma.Point, bool) {
	l, scale := r.levelFor(min(along.Len(), out.Len()) / 12)
	start := p.Mul(1 / scale)
	o := out.Mul(1 / out.Len()).Mul(along.Len())
	length := int(along.Len()/scale) + 1
	step := max(1, length/80)
	last := 0.0
	for a := sweep; a >= -sweep; a-- {
		slope := math.Tan(float64(a) * math.Pi / 180)
		dir := along.Add(o.Mul(slope))
		hits, n := 0, 0
		d := dir.Mul(1 / (scale * float64(length)))
		for i := length / 12; i < length*7/8; i += step {
			q := start.Add(d.Mul(float64(i)))
			if r.isArea(l, q, c) {
				hits++
			}
			n++
		}
		r.Work -= n
		share := float64(hits) / float64(max(n, 1))
		if share > touchShare {
			// Between this degree and the one before: where the share is passed.
			f := (share - touchShare) / max(share-last, 1e-6)
			slope = math.Tan((float64(a) + min(f, 1)) * math.Pi / 180)
			return along.Add(o.Mul(slope)), a < sweep
		}
		last = share
	}
	return luma.Point{}, false
}

// touchShare is the share of a line in the symbol's colour at which it is taken to touch an alternating side, half of which has that colour.
const touchShare = 0.22

// isArea reports whether the pixel at q has the colour of the symbol's dark modules.
func (r *Reader) isArea(l *luma.Level, q luma.Point, c *corner) bool {
	v := l.At(q.X, q.Y)
	t := r.middle
	return (v < t) != c.light
}

// levelFor returns the level on which modules of the given size are at least two pixels and a half wide, and its scale.
func (r *Reader) levelFor(module float64) (*luma.Level, float64) {
	i := 0
	for i+1 < len(r.look.Levels) && module/r.look.Levels[i].Scale >= 5 {
		i++
	}
	return r.look.Levels[i], r.look.Levels[i].Scale
}

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
			a, b := l.At(in.X, in.Y), l.At(out.X, out.Y)
			inside, outside, n = inside+a, outside+b, n+1
			if (a < b) != c.light {
				good++
			}
		}
	}
	r.Work -= 2 * n
	inside, outside = inside/n, outside/n
	r.middle = (inside + outside) / 2
	return good*8 >= n*7 && (outside-inside > minEdge) != (inside-outside > minEdge)
}

// minEdge is the least difference across a leg, in 1/256 gray levels.
const minEdge = 10 << 8
