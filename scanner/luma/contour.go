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
	seen   []uint64 // of the rows on which outlines are started, a bit for each pixel: the crack at its left or right side was followed already
	stride int      // words to a row
	// crossed tells by 4*y + direction on which of the started rows a step from a lattice point in row y passes a crack; -1 for none.
	crossed []int16
	path    []lattice // the middle of every other crack
	pieces  []Piece
	minWalk int // of the level at hand
}

// Wide is the pixels from which on a picture is so large that a symbol of the least size in it is no use.
const Wide = 1_000_000

// lattice is a place in half pixels.
type lattice struct{ x, y int32 }

// Piece is a straight piece of an outline, in pixels of its level; the dark side lies on the right of From to To as seen on the screen.
type Piece struct{ From, To Point }

// Dir returns the direction of the piece as a unit vector, and its length.
func (p *Piece) Dir() (Point, float64) {
	d := p.To.Sub(p.From)
	l := d.Len()
	return d.Mul(1 / max(l, 1e-9)), l
}

// Shorter reports whether the piece is shorter than l, without a root.
func (p *Piece) Shorter(l float64) bool {
	d := p.To.Sub(p.From)
	return d.Dot(d) < l*l
}

const (
	outlineStep = 7    // rows between those on which outlines are started
	maxOutline  = 8000 // lattice steps after which an outline is cut
	maxAgain    = 60   // started rows that are crossed again where a cut outline meets itself
	minWalk     = 13   // lattice steps of a symbol's side
	minWalkWide = 20   // the same where the picture is so large that such a small symbol is no use
	reachStep   = 2    // points of the path from one that is looked at to the next
	straight    = 1.25 // pixels that a straight piece may be off its outline
)

// Each follows the outlines of a level, those of holes too, and calls visit with the straight pieces of each, in order, the dark side on the right hand. A very
// long outline comes in parts. The pieces are valid during the call.
func (o *Outlines) Each(l *Level, visit func([]Piece)) {
	o.paint(l)
	if o.minWalk = minWalk; l.W*l.H >= Wide {
		o.minWalk = minWalkWide
	}
	contrast := max(minHitContrast*2, l.Thresholds.Floor*3/4)
	for y := outlineStep / 2; y < l.H && o.Work > 0; y += outlineStep {
		pixels := l.Row(y)
		row, seen := o.dark[(y+1)*o.stride:][:o.stride], o.seen[y/outlineStep*o.stride:][:o.stride]
		for b := range row {
			before, after := uint64(0), uint64(0)
			if b > 0 {
				before = row[b-1] >> 63
			}
			if b+1 < len(row) {
				after = row[b+1] << 63
			}
			left, right := row[b]&^(row[b]<<1|before), row[b]&^(row[b]>>1|after)
			for starts := (left | right) &^ seen[b]; starts != 0; starts &= starts - 1 {
				bit := starts & -starts
				k := bits.TrailingZeros64(starts)
				x := b*64 + k // of the bits: pixel x-1
				// Across the start the picture has to change by more than noise does.
				side := 1
				if left&bit != 0 {
					side = -1
				}
				if light, dark := pixels[min(max(x-1+2*side, 0), l.W-1)], pixels[min(max(x-1-side, 0), l.W-1)]; int(light)-int(dark) < contrast || !o.upright(x, y+1, side) {
					continue
				}
				if seen[b]&bit == 0 && o.follow(x, y+1, side) {
					visit(o.straighten())
				}
			}
		}
	}
}

// upright reports whether the crack at the left (side -1) or right side of the dark pixel (x, y) of the bits goes on straight for some rows up and down, as a side of
// a symbol does, one of which is more upright than level. Most outlines of texture and noise have no such place in the rows that are looked at.
func (o *Outlines) upright(x, y, side int) bool {
	if y < 1+uprightReach || (y+2+uprightReach)*o.stride > len(o.dark) || x < uprightSlope+1 {
		return true
	}
	up, down := o.cracks(x, y-uprightReach, side), o.cracks(x, y+uprightReach, side)
	down = bits.Reverse64(down) >> (63 - 2*uprightSlope)
	return up&(down|down<<1|down>>1) != 0
}

// cracks returns the cracks of one side in a row as bits, from uprightSlope pixels before x on to as many after it.
func (o *Outlines) cracks(x, y, side int) uint64 {
	from := x - uprightSlope - 1
	i, k := y*o.stride+from>>6, from&63
	m := o.dark[i] >> k
	if k > 0 && i+1 < len(o.dark) {
		m |= o.dark[i+1] << (64 - k)
	}
	// Bit 1 is the first pixel looked at.
	if side < 0 {
		m &^= m << 1
	} else {
		m &^= m >> 1
	}
	return m >> 1 & (1<<(2*uprightSlope+1) - 1)
}

const (
	uprightReach = 3 // rows up and down
	uprightSlope = 4 // pixels by which a side may move on the way
)

// paint sets the bits of the dark pixels. Column 0, row 0 and what lies behind the last ones are light, so that no outline leaves the bits.
func (o *Outlines) paint(l *Level) {
	o.stride = (l.W+1)/64 + 1
	n := o.stride * (l.H + 2)
	if cap(o.dark) < n {
		o.dark, o.seen, o.path = make([]uint64, n), make([]uint64, n/outlineStep+2*o.stride), make([]lattice, 0, maxOutline/2)
	}
	o.dark, o.seen = o.dark[:n], o.seen[:(l.H/outlineStep+1)*o.stride]
	o.crossed = o.crossed[:0]
	for y := range l.H + 3 {
		o.crossed = append(o.crossed, started(y-1), -1, started(y), -1)
	}
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

// started returns the index of the row y of the bits among those on which outlines are started, or -1.
func started(y int) int16 {
	y -= 1 + outlineStep/2
	if y < 0 || y%outlineStep != 0 {
		return -1
	}
	return int16(y / outlineStep)
}

// follow walks along an outline from the left crack (side -1) of the dark pixel (x, y) of the bits upwards, or from its right crack downwards, the dark side on the
// right hand, until it is closed or maxOutline steps long. It reports whether two straight sides of a symbol may be in it: they are two walks that do not turn back in
// either direction. The turns are computed, not branched on, as no branch could be foreseen.
func (o *Outlines) follow(x, y, side int) bool {
	px, py, dir := x, y+1, up
	if side > 0 {
		px, py, dir = x+1, y, down
	}
	width := o.stride * 64
	at := py*width + px // the lattice point, as that of the pixel to its lower right
	start, startDir := at, dir
	// By direction: to the pixels ahead on the right and the left hand, and to the next lattice point.
	right, left := [4]int{-width, 0, -1, -width - 1}, [4]int{-width - 1, -width, 0, -1}
	ahead := [4]int{-width, 1, width, -1}
	walk := o.minWalk
	length, walks, again, way := 0, 0, 0, 0 // way has the directions of the walk at hand
	path, n, dark := o.path[:maxOutline/2], 0, o.dark
	for step := 0; ; step++ {
		if step&1 == 0 {
			if n == len(path) {
				break
			}
			path[n] = lattice{int32(2*(px-1) + dx[dir&3]), int32(2*(py-1) + dy[dir&3])}
			n++
		}
		if row := int(o.crossed[py*4+dir]); row >= 0 { // the crack is that of a dark pixel at the right hand
			p := px - dir>>1
			word, bit := row*o.stride+p>>6, uint64(1)<<(p&63)
			if o.seen[word]&bit != 0 {
				if again++; again > maxAgain {
					break // the rest was walked before, when this outline was cut
				}
			}
			o.seen[word] |= bit
		}
		if way>>(dir^2)&1 != 0 {
			if length >= walk {
				walks++
			}
			length, way = 0, 0
		}
		length, way = length+1, way|1<<dir
		at, px, py = at+ahead[dir&3], px+dx[dir&3], py+dy[dir&3]
		r, l := at+right[dir&3], at+left[dir&3]
		isRight, isLeft := int(dark[r>>6]>>(r&63)&1), int(dark[l>>6]>>(l&63)&1)
		if dir = (dir + 1 - isRight - isRight&isLeft) & 3; at == start && dir == startDir {
			break
		}
	}
	o.path = path[:n]
	o.Work -= n
	if length >= walk {
		walks++
	}
	return walks >= 2 || length >= 2*walk
}

// The directions of a step, clockwise.
const (
	up   = 0
	down = 2
)

var dx, dy = [4]int{0, 1, 0, -1}, [4]int{-1, 0, 1, 0}

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
	o.Work -= n
	return o.pieces
}

// reach returns the index at which the straight piece from index a ends, at most n.
func (o *Outlines) reach(a, n int) int {
	p := o.path[a]
	var left, right Point // the borders of the cone
	open := true
	for i := a + reachStep; i < n; i += reachStep {
		q := o.path[i]
		d := Point{float64(q.x - p.x), float64(q.y - p.y)}
		r2 := d.X*d.X + d.Y*d.Y
		if r2 < 16*straight*straight {
			if open {
				continue
			}
			return i // came back to the start
		}
		k := 2 * straight / math.Sqrt(r2)
		l, r := Point{d.X + k*d.Y, d.Y - k*d.X}, Point{d.X - k*d.Y, d.Y + k*d.X}
		if open {
			left, right, open = l, r, false
			continue
		}
		if left.Cross(d) < 0 || right.Cross(d) > 0 || d.X*(left.X+right.X)+d.Y*(left.Y+right.Y) <= 0 {
			return i - reachStep
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
	from, to := Point{float64(p.x) / 2, float64(p.y) / 2}, Point{float64(q.x) / 2, float64(q.y) / 2}
	n := b - a
	if n < 6 {
		return Piece{from, to}
	}
	skip := max(n/8, 1)
	var s, sx, sy, sxx, sxy, syy float64
	for i := a + skip; i <= b-skip; i++ {
		x, y := float64(o.at(i).x)/2, float64(o.at(i).y)/2
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
