package qr

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements the agreement of a picture with a symbol's function patterns (section 6.3): finder patterns with their separators, timing
// and alignment patterns. Their modules are known, so how well they correlate with the picture tells how good a perspective is before any data is read.

// mark is a module whose colour is known.
type mark struct {
	at    luma.Point // its centre, in modules
	bulge [4]float64 // the shares of the bulges there
	dark  bool
}

// marks are the known modules of one version. Groups are judged apart, as light may differ over a symbol.
type marks struct {
	version int
	all     []mark
	ends    []int // of the groups in all
}

const maxTimingMarks = 48 // of one timing pattern; more are thinned out

// set lists the marks of a version: three finders, two timing patterns, the alignment patterns near the far corner.
func (m *marks) set(version int) {
	if m.version == version {
		return
	}
	m.version, m.all, m.ends = version, m.all[:0], m.ends[:0]
	n := side(version)
	for _, c := range [...][2]int{{3, 3}, {n - 4, 3}, {3, n - 4}} {
		for y := -4; y <= 4; y++ {
			for x := -4; x <= 4; x++ {
				i, j := c[0]+x, c[1]+y
				if i < 0 || j < 0 || i >= n || j >= n {
					continue
				}
				d := max(x, -x, y, -y)
				m.add(i, j, d != 2 && d != 4)
			}
		}
		m.ends = append(m.ends, len(m.all))
	}
	for k := range 2 {
		step := 1 + (n-16)/maxTimingMarks
		if step > 1 {
			step |= 1 // both colours
		}
		for i := 8; i < n-8; i += step {
			if k == 0 {
				m.add(i, 6, i%2 == 0)
			} else {
				m.add(6, i, i%2 == 0)
			}
		}
		m.ends = append(m.ends, len(m.all))
	}
	m.addAlignment(version)
}

// addAlignment lists the alignment patterns nearest to the far corner, each a group.
func (m *marks) addAlignment(version int) {
	at, k := alignment(version)
	for _, c := range [...][2]int{{k - 1, k - 1}, {k - 2, k - 1}, {k - 1, k - 2}, {k - 2, k - 2}} {
		if c[0] < 0 || c[1] < 0 || (c[0] == 0 && (c[1] == 0 || c[1] == k-1)) || (c[1] == 0 && c[0] == k-1) {
			continue
		}
		for y := -2; y <= 2; y++ {
			for x := -2; x <= 2; x++ {
				m.add(at[c[0]]+x, at[c[1]]+y, max(x, -x, y, -y) != 1)
			}
		}
		m.ends = append(m.ends, len(m.all))
	}
}

func (m *marks) add(x, y int, dark bool) {
	at, k := luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}, 1/float64(side(m.version)-7)
	m.all = append(m.all, mark{at, bulges(at, k), dark})
}

// agree sets the place's agreement: the mean over the groups of the correlation between the known modules and the picture.
func (r *Reader) agree(p *place, light bool) {
	l, scale := r.levelFor(p.module())
	from, finders, beside := 0, 0.0, 0.0
	h, bulge := scaled(&p.h, 1/scale), p.bulge
	bent := bulge != [4]luma.Point{}
	for i := range bulge {
		bulge[i] = bulge[i].Mul(1 / scale)
	}
	for k, end := range r.marks.ends {
		var n, nd, sum, dark, squares int
		for _, m := range r.marks.all[from:end] {
			q := h.At(m.at)
			if bent {
				for i, b := range m.bulge {
					q.X, q.Y = q.X+b*bulge[i].X, q.Y+b*bulge[i].Y
				}
			}
			v := l.At(q.X, q.Y) >> 4
			n++
			sum += v
			squares += v * v
			if m.dark {
				nd++
				dark += v
			}
		}
		if c := correlation(n, nd, sum, dark, squares, light); k < 3 {
			finders += c
		} else {
			if beside += c; k == 4 {
				p.timing = beside / 2
			}
		}
		from = end
	}
	r.Work -= 2 * len(r.marks.all)
	n := float64(len(r.marks.ends))
	p.score, p.beside = (finders+beside)/n, beside/(n-3)
}

func correlation(n, nd, sum, dark, squares int, light bool) float64 {
	return luma.Correlation(n, nd, sum, dark, squares, light)
}

// module returns the size of a module in the middle of the place.
func (p *place) module() float64 {
	n := float64(side(p.version) - 7)
	return math.Sqrt(math.Abs(p.tr.Sub(p.bl).Cross(p.br.Sub(p.tl)))/2) / n
}

// scaled returns h followed by a scaling of the picture.
func scaled(h *luma.Homography, k float64) luma.Homography {
	s := *h
	for i := range 6 {
		s[i] *= k
	}
	return s
}

// refine moves the four centres, and with bent the bulges, one direction at a time, as long as the function patterns agree better.
func (r *Reader) refine(p *place, light, bent bool) {
	r.marks.set(p.version)
	m, last := p.module(), 3
	if bent {
		last = 7
	}
	for step := 1.0; step > 0.08; step /= 2 {
		for round := 0; round < 3; round++ {
			better := false
			for i := last; i >= 0; i-- {
				k := step * m
				if i < 3 && !p.guessed {
					k *= 0.5 // the finders' centres were measured
				}
				better = r.nudge(p, i, k, light) || better
			}
			if !better || r.Work < 0 {
				break
			}
		}
	}
}

// nudge moves one centre or bulge of a place by k pixels in four directions where the function patterns agree better.
func (r *Reader) nudge(p *place, i int, k float64, light bool) (better bool) {
	for _, d := range [...]luma.Point{{X: 1}, {X: -1}, {Y: 1}, {Y: -1}} {
		q := *p
		c := q.handle(i)
		*c = c.Add(d.Mul(k))
		if i < 4 && !q.setH() {
			continue
		}
		if r.agree(&q, light); q.score > p.score+1e-4 {
			*p, better = q, true
		}
	}
	return better
}

// handle returns one of the points that place a symbol: the centres, and the bulges.
func (p *place) handle(i int) *luma.Point {
	return [...]*luma.Point{&p.tl, &p.tr, &p.bl, &p.br, &p.bulge[0], &p.bulge[1], &p.bulge[2], &p.bulge[3]}[i]
}
