package rmqr

import (
	"citygate/scanner/lone"
	"citygate/scanner/luma"
)

// This file implements bending: a long label seldom lies flat. Along both edges the timing patterns are found again piece by piece, and what lies between is moved
// with them.

// mesh is how far pieces of the upper and the lower edge are off, in pixels.
type mesh struct {
	at    [maxWidth/bendWidth + 2]float64 // the pieces' middles, in columns
	moved [2][maxWidth/bendWidth + 2]luma.Point
	n     int
	h     int
}

const (
	bendWidth = 9    // columns of a piece
	bendReach = 1.25 // modules by which a piece may be off its neighbour
	bendFit   = 0.5  // agreement of a piece that is found again
	bendShare = 3    // one of so many pieces may be missing
)

// bend measures the mesh, from the finder pattern on. It is false where too little is found again.
func (r *Reader) bend(p *lone.Place) bool {
	s, m := r.layout.size, &r.mesh
	missing := 0
	m.n, m.h = 0, s.h
	for from := 0; from < s.w; from += bendWidth {
		to := min(from+bendWidth, s.w)
		if s.w-to < bendWidth/2 {
			to = s.w
		}
		m.at[m.n] = float64(from+to) / 2
		for side := range 2 {
			r.marks.Reset()
			if side == 0 {
				r.group(from, to, -1, min(s.h/2, 3))
			} else {
				r.group(from, to, max(s.h/2, s.h-3), s.h+1)
			}
			guess := luma.Point{}
			if m.n > 0 {
				guess = m.moved[side][m.n-1]
			}
			if m.n > 1 { // the bend goes on
				guess = guess.Mul(2).Sub(m.moved[side][m.n-2])
			}
			var ok bool
			if m.moved[side][m.n], ok = r.shifted(p, guess); !ok {
				missing++
			}
		}
		m.n++
		if to == s.w {
			break
		}
	}
	return bendShare*missing <= 2*m.n
}

// shifted searches the piece whose marks are listed around where the place has it, moved by guess. A piece that is not found is where it was guessed.
func (r *Reader) shifted(p *lone.Place, guess luma.Point) (luma.Point, bool) {
	module := p.Module()
	best, at := bendFit, guess
	search := func(c luma.Point, reach, step float64) {
		for y := -reach; y <= reach; y += step {
			for x := -reach; x <= reach; x += step {
				d := c.Add(luma.Point{X: x, Y: y}.Mul(module))
				q := *p
				for i := range 3 { // the map, moved by d
					q.Map[i] += d.X * p.Map[6+i]
					q.Map[3+i] += d.Y * p.Map[6+i]
				}
				if v := r.locator.Agreement(&q, &r.marks) - 0.02*(x*x+y*y); v > best {
					best, at = v, d
				}
			}
		}
	}
	search(guess, bendReach, 0.25)
	search(at, 0.15, 0.075)
	return at, best > bendFit
}

// shift returns the displacement at a place in modules.
func (m *mesh) shift(c, y float64) luma.Point {
	if m.n == 0 {
		return luma.Point{}
	}
	k := 0
	for k < m.n-2 && c >= m.at[k+1] {
		k++
	}
	next := min(k+1, m.n-1)
	f := 0.0
	if next > k {
		f = min(max((c-m.at[k])/(m.at[next]-m.at[k]), -0.5), 1.5)
	}
	g := y / float64(m.h)
	side := func(s int) luma.Point { return m.moved[s][k].Mul(1 - f).Add(m.moved[s][next].Mul(f)) }
	return side(0).Mul(1 - g).Add(side(1).Mul(g))
}
