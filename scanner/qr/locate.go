package qr

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements locating: from three finder patterns to the version and the perspective of a symbol.

// place is a hypothesis of where a symbol lies.
type place struct {
	version int
	tl      luma.Point // centres of the finder patterns
	tr, bl  luma.Point
	br      luma.Point // where the centre of a fourth one would be
	h       luma.Homography
	bulge   [4]luma.Point // by how much a bent symbol's middle is off, in pixels, along its rows and its columns; then its quarters, either way
	score   float64       // agreement of the function patterns, 1 at best
	guessed bool          // one of the finders was not seen
	timing  float64       // that of the timing patterns
	beside  float64       // that of the patterns beside the finders, which every triple has
}

// setH computes the homography from the four centres.
func (p *place) setH() bool {
	n := float64(side(p.version)) - 3.5
	dst := luma.Quad{p.tl, p.tr, p.br, p.bl}
	if !dst.Convex() {
		return false
	}
	var ok bool
	p.h, ok = luma.Map(luma.Rect(3.5, 3.5, n, n), dst)
	return ok
}

// at maps a point from modules to pixels.
func (p *place) at(c luma.Point) luma.Point {
	k := 1 / float64(side(p.version)-7)
	at := p.h.At(c)
	for i, b := range bulges(c, k) {
		at.X, at.Y = at.X+b*p.bulge[i].X, at.Y+b*p.bulge[i].Y
	}
	return at
}

// bulges returns the shares of the four bulges at a point of a symbol whose finders are 1/k modules apart. They are 0 at the finders' centres. A cylinder that turns
// its belly to the camera shows its middle wide and its sides narrow: the quarters move outwards. One seen askew bulges to one side.
func bulges(c luma.Point, k float64) [4]float64 {
	u, v := (c.X-3.5)*k, (c.Y-3.5)*k
	u4, v4 := 4*u*(1-u), 4*v*(1-v)
	return [4]float64{u4, v4, 2.6 * u4 * (1 - 2*u), 2.6 * v4 * (1 - 2*v)}
}

// legs is what was measured on a triple.
type legs struct {
	tl, tr, bl                 *luma.Finder
	guessed                    *luma.Finder // the one of the three that was not seen, or nil
	light                      bool
	atTR, atBL                 [2]luma.Point // steps from module to module there
	mTop, mRight, mLeft, mDown float64       // module sizes: at the top left and the top right along the upper leg, at the top left and the bottom left along the other
}

const (
	maxMeasuredRatio = 4.0  // between module sizes along the legs
	minScore         = 0.30 // agreement of function patterns for a place to be refined
	goodScore        = 0.45 // and to be sampled
	minTiming        = 0.05 // agreement of the timing patterns for an alignment pattern to be looked for
	goodBeside       = 0.25 // agreement without the finders for a place to be sampled
	guessedBeside    = 0.40 // where one of the finders was not seen
	besideGain       = 0.10 // what refining may bring
	maxDeep          = 3    // places of a frame that are fitted once more when their modules do not decode
	bentGain         = 0.02 // by which a bent place has to agree better than a flat one
	plainScore       = 0.85 // agreement for a place to be sampled as it is
	minFinder        = 0.35 // agreement of each finder pattern
	goodFinder       = 0.55 // and of the three in the mean
)

// try reads the symbol of a triple. With plain it puts off what has no plain timing patterns.
func (r *Reader) try(t *triple, plain bool) (Found, bool) {
	t.done, r.stage = true, atFinders
	g := legs{tl: &r.finders[t.tl], tr: &r.finders[t.tr], bl: &r.finders[t.bl]}
	g.light = g.tl.Light
	if !r.measure(&g) {
		return Found{}, false
	}
	nx := g.tr.Center.Sub(g.tl.Center).Len() / math.Sqrt(g.mTop*g.mRight)
	ny := g.bl.Center.Sub(g.tl.Center).Len() / math.Sqrt(g.mLeft*g.mDown)
	n := (nx+ny)/2 + 7
	if n < 18 || n > maxSide+12 {
		return Found{}, false
	}
	r.stage = atTiming
	if plain && (r.top(&g, n) > plainTiming(n) || r.left(&g, n) > plainTiming(n)) {
		t.done = false
		return Found{}, false
	}
	closed := !plain && !g.tl.Blurred && r.top(&g, n) > looseTiming(n) && r.left(&g, n) > looseTiming(n) // blur closes a timing pattern first
	if closed && (r.closed >= maxClosed || t.score >= farther) || !r.finders3(&g) {
		return Found{}, false
	}
	if closed {
		r.closed++
	}
	r.stage = atFunction
	return r.readLegs(&g, n)
}

// readLegs reads the symbol of about n modules whose finders were measured.
func (r *Reader) readLegs(g *legs, n float64) (Found, bool) {
	var best place
	v0 := (n - 17) / 4
	reach := 0.75 + 0.06*v0
	tried := false
	steps := [...]int{0, 1, -1, 2, -2, 3, -3}
	if known := r.version(g); known > 0 && math.Abs(float64(known)-v0) < 1+0.3*v0 { // it is written there
		best, tried = r.locate(g, known)
	}
	for _, step := range steps {
		v := int(math.Round(v0)) + step
		if tried && best.score >= goodScore && best.version >= versionKnown || v < minVersion || v > maxVersion || math.Abs(float64(v)-v0) > reach {
			continue
		}
		p, ok := r.locate(g, v)
		if ok && (!tried || p.score > best.score) {
			best, tried = p, true
		}
	}
	least := goodBeside
	if g.guessed != nil {
		least = guessedBeside
	}
	if !tried || best.beside < least-besideGain {
		return Found{}, false
	}
	if best.score >= plainScore {
		if f, ok := r.readPlain(&best, g.light); ok {
			return f, true
		}
	}
	r.refine(&best, g.light, false)
	if best.score < goodScore || best.beside < least {
		return Found{}, false
	}
	if f, ok := r.read(&best, g.light); ok || r.Work < 0 || r.deep >= maxDeep {
		return f, ok
	}
	r.deep++
	bent := best
	if r.refine(&bent, g.light, true); bent.score >= best.score+bentGain {
		if f, ok := r.readAgain(&bent, g.light); ok {
			return f, true
		}
		best = bent
	}
	if !r.focus(&best, g.light) {
		return Found{}, false
	}
	return r.readAgain(&best, g.light)
}

// versionKnown is the first version that has version information.
const versionKnown = 7

// version reads the version information beside the finder patterns (section 7.10), which lie so near that the steps of these lead there. It returns 0 where there is none.
func (r *Reader) version(g *legs) int {
	for i, f := range [...]*luma.Finder{g.tr, g.bl} {
		step, off := g.atTR, luma.Point{X: -7, Y: -3}
		if i == 1 {
			step, off = g.atBL, luma.Point{X: -3, Y: -7}
		}
		l, scale := r.levelFor(math.Sqrt(math.Abs(step[0].Cross(step[1]))))
		v := readVersion(func(x, y int) bool {
			p := f.Center.Add(step[0].Mul(float64(x) + off.X)).Add(step[1].Mul(float64(y) + off.Y))
			return (l.At(p.X/scale, p.Y/scale) < f.T) != g.light
		}, 11, i == 1)
		if r.Work -= 18; v > 0 {
			return v
		}
	}
	return 0
}

// measure finds the module sizes along both legs and compares them.
func (r *Reader) measure(g *legs) bool {
	u, v := g.tr.Center.Sub(g.tl.Center), g.bl.Center.Sub(g.tl.Center)
	u, v = u.Mul(1/u.Len()), v.Mul(1/v.Len())
	g.mTop, g.mRight = r.moduleAlong(g.tl, u), r.moduleAlong(g.tr, u)
	g.mLeft, g.mDown = r.moduleAlong(g.tl, v), r.moduleAlong(g.bl, v)
	least, most := min(g.mTop, g.mRight, g.mLeft, g.mDown), max(g.mTop, g.mRight, g.mLeft, g.mDown)
	return least > 0 && most < maxMeasuredRatio*least
}

// finders3 correlates each of the three finder patterns with the picture along the directions that the triple gives: patterns of one symbol
// are turned alike, but for the perspective.
func (r *Reader) finders3(g *legs) bool {
	tl, tr, bl := g.tl.Center, g.tr.Center, g.bl.Center
	br := g.fourth()
	unit := func(a, b luma.Point) luma.Point { d := b.Sub(a); return d.Mul(1 / d.Len()) }
	sum := 0.0
	for _, f := range [...]struct {
		f    *luma.Finder
		u, v luma.Point
		x, y float64 // sizes where they were measured, or 0, and what they are if they cannot be
		z    float64
	}{
		{g.tl, unit(tl, tr), unit(tl, bl), g.mTop, g.mLeft, 0},
		{g.tr, unit(tl, tr), unit(tr, br), g.mRight, 0, g.mLeft * g.mRight / g.mTop},
		{g.bl, unit(bl, br), unit(tl, bl), 0, g.mDown, g.mTop * g.mDown / g.mLeft},
	} {
		if f.x == 0 {
			if f.x = r.moduleAlong(f.f, f.u); f.x == 0 {
				f.x = f.z
			}
		}
		if f.y == 0 {
			if f.y = r.moduleAlong(f.f, f.v); f.y == 0 {
				f.y = f.z
			}
		}
		u, v := f.u.Mul(f.x), f.v.Mul(f.y)
		c := goodFinder
		if f.f != g.guessed {
			if c = r.finderAt(f.f, u, v, g.light); c < minFinder {
				return false
			}
		}
		switch f.f {
		case g.tr:
			g.atTR = [2]luma.Point{u, v}
		case g.bl:
			g.atBL = [2]luma.Point{u, v}
		}
		sum += c
	}
	return sum > 3*goodFinder
}

// flat and fourth estimate where the centre of a fourth finder pattern would be: without perspective, and with that which the modules' sizes tell. The scale of a
// plane in perspective falls with the square of the depth, so the roots of the sizes are the weights of the corners.
func (g *legs) flat() luma.Point { return g.tr.Center.Add(g.bl.Center).Sub(g.tl.Center) }

func (g *legs) fourth() luma.Point {
	wt, wl := math.Sqrt(g.mTop/g.mRight), math.Sqrt(g.mLeft/g.mDown)
	if w := wt + wl - 1; w > 0.3 {
		return g.tr.Center.Mul(wt).Add(g.bl.Center.Mul(wl)).Sub(g.tl.Center).Mul(1 / w)
	}
	return g.flat()
}

// finderAt correlates the 7x7 modules of a finder pattern with the picture; u and v lead from module to module. What designers like to put in its place counts as
// well: a disc in a ring.
func (r *Reader) finderAt(f *luma.Finder, u, v luma.Point, light bool) float64 {
	l, scale := r.levelFor(math.Sqrt(math.Abs(u.Cross(v))))
	c := f.Center.Mul(1 / scale)
	u, v = u.Mul(1/scale), v.Mul(1/scale)
	var sum, dark, disc, squares int
	for y := -3; y <= 3; y++ {
		for x := -3; x <= 3; x++ {
			p := c.Add(u.Mul(float64(x))).Add(v.Mul(float64(y)))
			s := l.At(p.X, p.Y) >> 4
			sum += s
			squares += s * s
			if max(x, -x, y, -y) != 2 {
				dark += s
			}
			if d := x*x + y*y; d <= 2 || d >= 8 && d <= 10 {
				disc += s
			}
		}
	}
	r.Work -= 49
	return max(correlation(49, 33, sum, dark, squares, light), correlation(49, 25, sum, disc, squares, light))
}

// levelFor returns the level on which modules of the given size are at least two pixels and a half wide, and its scale.
func (r *Reader) levelFor(module float64) (*luma.Level, float64) {
	i := 0
	for i+1 < len(r.look.Levels) && module/r.look.Levels[i].Scale >= 5 {
		i++
	}
	return r.look.Levels[i], r.look.Levels[i].Scale
}

// locate finds the best place for one version.
func (r *Reader) locate(g *legs, version int) (best place, ok bool) {
	r.marks.set(version)
	p := place{version: version, tl: g.tl.Center, tr: g.tr.Center, bl: g.bl.Center, guessed: g.guessed != nil}
	for _, br := range [...]luma.Point{g.flat(), g.fourth()} {
		p.br = br
		if !p.setH() {
			continue
		}
		r.consider(&p, g.light, &best, &ok)
		if version >= 2 && p.timing >= minTiming {
			r.alignBR(&p, g.light, &best, &ok)
		}
	}
	return best, ok && best.score >= minScore
}

// consider scores p and keeps it if it is the best.
func (r *Reader) consider(p *place, light bool, best *place, ok *bool) {
	r.agree(p, light)
	if !*ok || p.score > best.score {
		*best, *ok = *p, true
	}
}
