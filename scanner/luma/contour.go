package luma

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// This file implements outlines: the cracks between dark and light pixels, followed around an area of one kind, and their straight pieces. Symbols with
// solid borders are found by them.

// Outlines follows the outlines of a level. It keeps its working memory.
type Outlines struct {
	// Work is how many steps may still be made; it goes down.
	Work int

	dark   []uint64 // bit for each pixel, with a border of light: dark, or the other way round
	seen   []uint64 // bit for each pixel: the crack at its left side was followed already
	stride int      // words to a row
	path   []lattice
	keep   []int
	stack  [][2]int
	pieces []Piece
}

type lattice struct{ x, y int32 }

// Piece is a straight piece of an outline, in pixels of its level; the area lies on the right of From to To as seen on the screen.
type Piece struct{ From, To Point }

// Dir returns the direction of the piece as a unit vector, and its length.
func (p *Piece) Dir() (Point, float64) {
	d := p.To.Sub(p.From)
	l := d.Len()
	return d.Mul(1 / max(l, 1e-9)), l
}

const (
	outlineStep = 5     // rows between those on which outlines are started
	minOutline  = 20    // pixels that the larger side of an outline worth a look has at least; the smaller has half of it
	maxOutline  = 16000 // lattice steps of an outline
	straight    = 1.25  // pixels that a straight piece may be off its outline
)

// Each follows the outlines of dark areas, or of light ones, and calls visit with the straight pieces of each, in order around the area. The pieces
// are valid during the call.
func (o *Outlines) Each(l *Level, light bool, visit func([]Piece)) {
	o.paint(l, light)
	for y := outlineStep / 2; y < l.H && o.Work > 0; y += outlineStep {
		row := o.dark[(y+1)*o.stride:][:o.stride]
		for b := range row {
			last := uint64(0)
			if b > 0 {
				last = row[b-1] >> 63
			}
			for starts := row[b] &^ (row[b]<<1 | last); starts != 0; starts &= starts - 1 {
				x, k := b*64+bits.TrailingZeros64(starts), (y+1)*o.stride+b
				if o.seen[k]&(starts&-starts) == 0 && o.follow(int32(x), int32(y+1)) {
					visit(o.straighten())
				}
			}
		}
	}
}

// paint sets the bits of the areas. Column 0, row 0 and what lies behind the last ones are no area, so that no outline leaves the bits.
func (o *Outlines) paint(l *Level, light bool) {
	o.stride = (l.W+1)/64 + 1
	n := o.stride * (l.H + 2)
	if cap(o.dark) < n {
		o.dark, o.seen = make([]uint64, n), make([]uint64, n)
	}
	o.dark, o.seen = o.dark[:n], o.seen[:n]
	clear(o.dark[:o.stride])
	clear(o.dark[n-o.stride:])
	clear(o.seen)
	for y := range l.H {
		row, t := l.Row(y), l.Thresholds.T[y/Block*l.Thresholds.Stride:]
		out := o.dark[(y+1)*o.stride:][:o.stride]
		var carry uint64
		for b := range out {
			var m uint64
			if b*64 < l.W {
				if words := binary.LittleEndian.Uint64(t[b*8:]); words != 0 {
					m = darkBits(row[b*64:], words)
				}
				if light {
					m = ^m
				}
				if left := l.W - b*64; left < 64 {
					m &= 1<<left - 1
				}
			}
			out[b], carry = m<<1|carry, m>>63
		}
	}
}

func (o *Outlines) area(x, y int32) bool {
	return o.dark[int(y)*o.stride+int(x>>6)]>>(x&63)&1 == 1
}

// follow walks around the area whose left crack is at pixel (x, y) of the bits, upwards first, the area on the right hand. It reports whether the outline
// is closed and long enough. Its path is in pixels of the level.
func (o *Outlines) follow(x, y int32) bool {
	o.path = o.path[:0]
	startX, startY := x, y+1
	px, py, dx, dy := startX, startY, int32(0), int32(-1)
	minX, maxX, minY, maxY := px, px, py, py
	for {
		o.path = append(o.path, lattice{px - 1, py - 1})
		if dy < 0 { // the crack passed is the left one of the pixel at the right hand
			o.seen[int(py-1)*o.stride+int(px>>6)] |= 1 << (px & 63)
		}
		px, py = px+dx, py+dy
		if len(o.path) >= maxOutline {
			o.Work -= len(o.path)
			return false
		}
		// The two pixels ahead, on the right and the left hand.
		rx, ry := px+(dx-dy-1)/2, py+(dy+dx-1)/2
		lx, ly := px+(dx+dy-1)/2, py+(dy-dx-1)/2
		switch {
		case !o.area(rx, ry):
			dx, dy = -dy, dx // right
			minX, maxX, minY, maxY = min(minX, px), max(maxX, px), min(minY, py), max(maxY, py)
		case o.area(lx, ly):
			dx, dy = dy, -dx // left
		}
		if px == startX && py == startY && dy < 0 {
			break
		}
	}
	o.Work -= len(o.path)
	return max(maxX-minX, maxY-minY) >= minOutline && min(maxX-minX, maxY-minY) >= minOutline/2
}

// straighten cuts the path into straight pieces (Ramer, Douglas and Peucker), started at two points far apart, and fits a line to each piece.
func (o *Outlines) straighten() []Piece {
	n := len(o.path)
	far, best := 0, int64(-1)
	for i, p := range o.path {
		dx, dy := int64(p.x-o.path[0].x), int64(p.y-o.path[0].y)
		if d := dx*dx + dy*dy; d > best {
			far, best = i, d
		}
	}
	first, best := 0, int64(-1) // start at the point farthest from that one, which is a corner for sure
	for i, p := range o.path {
		dx, dy := int64(p.x-o.path[far].x), int64(p.y-o.path[far].y)
		if d := dx*dx + dy*dy; d > best {
			first, best = i, d
		}
	}
	if far == first {
		return nil
	}
	o.keep = o.keep[:0]
	if far < first {
		far += n
	}
	o.divide(first, far)
	o.divide(far, first+n)
	o.pieces = o.pieces[:0]
	for i, k := range o.keep {
		next := first + n
		if i+1 < len(o.keep) {
			next = o.keep[i+1]
		}
		o.pieces = append(o.pieces, o.fit(k, next))
	}
	return o.pieces
}

func (o *Outlines) at(i int) lattice { return o.path[i%len(o.path)] }

// divide appends to keep the indices at which the path from index a up to b bends.
func (o *Outlines) divide(a, b int) {
	o.stack = append(o.stack[:0], [2]int{a, b})
	for len(o.stack) > 0 {
		s := o.stack[len(o.stack)-1]
		o.stack = o.stack[:len(o.stack)-1]
		if o.Work -= (s[1] - s[0]) / 4; o.Work < 0 {
			return
		}
		p, q := o.at(s[0]), o.at(s[1])
		dx, dy := float64(q.x-p.x), float64(q.y-p.y)
		length := math.Sqrt(dx*dx + dy*dy)
		worst, at := straight*length, -1
		for i := s[0] + 1; i < s[1]; i++ {
			r := o.at(i)
			if d := math.Abs(dx*float64(r.y-p.y) - dy*float64(r.x-p.x)); d > worst {
				worst, at = d, i
			}
		}
		if at < 0 {
			o.keep = append(o.keep, s[0])
			continue
		}
		o.stack = append(o.stack, [2]int{at, s[1]}, [2]int{s[0], at})
	}
}

// fit returns the least-squares line through the path from index a to b, without its ends, cut off where the ends are next to it.
func (o *Outlines) fit(a, b int) Piece {
	p, q := o.at(a), o.at(b)
	from, to := Point{float64(p.x), float64(p.y)}, Point{float64(q.x), float64(q.y)}
	n := b - a
	if n < 12 {
		return Piece{from, to}
	}
	skip := n / 8
	var s, sx, sy, sxx, sxy, syy float64
	for i := a + skip; i <= b-skip; i++ {
		x, y := float64(o.at(i).x), float64(o.at(i).y)
		s, sx, sy, sxx, sxy, syy = s+1, sx+x, sy+y, sxx+x*x, sxy+x*y, syy+y*y
	}
	c := Point{sx / s, sy / s}
	sxx, sxy, syy = sxx/s-c.X*c.X, sxy/s-c.X*c.Y, syy/s-c.Y*c.Y
	angle := 0.5 * math.Atan2(2*sxy, sxx-syy)
	d := Point{math.Cos(angle), math.Sin(angle)}
	if d.Dot(to.Sub(from)) < 0 {
		d = d.Mul(-1)
	}
	return Piece{c.Add(d.Mul(from.Sub(c).Dot(d))), c.Add(d.Mul(to.Sub(c).Dot(d)))}
}

// Meet returns where the lines through two pieces meet; false where they are all but parallel.
func Meet(a, b Piece) (Point, bool) {
	u, v := a.To.Sub(a.From), b.To.Sub(b.From)
	d := u.Cross(v)
	if math.Abs(d) < 0.05*u.Len()*v.Len() {
		return Point{}, false
	}
	return a.From.Add(u.Mul(b.From.Sub(a.From).Cross(v) / d)), true
}
