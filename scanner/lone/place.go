package lone

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements places: perspectives of a part of a symbol, and how well known modules agree with the picture there.

// Mark is a module whose colour is known.
type Mark struct {
	At   luma.Point // its centre, in modules
	Dark bool
}

// Place is a hypothesis of where the first W x H modules of a symbol lie. A mirrored place has its corners counterclockwise.
type Place struct {
	W, H    float64
	Corners luma.Quad // of these modules: the images of (0, 0), (W, 0), (W, H), (0, H)
	Map     luma.Homography
	Light   bool // light modules on a dark ground
	Score   float64
}

// NewPlace returns the place whose first w x h modules have the given corners. It is false where three of them lie on a line.
func NewPlace(corners luma.Quad, w, h float64, light bool) (p Place, ok bool) {
	p = Place{W: w, H: h, Corners: corners, Light: light}
	return p, p.fit()
}

func (p *Place) fit() (ok bool) {
	p.Map, ok = luma.Map(luma.Rect(0, 0, p.W, p.H), p.Corners)
	return ok
}

// Extend makes the place one of w x h modules under the same perspective. It is false where a corner would lie behind the viewer.
func (p *Place) Extend(w, h float64) bool {
	q := luma.Rect(0, 0, w, h)
	for i, c := range q {
		if p.Map[6]*c.X+p.Map[7]*c.Y+p.Map[8] < minDepth {
			return false
		}
		q[i] = p.Map.At(c)
	}
	p.W, p.H, p.Corners = w, h, q
	return p.fit()
}

// Flatten moves the third corner to where it would be without perspective.
func (p *Place) Flatten() bool {
	p.Corners[2] = p.Corners[1].Add(p.Corners[3]).Sub(p.Corners[0])
	return p.fit()
}

// minDepth is the least depth of a corner, that of the symbol's first corner being 1.
const minDepth = 0.15

// Module returns the size of a module in the middle of the place, in pixels.
func (p *Place) Module() float64 {
	q := &p.Corners
	return math.Sqrt(math.Abs(q[2].Sub(q[0]).Cross(q[3].Sub(q[1]))) / (2 * p.W * p.H))
}

// Level returns the level on which modules of the given size are at least two pixels and a half wide, and its scale.
func (l *Locator) Level(module float64) (*luma.Level, float64) {
	i := 0
	for i+1 < len(l.Look.Levels) && module/l.Look.Levels[i].Scale >= 5 {
		i++
	}
	return l.Look.Levels[i], l.Look.Levels[i].Scale
}

// scaled returns the place's map to pixels of a level.
func (p *Place) scaled(scale float64) luma.Homography {
	h := p.Map
	for i := range 6 {
		h[i] /= scale
	}
	return h
}

// Marks is a list of known modules in groups, which are judged apart, as light may differ over a symbol.
type Marks struct {
	All  []Mark
	Ends []int // of the groups in All
}

// Reset empties the list.
func (m *Marks) Reset() { m.All, m.Ends = m.All[:0], m.Ends[:0] }

// Add appends the module at column x and row y to the group at hand.
func (m *Marks) Add(x, y int, dark bool) {
	m.All = append(m.All, Mark{luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}, dark})
}

// Close ends the group at hand, unless it is empty.
func (m *Marks) Close() {
	if n := len(m.All); n > 0 && (len(m.Ends) == 0 || m.Ends[len(m.Ends)-1] < n) {
		m.Ends = append(m.Ends, n)
	}
}

// Agreement returns the mean over the groups of the correlation between the known modules and the picture: 1 at best, 0 for chance.
func (l *Locator) Agreement(p *Place, marks *Marks) float64 {
	if len(marks.Ends) == 0 {
		return 0
	}
	level, scale := l.Level(p.Module())
	h := p.scaled(scale)
	from, total := 0, 0.0
	for _, end := range marks.Ends {
		var n, nd, sum, dark, squares int
		for i := range marks.All[from:end] {
			m := &marks.All[from+i]
			q := h.At(m.At)
			v := level.At(q.X, q.Y) >> 4
			n++
			sum += v
			squares += v * v
			if m.Dark {
				nd++
				dark += v
			}
		}
		total += luma.Correlation(n, nd, sum, dark, squares, p.Light)
		from = end
	}
	l.Work -= len(marks.All)
	return total / float64(len(marks.Ends))
}

// Measure says by what a place is judged: the agreement with known modules and, weighed by Sharp, the contrast of all.
type Measure struct {
	Marks         *Marks
	Sharp         float64
	Middle, Swing int // of the finder pattern, for the contrast
}

func (l *Locator) judge(p *Place, by *Measure) float64 {
	score := l.Agreement(p, by.Marks)
	if by.Sharp > 0 {
		score += by.Sharp * l.Contrast(p, by.Middle, max(by.Swing, -by.Swing))
	}
	return score
}

// Refine moves the corners from the first one named on, one direction at a time in steps of a module's fractions, as long as the place measures better. Its score
// is that measure.
func (l *Locator) Refine(p *Place, corner int, step float64, by *Measure) {
	m := p.Module()
	p.Score = l.judge(p, by)
	for ; step > lastStep; step /= 2 {
		for range 3 {
			better := false
			for k := corner; k < 4; k++ {
				for _, d := range [...]luma.Point{{X: 1}, {X: -1}, {Y: 1}, {Y: -1}} {
					q := *p
					q.Corners[k] = q.Corners[k].Add(d.Mul(step * m))
					if !q.fit() {
						continue
					}
					if q.Score = l.judge(&q, by); q.Score > p.Score+1e-4 {
						*p, better = q, true
					}
				}
			}
			if !better || l.Work < 0 {
				break
			}
		}
	}
}

// lastStep is the smallest step of Refine, in modules.
const lastStep = 0.06
