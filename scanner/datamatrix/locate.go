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
	minPiece    = 9.0  // pixels of the straight piece next to the corner
	maxTurn     = 0.06 // tangent of the angle by which a side turns
	maxLost     = 4    // pieces of a notch
	maxLegRatio = 24.0
	maxGap      = 0.2 // of a leg that is lost at the corner, where it is round
	minSin      = 0.5 // of the angle between the legs
	sweep       = 24  // degrees to either side within which the far sides are looked for
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
	n := len(pieces)
	for i := range pieces {
		u, lu := pieces[i].Dir()
		if lu < minPiece {
			continue
		}
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
				first, last := extend(pieces, i, -1, c), extend(pieces, j, 1, c)
				a, b := first.Sub(c).Len(), last.Sub(c).Len()
				if min(a, b) >= minLeg && max(a, b) <= maxLegRatio*min(a, b) && gap <= maxGap*min(a, b) {
					if turn < 0 {
						first, last = last, first
					}
					s := r.level.Scale
					r.add(corner{first.Mul(s), c.Mul(s), last.Mul(s), turn < 0, s})
				}
			}
			break
		}
	}
}

// extend follows a side from piece i away from the corner c, forwards or backwards, over pieces that go on nearly straight, as those of a side that is
// bent a little or has a notch, and returns its end.
func extend(pieces []luma.Piece, i, step int, c luma.Point) luma.Point {
	n := len(pieces)
	outer := func(p *luma.Piece) luma.Point {
		if step < 0 {
			return p.From
		}
		return p.To
	}
	end := outer(&pieces[i])
	for k, lost := 1, 0; k < n && lost < maxLost; k++ {
		p := &pieces[((i+k*step)%n+n)%n]
		next, side := outer(p), end.Sub(c)
		d, more := next.Sub(c), next.Sub(end)
		if more.Dot(side) > minPiece/2*side.Len() && math.Abs(side.Cross(more)) < 2*maxTurn*more.Dot(side) && math.Abs(side.Cross(d)) < maxTurn*d.Dot(side) {
			end, lost = next, 0
			continue
		}
		lost++
	}
	return end
}

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

// far returns where the two far sides meet, as the lines touch the symbol from outside.
func (r *Reader) far(c *corner) (luma.Point, bool) {
	bottom, left := c.right.Sub(c.at), c.top.Sub(c.at)
	top, ok1 := r.touch(c.top, bottom, left, c)
	side, ok2 := r.touch(c.right, left, bottom, c)
	if !ok1 || !ok2 {
		return luma.Point{}, false
	}
	upper := r.snap(luma.Piece{From: c.top, To: c.top.Add(top)}, left, c)
	outer := r.snap(luma.Piece{From: c.right, To: c.right.Add(side)}, bottom, c)
	return luma.Meet(upper, outer)
}

const (
	columns   = 40   // places along a side at which its edge is looked for
	snapReach = 0.06 // how far from the line, as a share of the other side
)

// snap moves a line to the edge of the symbol's outermost modules: from outside, the first of the symbol's colour is looked for in columns along the line; the
// line wanted has many of these next to it and next to none outside. out points away from the symbol.
func (r *Reader) snap(line luma.Piece, out luma.Point, c *corner) luma.Piece {
	reach := snapReach * out.Len()
	l, scale := r.levelFor(reach / 3)
	normal := out.Mul(1 / out.Len())
	var depth [columns]float64
	step := max(scale/2, reach/40)
	for i := range depth {
		p := line.From.Add(line.To.Sub(line.From).Mul((float64(i) + 0.5) / columns))
		depth[i] = -2 * reach
		for d := reach; d > -reach; d -= step {
			r.Work--
			if r.isArea(l, p.Add(normal.Mul(d)).Mul(1/scale), c) {
				depth[i] = d
				break
			}
		}
	}
	tolerance := max(scale*0.7, reach/25)
	best, a, b := 0, 0.0, 0.0
	for i := range depth {
		for j := i + columns/3; j < columns; j++ {
			if depth[i] < -reach || depth[j] < -reach {
				continue
			}
			slope := (depth[j] - depth[i]) / float64(j-i)
			score := 0
			for k, d := range depth {
				switch off := d - depth[i] - slope*float64(k-i); {
				case off > tolerance:
					score -= 3
				case off > -tolerance:
					score++
				}
			}
			if score > best {
				best, a, b = score, depth[i]-slope*(float64(i)+0.5), depth[i]+slope*(columns-float64(i)-0.5)
			}
		}
	}
	if best < columns/5 {
		return line
	}
	return luma.Piece{From: line.From.Add(normal.Mul(a)), To: line.To.Add(normal.Mul(b))}
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
