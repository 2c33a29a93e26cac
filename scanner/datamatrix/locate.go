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
	bows           [2]luma.Point // by how much the middles of the bottom and the left side are off the straight lines
	light          bool
	pixel          float64 // pixels of the finest level to one of the level on which it was found
}

const (
	minLeg      = 14.0 // pixels of its level
	minLegWide  = 20.0 // the same in a picture so large that such a small symbol is no use
	minPiece    = 9.0  // pixels of the straight piece next to the corner
	maxTurn     = 0.06 // tangent of the angle by which a side turns
	maxLost     = 4    // pieces of a notch
	maxLegRatio = 24.0
	maxGap      = 0.2 // of a leg that is lost at the corner, where it is round
	minSin      = 0.5 // of the angle between the legs
	sweep       = 24  // degrees to either side within which the far sides are looked for
	sweepStep   = 3   // degrees at once
)

// find collects the corners on all levels, the coarse ones first, as they are cheap: where work runs out, only symbols of the smallest modules are lost. A symbol of light modules has the outlines of one of dark modules, walked the other way.
func (r *Reader) find() {
	r.corners = r.corners[:0]
	for i := len(r.look.Levels) - 1; i >= 0; i-- {
		r.level = r.look.Levels[i]
		r.outlines.Each(r.level, r.visit)
	}
}

// pair looks for two long sides that follow each other around a corner: one that turns right belongs to a dark symbol, one that turns left to a light one.
func (r *Reader) pair(pieces []luma.Piece) {
	n, shortest := len(pieces), minLeg
	if r.level.W*r.level.H >= luma.Wide {
		shortest = minLegWide
	}
	for i := range pieces {
		if pieces[i].Shorter(minPiece) {
			continue
		}
		u, lu := pieces[i].Dir()
		gap := 0.0
		for k := 1; k < min(n, 5); k++ {
			j := (i + k) % n
			v, lv := pieces[j].Dir()
			turn := u.Cross(v)
			if lv < minPiece || math.Abs(turn) < minSin {
				if gap += lv; gap > maxGap*lu && gap > minPiece {
					break
				}
				continue
			}
			if c, ok := luma.Meet(pieces[i], pieces[j]); ok {
				first, from := extend(pieces, i, -1, c)
				last, to := extend(pieces, j, 1, c)
				a, b := first.Sub(c).Len(), last.Sub(c).Len()
				if min(a, b) >= shortest && max(a, b) <= maxLegRatio*min(a, b) && gap <= maxGap*min(a, b) &&
					!r.closed(pieces, from, -1, b) && !r.closed(pieces, to, 1, a) {
					if turn < 0 {
						first, last = last, first
					}
					s := r.level.Scale
					r.add(corner{right: first.Mul(s), at: c.Mul(s), top: last.Mul(s), light: turn < 0, pixel: s})
				}
			}
			break
		}
	}
}

// extend follows a side from piece i away from the corner c, forwards or backwards, over pieces that go on nearly straight, as those of a side that is
// bent a little or has a notch, and returns its end and its last piece.
func extend(pieces []luma.Piece, i, step int, c luma.Point) (end luma.Point, last int) {
	n := len(pieces)
	outer := func(p *luma.Piece) luma.Point {
		if step < 0 {
			return p.From
		}
		return p.To
	}
	end, last = outer(&pieces[i]), i
	for k, lost := 1, 0; k < n && lost < maxLost; k++ {
		at := ((i+k*step)%n + n) % n
		p := &pieces[at]
		next, side := outer(p), end.Sub(c)
		d, more := next.Sub(c), next.Sub(end)
		if more.Dot(side) > minPiece/2*side.Len() && math.Abs(side.Cross(more)) < 2*maxTurn*more.Dot(side) && math.Abs(side.Cross(d)) < maxTurn*d.Dot(side) {
			end, last, lost = next, at, 0
			continue
		}
		lost++
	}
	return end, last
}

// closed reports whether another long side follows beyond a side's last piece, one that is solid all along: then this is a box. other is the length of the side across.
func (r *Reader) closed(pieces []luma.Piece, last, step int, other float64) bool {
	n := len(pieces)
	u, _ := pieces[last].Dir()
	for k := 1; k <= 3 && k < n-1; k++ {
		p := &pieces[((last+k*step)%n+n)%n]
		v, l := p.Dir()
		if l < closedShare*other || math.Abs(u.Cross(v)) < minSin {
			continue
		}
		solid := 0
		in := luma.Point{X: -v.Y, Y: v.X}.Mul(1.5) // the dark side, on the right hand
		for i := range closedSpots {
			q := p.From.Add(p.To.Sub(p.From).Mul((float64(i) + 0.5) / closedSpots))
			t := r.level.Thresholds.At(int(q.X), int(q.Y)) << 8
			dark, light := q.Add(in), q.Sub(in)
			if r.level.At(dark.X, dark.Y) < t && r.level.At(light.X, light.Y) >= t {
				solid++
			}
		}
		return solid > closedSpots*7/8
	}
	return false
}

const (
	closedShare = 0.5 // of the side across
	closedSpots = 32
)

// add keeps a corner in the place of the same one from a coarser level.
func (r *Reader) add(c corner) {
	size := c.right.Sub(c.at).Len() + c.top.Sub(c.at).Len()
	for i := range r.corners {
		o := &r.corners[i]
		if o.light == c.light && o.at.Sub(c.at).Len() < 0.03*size && o.right.Sub(c.right).Len() < 0.06*size && o.top.Sub(c.top).Len() < 0.06*size {
			*o = c
			return
		}
	}
	if len(r.corners) < maxCorners {
		r.corners = append(r.corners, c)
	}
}
