package qr

import (
	"cmp"
	"math"
	"slices"

	"citygate/scanner/luma"
)

// This file implements the choice of three finder patterns that may belong to one symbol (section 6.3.3), best first.

// triple is three finder patterns: top left, top right and bottom left, as indices of finders.
type triple struct {
	tl, tr, bl int
	score      float64 // lower is better
	done       bool    // it was tried, or cannot be a symbol
}

const (
	maxSizeRatio  = 2.4  // between the module sizes of one symbol, as cut along the picture's axes
	maxLegRatio   = 3.0  // between the two sides
	maxCos        = 0.75 // of the angle at the top left
	maxNeighbours = 14   // finders that are tried as a corner's partners
	maxTriples    = 6000
	maxDirty      = 400 // of finders that are not clean
	manyFinders   = 36
	maxFinders    = 240
	cleanFinder   = 0.85
	cleanTriple   = 0.40 // of three, what they lack
	farther       = 1e6  // pixels by which what is not clean comes later
)

// triples lists the plausible triples among the finders. For each finder as the top left one only its nearest clean neighbours of like size are taken, so the
// work grows with the number of finders, not with its cube.
func (r *Reader) findTriples() {
	r.triples = r.triples[:0]
	r.choose()
	f := r.finders
	for i := range f {
		r.near = r.near[:0]
		for j := range f {
			if j == i || f[j].Light != f[i].Light || f[j].Module > maxSizeRatio*f[i].Module || f[i].Module > maxSizeRatio*f[j].Module {
				continue
			}
			d := f[j].Center.Sub(f[i].Center).Len()
			// A symbol is 14 to 170 modules from centre to centre; cuts at 45 degrees overrate the module by 1.41, those of tilted symbols underrate it.
			if m := (f[i].Module + f[j].Module) / 2; d < 7.5*m || d > 280*m {
				continue
			}
			score := d * (2 - f[j].Clean) * ratio(f[i].Module, f[j].Module)
			if f[j].Clean < cleanFinder {
				score += farther // large symbols are full of what looks a little like a finder, and lies nearer
			}
			r.near = append(r.near, neighbour{j, d, score})
		}
		slices.SortFunc(r.near, func(a, b neighbour) int { return cmp.Compare(a.score, b.score) })
		r.near = r.near[:min(len(r.near), maxNeighbours)]
		r.pairs(i)
	}
	slices.SortFunc(r.triples, func(a, b triple) int { return cmp.Compare(a.score, b.score) })
	n, _ := slices.BinarySearchFunc(r.triples, farther, func(t triple, far float64) int { return cmp.Compare(t.score, far) })
	r.triples = r.triples[:min(len(r.triples), n+maxDirty, maxTriples)]
}

// choose keeps the cleaner finders where there are more than a frame of symbols would have: the rest is texture.
func (r *Reader) choose() {
	if len(r.finders) > manyFinders {
		slices.SortStableFunc(r.finders, func(a, b luma.Finder) int { return cmp.Compare(b.Clean, a.Clean) })
		n := manyFinders
		for n < min(len(r.finders), maxFinders) && r.finders[n].Clean >= cleanFinder {
			n++
		}
		r.finders = r.finders[:n]
	}
}

type neighbour struct {
	index    int
	distance float64
	score    float64 // lower is better
}

// ratio returns the larger of a and b divided by the smaller.
func ratio(a, b float64) float64 { return max(a, b) / min(a, b) }

func (r *Reader) pairs(i int) {
	f := r.finders
	for a, n1 := range r.near {
		for _, n2 := range r.near[a+1:] {
			if ratio(n1.distance, n2.distance) > maxLegRatio {
				continue
			}
			u, v := f[n1.index].Center.Sub(f[i].Center), f[n2.index].Center.Sub(f[i].Center)
			cos := math.Abs(u.Dot(v)) / (n1.distance * n2.distance)
			if cos > maxCos {
				continue
			}
			m1, m2, m3 := f[i].Module, f[n1.index].Module, f[n2.index].Module
			least, most := min(m1, m2, m3), max(m1, m2, m3)
			if most > maxSizeRatio*least {
				continue
			}
			t := triple{tl: i, tr: n1.index, bl: n2.index}
			if u.Cross(v) < 0 {
				t.tr, t.bl = t.bl, t.tr
			}
			legs := n1.distance + n2.distance
			dirt := 3 - f[i].Clean - f[n1.index].Clean - f[n2.index].Clean
			t.score = legs * (1 + 1.5*cos + 2*math.Abs(n2.distance-n1.distance)/legs + 2*(most-least)/most) * (1 + dirt)
			if dirt > cleanTriple {
				t.score += farther
			}
			r.triples = append(r.triples, t)
		}
	}
}

// moduleAlong measures the size of a finder's module on a line from its centre along dir, on both sides of it.
func (r *Reader) moduleAlong(f *luma.Finder, dir luma.Point) float64 {
	if f.Blurred {
		return f.Along(dir) / 7
	}
	l := r.look.Levels[f.Level]
	c := f.Center.Mul(1 / l.Scale)
	m := f.Module / l.Scale
	step := min(max(m/3, 0.4), 1.5)
	var e [3]float64
	sum, sides := 0.0, 0
	for _, s := range [...]float64{1, -1} {
		if l.Ray(c, dir.Mul(s), f.T, f.Light, step, 5*m, e[:], &r.Work) == 3 {
			sum += (e[2]/3.5 + e[1]/2.5) / 2
			sides++
		}
	}
	if sides == 0 {
		return 0
	}
	return sum / float64(sides) * l.Scale
}
