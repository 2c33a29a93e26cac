package lone

import "citygate/scanner/luma"

// This file implements seeds: finder patterns in the turns in which timing patterns begin at them. They are looked for once for all symbologies.

// Seed is a finder pattern in one of its eight turns.
type Seed struct {
	Place    Place // of its 7 x 7 modules
	Mirrored bool
	Column   bool // a timing pattern begins below the first column too, not only behind the first row
	Finder   int  // index of the finder pattern
}

// Seeds finds seeds. It keeps its working memory, so it is not safe for concurrent use.
type Seeds struct {
	Locator
	Found []Seed

	marks Marks // of a finder pattern with the light modules around it
}

const (
	maxFinders = 96  // finder patterns of a frame that are tried
	maxFitted  = 12  // of which so many are fitted where their arms are not seen at once
	minClean   = 0.5 // share of the lines through a pattern that cut it in the right ratios
)

// Collect finds the seeds among the finders of a look. Found is valid until the next call.
func (s *Seeds) Collect(look *luma.Look, finders []luma.Finder) {
	s.Look, s.Found = look, s.Found[:0]
	tried, fitted := 0, 0
	for i := range finders {
		f := &finders[i]
		if s.Work < 0 || tried == maxFinders {
			break
		}
		if f.Clean < minClean {
			continue
		}
		tried++
		q, ok := s.Corners(f)
		if !ok {
			continue
		}
		q = level(q)
		from := len(s.Found)
		if !s.turns(q, f.Light, i) && fitted < maxFitted {
			fitted++
			s.Found = s.Found[:from]
			if q = s.fitted(q, f.Light); !s.turns(level(q), f.Light, i) {
				s.turns(q, f.Light, i) // a large or near pattern shows its perspective
			}
		}
	}
}

// fitted returns the corners of a finder pattern moved to where its modules agree best with the picture: at two pixels a module the outline is half a module off.
func (s *Seeds) fitted(q luma.Quad, light bool) luma.Quad {
	if len(s.marks.All) == 0 {
		for y := -1; y <= 7; y++ {
			for x := -1; x <= 7; x++ {
				d := max(x-3, 3-x, y-3, 3-y)
				s.marks.Add(x, y, d != 2 && d != 4)
			}
		}
		s.marks.Close()
	}
	if p, ok := NewPlace(q, 7, 7, light); ok {
		s.Refine(&p, 0, 0.3, &Measure{Marks: &s.marks})
		return p.Corners
	}
	return q
}

// turns adds the seeds of a finder pattern with the given corners, and reports whether one of them has both arms.
func (s *Seeds) turns(q luma.Quad, light bool, finder int) (both bool) {
	for k := range 8 {
		p, ok := NewPlace(turned(q, k%4, k >= 4), 7, 7, light)
		if ok && s.arm(&p, false) {
			column := s.arm(&p, true)
			s.Found = append(s.Found, Seed{Place: p, Mirrored: k >= 4, Column: column, Finder: finder})
			both = both || column
		}
	}
	return both
}

// level returns the parallelogram nearest to a quadrilateral. A pattern of seven modules shows less of the perspective than of the errors of its corners, which
// would grow with the way to the symbol's far end.
func level(q luma.Quad) luma.Quad {
	c := q.Center()
	u, v := q[1].Add(q[2]).Sub(c.Mul(2)).Mul(0.5), q[2].Add(q[3]).Sub(c.Mul(2)).Mul(0.5)
	return luma.Quad{c.Sub(u).Sub(v), c.Add(u).Sub(v), c.Add(u).Add(v), c.Sub(u).Add(v)}
}

// turned returns q with its corner k first, going round the other way if mirrored.
func turned(q luma.Quad, k int, mirrored bool) luma.Quad {
	if mirrored {
		return luma.Quad{q[k], q[(k+3)%4], q[(k+2)%4], q[(k+1)%4]}
	}
	return luma.Quad{q[k], q[(k+1)%4], q[(k+2)%4], q[(k+3)%4]}
}

// arm reports whether the timing pattern begins behind the finder pattern along its first row, or along its first column: light, dark, light, dark. It costs
// eight samples and is what most patterns that belong to other symbols fail.
func (l *Locator) arm(p *Place, column bool) bool {
	level, scale := l.Level(p.Module())
	h := p.scaled(scale)
	l.Work -= 8
	at := func(along, across float64) int {
		c := luma.Point{X: along, Y: across}
		if column {
			c.X, c.Y = c.Y, c.X
		}
		c = h.At(c)
		v := level.At(c.X, c.Y)
		if p.Light {
			return -v
		}
		return v
	}
	dark, light := at(3.5, 0.5), (at(3.5, 1.5)+at(-0.5, 3.5))/2
	swing := (light - dark) * 3 / 16
	if light-dark < minSwing {
		return false
	}
	a, b, c, d := at(7.5, 0.5), at(8.5, 0.5), at(9.5, 0.5), at(10.5, 0.5)
	return a-b > swing && c-b > swing && c-d > swing && a > dark+swing
}

// minSwing is the least difference between dark and light of a finder pattern, in 1/256 gray levels.
const minSwing = 10 << 8
