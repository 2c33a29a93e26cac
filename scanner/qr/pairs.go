package qr

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements symbols of which one finder pattern is hidden, torn off or outshone: the timing pattern between the two others (section 6.3.5) tells on which
// side of them the symbol lies, and where the third one has to be. There it is looked for in gray.

const (
	maxPairFinders = 8    // clean finders without a symbol; where there are more, the symbols are not what is damaged
	pairFinder     = 0.7  // cleanness of each
	maxPairRatio   = 1.8  // between their module sizes
	guessReach     = 0.12 // of a side's length, within which the third finder is looked for
	maxGuessReach  = 6    // modules
	minGuess       = 0.45 // correlation from which it counts as found
)

// tryPairs reads the symbols of two finders each.
func (r *Reader) tryPairs() {
	r.alone = r.alone[:0]
	for i := range r.finders {
		if !r.used[i] && r.finders[i].Clean >= pairFinder {
			r.alone = append(r.alone, i)
		}
	}
	if len(r.alone) < 2 || len(r.alone) > maxPairFinders {
		return
	}
	for k, i := range r.alone {
		for _, j := range r.alone[k+1:] {
			if r.used[i] || r.used[j] || r.Work < 0 {
				continue
			}
			a, b := &r.finders[i], &r.finders[j]
			if a.Light != b.Light || ratio(a.Module, b.Module) > maxPairRatio {
				continue
			}
			before := r.Work
			f, ok := r.tryPair(a, b)
			if ok {
				r.used[i], r.used[j] = true, true
				r.keep(f, before)
			}
		}
	}
}

// pair is two finders and where their symbol lies: on the side to which v points.
type pair struct {
	a, b   *luma.Finder
	u, v   luma.Point // unit vectors from a to b and to the side
	ma, mb float64    // module sizes along u
	pa, pb float64    // and along v
	n      float64    // modules to a side of the symbol
}

// tryPair reads the symbol of two finders.
func (r *Reader) tryPair(a, b *luma.Finder) (Found, bool) {
	d := b.Center.Sub(a.Center)
	l := d.Len()
	if m := (a.Module + b.Module) / 2; l < 7.5*m || l > 250*m {
		return Found{}, false
	}
	p := pair{a: a, b: b, u: d.Mul(1 / l)}
	for _, side := range [...]float64{1, -1} {
		p.v = luma.Point{X: -p.u.Y, Y: p.u.X}.Mul(side)
		if f, ok := r.tryBeside(&p); ok {
			return f, true
		}
	}
	return r.tryDiagonal(a, b)
}

// measure finds the module sizes. An open finder may have none in some direction; then that of the other finder serves.
func (r *Reader) measurePair(p *pair) bool {
	p.ma, p.mb = r.moduleAlong(p.a, p.u), r.moduleAlong(p.b, p.u)
	p.pa, p.pb = r.moduleAlong(p.a, p.v), r.moduleAlong(p.b, p.v)
	for _, m := range [...][2]*float64{{&p.ma, &p.mb}, {&p.pa, &p.pb}} {
		switch {
		case *m[0] == 0:
			*m[0] = *m[1]
		case *m[1] == 0:
			*m[1] = *m[0]
		}
	}
	if p.ma == 0 || p.pa == 0 || ratio(p.ma, p.mb) > maxPairRatio {
		return false
	}
	p.n = p.b.Center.Sub(p.a.Center).Len()/math.Sqrt(p.ma*p.mb) + 7
	return p.n >= 18 && p.n <= maxSide+12
}

// tryBeside takes the two for neighbours, and each of them for the top left one.
func (r *Reader) tryBeside(p *pair) (Found, bool) {
	if !r.measurePair(p) || r.timing(p.a, p.b, p.v, p.ma, p.mb, (p.pa+p.pb)/2, p.n) > looseTiming(p.n) {
		return Found{}, false
	}
	for _, second := range [...]bool{false, true} {
		at, side := p.a, p.pa
		if second {
			at, side = p.b, p.pb
		}
		c := r.guess(at, p.u, p.v, (p.ma+p.mb)/2, side, at.Center.Add(p.v.Mul(side*(p.n-7))), (p.n-7)*guessReach)
		var g legs
		if !second {
			g = legs{tl: p.a, tr: p.b, bl: c}
		} else {
			g = legs{tl: p.b, tr: p.a, bl: c}
		}
		if f, ok := r.tryGuess(&g, c); ok {
			return f, true
		}
	}
	return Found{}, false
}

// tryDiagonal takes the two for the top right and the bottom left one.
func (r *Reader) tryDiagonal(a, b *luma.Finder) (Found, bool) {
	d := b.Center.Sub(a.Center)
	for _, side := range [...]float64{1, -1} {
		// The third corner of a square over the diagonal.
		h := luma.Point{X: -d.Y, Y: d.X}.Mul(side / 2)
		c := a.Center.Add(d.Mul(0.5)).Add(h)
		u, v := a.Center.Sub(c), b.Center.Sub(c)
		l := u.Len()
		u, v = u.Mul(1/l), v.Mul(1/l)
		m1, m2 := r.moduleAlong(a, u), r.moduleAlong(b, v)
		if m1 == 0 || m2 == 0 || ratio(m1, m2) > maxPairRatio {
			continue
		}
		if n := l/math.Sqrt(m1*m2) + 7; n < 18 || n > maxSide+12 {
			continue
		}
		f := r.guess(a, u, v, m1, m2, c, l/math.Sqrt(m1*m2)*guessReach)
		g := legs{tl: f, tr: a, bl: b}
		if found, ok := r.tryGuess(&g, f); ok {
			return found, true
		}
	}
	return Found{}, false
}

// guess returns a finder at c, or where within reach modules of it one is seen best. Its modules are taken to be mu long along u and mv along v.
func (r *Reader) guess(like *luma.Finder, u, v luma.Point, mu, mv float64, c luma.Point, reach float64) *luma.Finder {
	f := &r.guessed
	*f = luma.Finder{Center: c, Module: math.Sqrt(mu * mv), Light: like.Light, T: like.T, Blurred: true}
	for i := range f.Widths {
		sin, cos := math.Sincos(math.Pi * float64(i) / float64(len(f.Widths)))
		// Seven modules along a direction of which the parts along u and v are known.
		d := luma.Point{X: cos, Y: sin}
		f.Widths[i] = 7 / max(math.Abs(d.Dot(u))/mu, math.Abs(d.Dot(v))/mv)
	}
	best, at := minGuess, c
	search := func(centre luma.Point, reach, step float64) {
		for y := -reach; y <= reach; y += step {
			for x := -reach; x <= reach; x += step {
				f.Center = centre.Add(u.Mul(x * mu)).Add(v.Mul(y * mv))
				if s := r.finderAt(f, u.Mul(mu), v.Mul(mv), like.Light); s > best {
					best, at = s, f.Center
				}
			}
		}
	}
	search(c, min(max(math.Ceil(reach), 2), maxGuessReach), 1)
	if best > minGuess {
		search(at, 0.75, 0.25)
	}
	f.Center = at
	return f
}

// tryGuess reads the symbol of two finders and a guessed one.
func (r *Reader) tryGuess(g *legs, guessed *luma.Finder) (Found, bool) {
	g.guessed, g.light = guessed, g.tl.Light
	if g.tr.Center.Sub(g.tl.Center).Cross(g.bl.Center.Sub(g.tl.Center)) < 0 {
		g.tr, g.bl = g.bl, g.tr
	}
	if !r.measure(g) {
		return Found{}, false
	}
	n := (g.tr.Center.Sub(g.tl.Center).Len()/math.Sqrt(g.mTop*g.mRight)+g.bl.Center.Sub(g.tl.Center).Len()/math.Sqrt(g.mLeft*g.mDown))/2 + 7
	if n < 18 || n > maxSide+12 || r.top(g, n) > looseTiming(n) && r.left(g, n) > looseTiming(n) || !r.finders3(g) {
		return Found{}, false
	}
	return r.readLegs(g, n)
}
