package luma

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// This file implements outlines: the cracks between dark and light pixels, followed until they close, and their straight pieces. Symbols with solid borders are
// found by them.

// Outlines follows the outlines of a level. It keeps its working memory.
type Outlines struct {
	// Work is how many steps may still be made; it goes down.
	Work int

	dark   []uint64 // bit for each dark pixel, with a border of light ones
	seen   []uint64 // bit for each pixel: the crack at its left side was followed already
	stride int      // words to a row
	path   []lattice
	pieces []Piece
}

type lattice struct{ x, y int32 }

// Piece is a straight piece of an outline, in pixels of its level; the dark side lies on the right of From to To as seen on the screen.
type Piece struct{ From, To Point }

// Dir returns the direction of the piece as a unit vector, and its length.
func (p *Piece) Dir() (Point, float64) {
	d := p.To.Sub(p.From)
	l := d.Len()
	return d.Mul(1 / max(l, 1e-9)), l
}

const (
	outlineStep = 7    // rows between those on which outlines are started
	maxOutline  = 8000 // lattice steps after which an outline is cut
	maxAgain    = 60   // left cracks that are walked again where a cut outline meets itself
	minWalk     = 13   // lattice steps of a symbol's side
	straight    = 1.25 // pixels that a straight piece may be off its outline
)

// Each follows the outlines of a level, those of holes too, and calls visit with the straight pieces of each, in order, the dark side on the right hand. A very
// long outline comes in parts. The pieces are valid during the call.
func (o *Outlines) Each(l *Level, visit func([]Piece)) {
	o.paint(l)
	contrast := max(minHitContrast*2, l.Thresholds.Floor*3/4)
	for y := outlineStep / 2; y < l.H && o.Work > 0; y += outlineStep {
		pixels := l.Row(y)
		row := o.dark[(y+1)*o.stride:][:o.stride]
		for b := range row {
			last := uint64(0)
			if b > 0 {
				last = row[b-1] >> 63
			}
			for starts := row[b] &^ (row[b]<<1 | last); starts != 0; starts &= starts - 1 {
				x, k := b*64+bits.TrailingZeros64(starts), (y+1)*o.stride+b
				// Bit x is pixel x-1. Across the start the picture has to change by more than noise does.
				if light, dark := pixels[max(x-3, 0)], pixels[min(x, l.W-1)]; int(light)-int(dark) < contrast {
					continue
				}
				if o.seen[k]&(starts&-starts) == 0 && o.follow(int32(x), int32(y+1)) {
					visit(o.straighten())
				}
			}
		}
	}
}

// paint sets the bits of the dark pixels. Column 0, row 0 and what lies behind the last ones are light, so that no outline leaves the bits.
func (o *Outlines) paint(l *Level) {
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
				if left := l.W - b*64; left < 64 {
					m &= 1<<left - 1
				}
			}
			out[b], carry = m<<1|carry, m>>63
		}
	}
}

// follow walks along an outline from the left crack of the dark pixel (x, y) of the bits, upwards first, the dark side on the right hand, until it is closed or
// maxOutline steps long. It reports whether two straight sides of a symbol may be in it: they are two walks that do not turn back in either direction.
// The path is in pixels of the level.
func (o *Outlines) follow(x, y int32) bool {
	o.path = o.path[:0]
	startX, startY := x, y+1
	px, py, dx, dy := startX, startY, int32(0), int32(-1)
	var wayX, wayY int32 // of the walk at hand: the last steps across and along
	length, walks, again := 0, 0, 0
	for {
		o.path = append(o.path, lattice{px - 1, py - 1})
		if dy < 0 { // the crack passed is the left one of the pixel at the right hand
			word, bit := int(py-1)*o.stride+int(px>>6), uint64(1)<<(px&63)
			if o.seen[word]&bit != 0 {
				if again++; again > maxAgain {
					break // the rest was walked before, when this outline was cut
				}
			}
			o.seen[word] |= bit
		}
		if dx == -wayX && dx != 0 || dy == -wayY && dy != 0 {
			if length >= minWalk {
				walks++
			}
			length, wayX, wayY = 0, 0, 0
		}
		length, wayX, wayY = length+1, wayX|dx, wayY|dy
		px, py = px+dx, py+dy
		// The two pixels ahead, on the right and the left hand.
		rx, ry := px+(dx-dy-1)>>1, py+(dy+dx-1)>>1
		lx, ly := px+(dx+dy-1)>>1, py+(dy-dx-1)>>1
		switch {
		case o.dark[int(ry)*o.stride+int(rx>>6)]>>(rx&63)&1 == 0:
			dx, dy = -dy, dx // right
		case o.dark[int(ly)*o.stride+int(lx>>6)]>>(lx&63)&1 == 1:
			dx, dy = dy, -dx // left
		}
		if px == startX && py == startY && dy < 0 || len(o.path) >= maxOutline {
			break
		}
	}
	o.Work -= len(o.path) / 2
	if length >= minWalk {
		walks++
	}
	return walks >= 2 || length >= 2*minWalk
}

// straighten cuts the path into straight pieces in one pass: from the start of a piece the directions in which a line may lead that passes each point so far
// within the tolerance are a cone, which narrows until a point lies outside of it. Then a line is fitted to the piece.
func (o *Outlines) straighten() []Piece {
	o.pieces = o.pieces[:0]
	n := len(o.path)
	for a := 0; a < n; {
		b := o.reach(a, n)
		o.pieces = append(o.pieces, o.fit(a, b))
		a = b
	}
	o.Work -= n / 2
	return o.pieces
}

// reach returns the index at which the straight piece from index a ends, at most n. It looks at every other lattice point.
func (o *Outlines) reach(a, n int) int {
	p := o.path[a]
	var left, right Point // the borders of the cone
	open := true
	for i := a + 4; i < n; i += 2 {
		q := o.path[i]
		d := Point{float64(q.x - p.x), float64(q.y - p.y)}
		r2 := d.X*d.X + d.Y*d.Y
		if r2 < 4*straight*straight {
			if open {
				continue
			}
			return i // came back to the start
		}
		k := straight / math.Sqrt(r2)
		l, r := Point{d.X + k*d.Y, d.Y - k*d.X}, Point{d.X - k*d.Y, d.Y + k*d.X}
		if open {
			left, right, open = l, r, false
			continue
		}
		if left.Cross(d) < 0 || right.Cross(d) > 0 || d.X*(left.X+right.X)+d.Y*(left.Y+right.Y) <= 0 {
			return i - 2
		}
		if left.Cross(l) > 0 {
			left = l
		}
		if right.Cross(r) < 0 {
			right = r
		}
	}
	return n
}

func (o *Outlines) at(i int) lattice { return o.path[i%len(o.path)] }

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
