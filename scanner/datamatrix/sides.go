package datamatrix

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements finding the two alternating sides (section 5.5.1) of a symbol whose solid ones are known: lines that touch the symbol from outside, and how often
// the picture changes along them.

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
	step := max(0.7*scale, reach/40)
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
	step := max(1, length/40)
	share := func(a int) float64 {
		dir := along.Add(o.Mul(math.Tan(float64(a) * math.Pi / 180)))
		hits, n := 0, 0
		d := dir.Mul(1 / (scale * float64(length)))
		for i := length / 12; i < length*7/8; i += step {
			if r.isArea(l, start.Add(d.Mul(float64(i))), c) {
				hits++
			}
			n++
		}
		r.Work -= n
		return float64(hits) / float64(max(n, 1))
	}
	clear, back := false, 0 // clear: the line has been off the symbol and whatever lies beyond the quiet zone; back: to the angle before
	for a := sweep; a >= -sweep; a -= back + 1 {
		back = 0
		if share(a) <= touchShare {
			clear, back = true, sweepStep-1
			continue
		}
		if !clear {
			back = 1
			continue
		}
		// Between this degree and the one before: where the share is passed.
		last, now := 0.0, 0.0
		for a += sweepStep - 1; now <= touchShare; a-- {
			last, now = now, share(a)
		}
		f := min((now-touchShare)/max(now-last, 1e-6), 1)
		slope := math.Tan((float64(a+1) + f) * math.Pi / 180)
		return along.Add(o.Mul(slope)), true
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

// busy reports whether the picture changes within the corner as data do: lines beside each leg cross several modules. The panes of a window do not.
func (r *Reader) busy(c *corner) bool {
	right, top := c.right.Sub(c.at), c.top.Sub(c.at)
	return r.changes(c.at, right, top) >= minBusy && r.changes(c.at, top, right) >= minBusy
}

// changes counts the changes along three lines from one side to the other.
func (r *Reader) changes(at, along, across luma.Point) (changes int) {
	l, scale := r.levelFor(along.Len() / busySamples)
	n := min(int(along.Len()/scale), busySamples)
	for _, depth := range [...]float64{0.27, 0.45, 0.63} {
		from, last := at.Add(across.Mul(depth)), false
		for i := range n {
			p := from.Add(along.Mul((float64(i) + 0.5) / float64(n))).Mul(1 / scale)
			dark := l.At(p.X, p.Y) < r.middle
			if i > 0 && dark != last {
				changes++
			}
			last = dark
		}
	}
	r.Work -= 3 * n
	return changes
}

const (
	minBusy     = 4   // changes along three lines
	busySamples = 100 // on a line
)

// alternations counts how often the side from a to b changes between dark and light, at several distances from its edge: a timing pattern does at each
// module, and nothing else as often. The symbol lies on the side of other. The three largest counts are returned; 0 stands for less than any size has.
func (r *Reader) alternations(a, b, other luma.Point) (counts [3]int) {
	d := b.Sub(a)
	in := other.Sub(a)
	if math.Abs(d.Cross(in)) < 0.05*d.Len()*in.Len() { // other is on the line: take the far end's direction
		in = other.Sub(b)
	}
	normal := luma.Point{X: -d.Y, Y: d.X}
	if normal.Dot(in) < 0 {
		normal = normal.Mul(-1)
	}
	shorter := min(d.Len(), in.Len())
	for _, depth := range [...]float64{0.008, 0.014, 0.022, 0.034, 0.05, 0.065} {
		l, scale := r.levelFor(2 * depth * shorter) // where this is the middle of a module
		n := min(int(d.Len()/scale), 600)
		shift := normal.Mul(depth * shorter / normal.Len())
		changes, last := 0, false
		for i := range n {
			p := a.Add(d.Mul((float64(i) + 0.5) / float64(n))).Add(shift).Mul(1 / scale)
			dark := l.At(p.X, p.Y) < r.middle
			if i > 0 && dark != last {
				changes++
			}
			last = dark
		}
		r.Work -= n
		if changes < minChanges {
			continue
		}
		for k := range counts {
			if changes > counts[k] {
				changes, counts[k] = counts[k], changes
			}
		}
	}
	return counts
}

// minChanges is the least number of changes along an alternating side; the shortest has eight modules.
const minChanges = 5
