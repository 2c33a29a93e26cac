package datamatrix

import (
	"cmp"
	"math"
	"slices"

	"citygate/scanner/luma"
)

// This file implements fitting: which size a symbol has, and where exactly its corners are, by the correlation of its borders with the picture.

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

// spots are the places within a module of a side, along it and in from the edge, at which it is sampled: a side of more modules than supposed shows in them, and
// so does a line beside the middle of the outermost modules.
var spots = [...]luma.Point{{X: 0.3, Y: 0.35}, {X: 0.5, Y: 0.65}, {X: 0.7, Y: 0.35}}

// middle is the one place of a module at which it is sampled while corners are still far off.
var middle = [...]luma.Point{{X: 0.5, Y: 0.5}}

// agreement returns how well the borders fit the picture: the mean correlation of the four sides, the alternating ones, which count double, and the solid ones, each
// less where the quiet zone beside it is not light; and of the borders between data regions.
func (r *Reader) agreement(p *place, spots []luma.Point, light bool) float64 {
	l, scale := r.levelFor(p.module())
	w := p.scaled(1 / scale)
	at := func(x, y float64) int {
		q := w.at(luma.Point{X: x, Y: y})
		return l.At(q.X, q.Y)
	}
	cols, rows := float64(p.size.cols), float64(p.size.rows)
	var top, right, bottom, left sums
	var above, beside mean
	for x := 0.0; x < cols; x++ {
		for _, s := range spots {
			top.add(at(x+s.X, s.Y), int(x)%2 == 0)
		}
		if int(x)%2 == 0 {
			above.add(at(x+0.5, -0.6))
		}
		bottom.add(at(x+0.5, rows-0.5), true)
		bottom.add(at(x+0.5, rows+0.6), false)
	}
	for y := 0.0; y < rows; y++ {
		for _, s := range spots {
			right.add(at(cols-s.Y, y+s.X), int(y)%2 == 1)
		}
		if int(y)%2 == 0 {
			beside.add(at(cols+0.6, y+0.5))
		}
		left.add(at(0.5, y+0.5), true)
		left.add(at(-0.6, y+0.5), false)
	}
	r.Work -= (2*len(spots) + 5) * (p.size.cols + p.size.rows) / 2
	a, b := top.correlation(light)*above.outside(&top, light), right.correlation(light)*beside.outside(&right, light)
	if a <= 0 || b <= 0 {
		return 0
	}
	score := (2*a + 2*b + bottom.correlation(light) + left.correlation(light)) / 6
	if p.size.across()*p.size.down() > 1 {
		score = 0.75*score + 0.25*r.inner(p, at, light)
	}
	return score
}

// inner returns the correlation of the borders between data regions: two lines side by side, an alternating and a solid one.
func (r *Reader) inner(p *place, at func(x, y float64) int, light bool) float64 {
	var s sums
	n := 0
	for x := p.size.regionCols + 2; x < p.size.cols; x += p.size.regionCols + 2 {
		for y := range p.size.rows {
			s.add(at(float64(x)-0.5, float64(y)+0.5), y%2 == 1)
			s.add(at(float64(x)+0.5, float64(y)+0.5), true)
		}
		n += 2 * p.size.rows
	}
	for y := p.size.regionRows + 2; y < p.size.rows; y += p.size.regionRows + 2 {
		for x := range p.size.cols {
			s.add(at(float64(x)+0.5, float64(y)+0.5), x%2 == 0)
			s.add(at(float64(x)+0.5, float64(y)-0.5), true)
		}
		n += 2 * p.size.cols
	}
	r.Work -= n
	return max(s.correlation(light), 0)
}

// mean is that of the samples of a quiet zone.
type mean struct{ n, sum int }

func (m *mean) add(v int) { m.n, m.sum = m.n+1, m.sum+v>>4 }

// outside returns 1 where the samples beside a side are as light as the light modules of the side, and down to 1-quietShare where they are as dark as its dark ones.
func (m *mean) outside(s *sums, light bool) float64 {
	nl := s.n - s.nd
	if m.n == 0 || s.nd == 0 || nl == 0 {
		return 1
	}
	dark, bright := float64(s.dark)/float64(s.nd), float64(s.sum-s.dark)/float64(nl)
	if (bright > dark) == light || bright == dark {
		return 1 // not that side's pattern at all
	}
	return 1 - quietShare*(1-min(max((float64(m.sum)/float64(m.n)-dark)/(bright-dark), 0), 1))
}

// quietShare is the part of the agreement of an alternating side that its quiet zone decides.
const quietShare = 0.3

const (
	shortlist = 4    // sizes that are refined
	minScore  = 0.35 // before refinement
	hopeless  = 0.48 // after the corners were moved by whole modules
	fairScore = 0.62 // after the far corner was refined
	goodScore = 0.65 // after it
	sureScore = 0.90 // so that no other size is tried
)

// fit finds the best size and corners for a quadrilateral: among the sizes that the changes along the alternating sides suggest, and those whose borders
// agree best as it stands.
func (r *Reader) fit(q, bows luma.Quad, light bool) []place {
	cols := r.alternations(q[0], q[1], q[3])
	if cols[0] == 0 {
		return nil
	}
	rows := r.alternations(q[2], q[1], q[3])
	if rows[0] == 0 {
		return nil
	}
	r.list = [shortlist]place{}
	width, height := q[1].Sub(q[0]).Len()+q[2].Sub(q[3]).Len(), q[3].Sub(q[0]).Len()+q[2].Sub(q[1]).Len()
	aspect := width / height
	turned, turnedBows := luma.Quad{q[2], q[1], q[0], q[3]}, luma.Quad{bows[1], bows[0], bows[3], bows[2]}
	for i := range sizes {
		size := &sizes[i]
		r.consider(place{size: size, quad: q, warp: warp{bows: bows}}, aspect, cols, rows, light)
		if size.rows != size.cols { // a mirrored square one looks the same from outside
			r.consider(place{size: size, quad: turned, warp: warp{bows: turnedBows}}, 1/aspect, rows, cols, light)
		}
	}
	return r.refined(r.list[:], light)
}

// consider puts a place on the list of those that are refined if it is among the best. aspect is its width to its height, cols and rows are the changes along its
// alternating sides.
func (r *Reader) consider(p place, aspect float64, cols, rows [3]int, light bool) {
	want := float64(p.size.cols) / float64(p.size.rows)
	if !possible(cols, p.size.cols) || !possible(rows, p.size.rows) || aspect > want*maxStretch || aspect < want/maxStretch || !p.set() || p.module() < minModule {
		return
	}
	p.score = r.agreement(&p, middle[:], light)
	if p.score > 0.2 && counted(cols, p.size.cols) && counted(rows, p.size.rows) {
		p.score++ // refined in any case, first
	}
	for k := range r.list {
		if p.score > r.list[k].score {
			p, r.list[k] = r.list[k], p
		}
	}
}

// maxStretch is how far the sides of a symbol may be out of proportion.
const maxStretch = 1.7

// refined refines the places of a list, the first ones first, and returns those that may be the symbol, the best first.
func (r *Reader) refined(list []place, light bool) []place {
	good := list[:0]
	for i := range list {
		p := &list[i]
		if p.size == nil || p.score < minScore {
			continue
		}
		p.score = r.agreement(p, middle[:], light)
		if r.refine(p, farCorner[:], middle[:], light); p.score < fairScore {
			continue
		}
		p.score = r.agreement(p, spots[:], light)
		if r.refine(p, allCorners[:], spots[:], light); p.score < goodScore {
			continue
		}
		good = append(good, *p)
		if p.score > sureScore {
			break
		}
	}
	slices.SortStableFunc(good, func(a, b place) int { return cmp.Compare(b.score, a.score) })
	return good
}

// possible reports whether a side of n modules may change as often as was counted, even where the lines along it missed its middle: data change half as often.
func possible(changes [3]int, n int) bool { return 10*n >= 7*changes[0] && 10*n <= 26*changes[0]+20 }

// counted reports whether one of the counts of changes may be that of a side of n modules.
func counted(changes [3]int, n int) bool {
	for _, c := range changes {
		if c*100 >= (n-1)*92-100 && c*100 <= (n-1)*106+100 {
			return true
		}
	}
	return false
}

// minModule is the least size of a module in pixels.
const minModule = 1.2

// The corners by their index, in the order in which they are moved.
var (
	farCorner  = [...]int{1}
	allCorners = [...]int{1, 0, 2, 3}
)

// refine moves the given corners, one direction at a time, as long as the sides agree better.
func (r *Reader) refine(p *place, corners []int, spots []luma.Point, light bool) {
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
				k := step
				if corner != 1 {
					k /= 2
				}
				better = r.nudge(p, &p.quad[corner], k, spots, light) || better
			}
			if !better || r.Work < 0 {
				break
			}
		}
		if p.score < hopeless {
			return
		}
	}
}

// bend bows the sides, and moves the corners with them, as long as the sides agree better.
func (r *Reader) bend(p *place, light bool) {
	for step := 0.8; step > 0.08; step /= 2 {
		for round := 0; round < 3; round++ {
			better := false
			for i := range p.bows {
				better = r.nudge(p, &p.bows[i], step, spots[:], light) || better
			}
			for i := range p.pull {
				better = r.nudge(p, &p.pull[i], step, spots[:], light) || better
			}
			for i := range p.quad {
				better = r.nudge(p, &p.quad[i], step/2, spots[:], light) || better
			}
			if !better || r.Work < 0 {
				break
			}
		}
	}
}

// nudge moves one point of a place by step modules in each direction, keeps what agrees better, and reports whether anything did.
func (r *Reader) nudge(p *place, point *luma.Point, step float64, spots []luma.Point, light bool) (better bool) {
	k := step * p.module()
	for _, d := range [...]luma.Point{{X: 1}, {X: -1}, {Y: 1}, {Y: -1}} {
		old := *p
		*point = point.Add(d.Mul(k))
		if p.set() {
			if p.score = r.agreement(p, spots, light); p.score > old.score+1e-4 {
				better = true
				continue
			}
		}
		*p = old
	}
	return better
}
