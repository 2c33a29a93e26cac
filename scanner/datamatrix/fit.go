package datamatrix

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements fitting: which size a symbol has, and where exactly its corners are, by the correlation of its borders with the picture.

// place is a hypothesis of a symbol's corners and size.
type place struct {
	size  *size
	quad  luma.Quad // top left, top right, bottom right, bottom left
	h     luma.Homography
	score float64
}

func (p *place) setH() bool {
	if !p.quad.Convex() {
		return false
	}
	var ok bool
	p.h, ok = luma.Map(luma.Rect(0, 0, float64(p.size.cols), float64(p.size.rows)), p.quad)
	return ok
}

// module returns the size of a module in the middle.
func (p *place) module() float64 {
	area := math.Abs(p.quad[2].Sub(p.quad[0]).Cross(p.quad[3].Sub(p.quad[1]))) / 2
	return math.Sqrt(area / float64(p.size.rows*p.size.cols))
}

// sums are what a correlation is made of.
type sums struct{ n, nd, sum, dark, squares int }

func (s *sums) add(v int, dark bool) {
	v >>= 4
	s.n++
	s.sum += v
	s.squares += v * v
	if dark {
		s.nd++
		s.dark += v
	}
}

func (s *sums) correlation(light bool) float64 {
	nl := s.n - s.nd
	if s.nd == 0 || nl == 0 {
		return 0
	}
	mean := float64(s.sum) / float64(s.n)
	variance := float64(s.squares)/float64(s.n) - mean*mean
	if variance < 9*256 {
		return 0
	}
	c := (float64(s.sum-s.dark)/float64(nl) - float64(s.dark)/float64(s.nd)) / math.Sqrt(variance) * math.Sqrt(float64(s.nd)*float64(nl)) / float64(s.n)
	if light {
		return -c
	}
	return c
}

// agreement returns the mean correlation of the four sides, each with the quiet zone beside it; the alternating ones count double.
func (r *Reader) agreement(p *place, light bool) float64 {
	l, scale := r.levelFor(p.module())
	h := p.h
	for i := range 6 {
		h[i] /= scale
	}
	at := func(x, y float64) int {
		q := h.At(luma.Point{X: x, Y: y})
		return l.At(q.X, q.Y)
	}
	cols, rows := float64(p.size.cols), float64(p.size.rows)
	var top, right, bottom, left sums
	for x := 0.5; x < cols; x++ {
		top.add(at(x, 0.5), int(x)%2 == 0)
		bottom.add(at(x, rows-0.5), true)
		if int(x)%2 == 0 {
			top.add(at(x, -0.6), false)
		}
		bottom.add(at(x, rows+0.6), false)
	}
	for y := 0.5; y < rows; y++ {
		right.add(at(cols-0.5, y), int(y)%2 == 1)
		left.add(at(0.5, y), true)
		if int(y)%2 == 0 {
			right.add(at(cols+0.6, y), false)
		}
		left.add(at(-0.6, y), false)
	}
	r.Work -= int(3.5 * (cols + rows))
	a, b := top.correlation(light), right.correlation(light)
	if a < 0 || b < 0 {
		return 0
	}
	return (2*a + 2*b + bottom.correlation(light) + left.correlation(light)) / 6
}

const (
	shortlist = 4    // sizes that are refined
	minScore  = 0.35 // before refinement
	fairScore = 0.50 // after the far corner was refined
	goodScore = 0.60 // after it
	sureScore = 0.90 // so that no other size is tried
)

// fit finds the best size and corners for a quadrilateral: among the sizes that the changes along the alternating sides suggest, and those whose borders
// agree best as it stands.
func (r *Reader) fit(q luma.Quad, light bool) (best place, ok bool) {
	cols, rows := r.alternations(q[0], q[1], q[3]), r.alternations(q[2], q[1], q[3])
	if cols[0] == 0 || rows[0] == 0 {
		return best, false
	}
	var list [shortlist]place
	width, height := q[1].Sub(q[0]).Len()+q[2].Sub(q[3]).Len(), q[3].Sub(q[0]).Len()+q[2].Sub(q[1]).Len()
	aspect := width / height
	for i := range sizes {
		s := &sizes[i]
		want := float64(s.cols) / float64(s.rows)
		if aspect > want*1.7 || aspect < want/1.7 {
			continue
		}
		p := place{size: s, quad: q}
		if !p.setH() || p.module() < minModule {
			continue
		}
		p.score = r.agreement(&p, light)
		if p.score > 0.2 && counted(cols, s.cols) && counted(rows, s.rows) {
			p.score++ // refined in any case, first
		}
		for k := range list {
			if p.score > list[k].score {
				p, list[k] = list[k], p
			}
		}
	}
	return r.refineBest(list[:], light)
}

// refineBest refines the places of a list, the first ones first, and returns the best.
func (r *Reader) refineBest(list []place, light bool) (best place, ok bool) {
	for i := range list {
		p := &list[i]
		if p.size == nil || p.score < minScore {
			continue
		}
		p.score = r.agreement(p, light)
		if r.refine(p, []int{1}, light); p.score < fairScore {
			continue
		}
		r.refine(p, []int{1, 0, 2, 3}, light)
		if p.score > best.score {
			best = *p
		}
		if best.score > sureScore {
			break
		}
	}
	return best, best.score >= goodScore
}

// counted reports whether one of the counts of changes may be that of a side of n modules.
func counted(changes [3]int, n int) bool {
	for _, c := range changes {
		if c*100 >= (n-1)*92-100 && c*100 <= (n-1)*106+100 {
			return true
		}
	}
	return false
}

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

// minModule is the least size of a module in pixels.
const minModule = 1.2

// refine moves the given corners, one direction at a time, as long as the sides agree better.
func (r *Reader) refine(p *place, corners []int, light bool) {
	m := p.module()
	step, last := 1.0, 0.1
	if p.size.rows+p.size.cols > 60 {
		step = 2 // the same error of the far corner is more modules
	}
	if len(corners) == 1 {
		last = 0.4
	}
	for ; step > last; step /= 2 {
		for round := 0; round < 4; round++ {
			better := false
			for _, corner := range corners {
				for _, d := range [...]luma.Point{{X: 1}, {X: -1}, {Y: 1}, {Y: -1}} {
					q := *p
					k := step * m
					if corner != 1 {
						k /= 2
					}
					q.quad[corner] = q.quad[corner].Add(d.Mul(k))
					if !q.setH() {
						continue
					}
					if q.score = r.agreement(&q, light); q.score > p.score+1e-4 {
						*p, better = q, true
					}
				}
			}
			if !better || r.Work < 0 {
				break
			}
		}
	}
}
