package qr

import (
	"citygate/scanner/luma"
)

// This file implements sampling: the modules' gray over a mesh that the alignment patterns bend, and the attempts to decode them.

// mesh is a grid of displacements, in pixels, at the centres of the alignment patterns.
type mesh struct {
	at    [7]int
	n     int
	moved [49]luma.Point
	known [49]bool
}

// bend finds each alignment pattern near where the place has it and remembers by how much it is off. Where one is not found, its neighbours to the left and above
// tell.
func (r *Reader) bend(p *place, light bool) {
	m := &r.mesh
	m.at, m.n = alignment(p.version)
	for j := range m.n {
		for i := range m.n {
			k := j*m.n + i
			m.moved[k], m.known[k] = luma.Point{}, false
			if (i == 0 && (j == 0 || j == m.n-1)) || (j == 0 && i == m.n-1) {
				m.known[k] = true // a finder pattern is there, which the place fits
				continue
			}
			var guess luma.Point
			near := 0.0
			if i > 0 {
				guess, near = guess.Add(m.moved[k-1]), near+1
			}
			if j > 0 {
				guess, near = guess.Add(m.moved[k-m.n]), near+1
			}
			if i > 0 && j > 0 { // continue the bend: left + above - above left
				guess, near = guess.Sub(m.moved[k-m.n-1]), 1
			} else if i > 1 { // or that of the two before it
				guess = m.moved[k-1].Mul(2).Sub(m.moved[k-2])
			} else if j > 1 {
				guess = m.moved[k-m.n].Mul(2).Sub(m.moved[k-2*m.n])
			}
			guess = guess.Mul(1 / max(near, 1))
			c := luma.Point{X: float64(m.at[i]) + 0.5, Y: float64(m.at[j]) + 0.5}
			at := p.at(c)
			u, v := p.at(c.Add(luma.Point{X: 1})).Sub(at), p.at(c.Add(luma.Point{Y: 1})).Sub(at)
			found, s := r.findPattern(at.Add(guess), u, v, 2, light)
			if s < sureAlignment {
				if wide, better := r.findPattern(at.Add(guess), u, v, 4.5, light); better > s+0.1 {
					found, s = wide, better
				}
			}
			m.moved[k] = guess
			if s > meshAlignment {
				m.moved[k], m.known[k] = found.Sub(at), true
			}
		}
	}
}

// shift returns the displacement at a module: bilinear between the four alignment patterns around it, continued a little outside of them.
func (m *mesh) shift(x, y int) luma.Point {
	if m.n < 2 {
		return luma.Point{}
	}
	a, b := 0, 0
	for a < m.n-2 && x >= m.at[a+1] {
		a++
	}
	for b < m.n-2 && y >= m.at[b+1] {
		b++
	}
	fx := min(max(float64(x-m.at[a])/float64(m.at[a+1]-m.at[a]), -0.25), 1.25)
	fy := min(max(float64(y-m.at[b])/float64(m.at[b+1]-m.at[b]), -0.25), 1.25)
	k := b*m.n + a
	top := m.moved[k].Mul(1 - fx).Add(m.moved[k+1].Mul(fx))
	return top.Mul(1 - fy).Add(m.moved[k+m.n].Mul(1 - fx).Add(m.moved[k+m.n+1].Mul(fx)).Mul(fy))
}

// attempt is the strength of sharpening, in 1/256, and the surroundings, in modules, with which a sampled symbol is judged, and whether erasures are tried.
type attempt struct {
	alpha    int32
	around   int
	erasures bool
}

// attempts are tried in turn, and then those of shadows, in the logarithm of the gray: the edge of a shadow, which takes a share of the light, is a step there that
// leaves the contrast of dark and light as it was.
var (
	attempts = [...]attempt{{30, luma.Around, false}, {0, luma.Around, false}, {76, luma.Around, false}, {30, 2, false}, {30, luma.Around, true}}
	again    = [...]attempt{{30, luma.Around, false}, {30, luma.Around, true}}
	shadows  = [...]attempt{{0, luma.Around, false}, {0, 3, false}, {0, 3, true}, {0, 2, true}}
)

// attempt judges the sampled modules and decodes them.
func (r *Reader) attempt(p *place, a attempt, light bool) (Found, bool) {
	n := side(p.version)
	m := Modules{Side: n, V: r.grid.JudgeWithin(a.alpha, a.around, light)}
	if a.erasures {
		m.V = r.grid.Discount()
	}
	r.Work -= 8 * n * n
	r.decoder.Erasures = a.erasures
	s, ok := r.decoder.Decode(&m)
	if !ok {
		return Found{}, false
	}
	return r.result(p, s, light), true
}

// readPlain samples a place that needs no care and decodes it.
func (r *Reader) readPlain(p *place, light bool) (Found, bool) {
	r.mesh.n = 0
	if p.version >= versionKnown {
		r.bend(p, light)
	}
	r.sample(p)
	return r.attempt(p, attempts[0], light)
}

// read samples a place and decodes it. Where blur hides the alignment patterns, what was taken for them bends the mesh at random, so that is tried straight too.
func (r *Reader) read(p *place, light bool) (Found, bool) {
	r.mesh.n = 0
	if p.version >= 2 {
		r.bend(p, light)
	}
	r.sample(p)
	for _, a := range attempts {
		if f, ok := r.attempt(p, a, light); ok {
			return f, true
		}
	}
	r.miss(p, light)
	r.stage = atModules
	r.tracePlace(p, string(atModules), Symbol{}, light)
	r.grid.Log()
	for _, a := range shadows {
		if f, ok := r.attempt(p, a, light); ok {
			return f, true
		}
	}
	if p.score > clearScore {
		return Found{}, false
	}
	if f, ok := r.readBlurred(p, light); ok || r.mesh.n == 0 {
		return f, ok
	}
	r.mesh.n = 0
	return r.readBlurred(p, light)
}

// readAgain samples a place that was fitted once more and decodes it.
func (r *Reader) readAgain(p *place, light bool) (Found, bool) {
	r.mesh.n = 0
	if p.version >= 2 {
		r.bend(p, light)
	}
	r.sample(p)
	for _, a := range again {
		if f, ok := r.attempt(p, a, light); ok {
			return f, true
		}
	}
	return Found{}, false
}

// readBlurred samples a place and decodes it with blur undone.
func (r *Reader) readBlurred(p *place, light bool) (Found, bool) {
	n := side(p.version)
	for _, spread := range spreads {
		r.sample(p)
		r.grid.Deblur(spread)
		r.Work -= 32 * n * n
		if f, ok := r.attempt(p, attempt{0, luma.Around, true}, light); ok {
			return f, true
		}
	}
	return Found{}, false
}

// clearScore is the agreement of function patterns above which a symbol is not blurred.
const clearScore = 0.93

// spreads are the shares of a module's light, in 1/256, that are taken to fall on each neighbour in a row and a column: blur with a standard deviation of about
// 0.55 and 0.7 modules.
var spreads = [...]int32{44, 62}

// sample fills the grid with the gray of each module.
func (r *Reader) sample(p *place) {
	n := side(p.version)
	r.grid.Resize(n, n)
	l, scale := r.levelFor(p.module())
	k := 1 / scale
	wide := p.module()*k >= 2.2
	for y := range n {
		for x := range n {
			c := luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}
			o := p.at(c)
			at := o.Add(r.mesh.shift(x, y)).Mul(k)
			if !wide {
				r.grid.Gray[y*n+x] = int32(l.At(at.X, at.Y))
				continue
			}
			u, v := p.at(luma.Point{X: c.X + 0.2, Y: c.Y}), p.at(luma.Point{X: c.X, Y: c.Y + 0.2})
			r.grid.Gray[y*n+x] = int32(l.Patch(at, u.Sub(o).Mul(k), v.Sub(o).Mul(k)))
		}
	}
	r.Work -= 6 * n * n
}

// result turns a decoded place into a symbol with its corners. A mirrored symbol's own top right is at the bottom left.
func (r *Reader) result(p *place, s Symbol, light bool) Found {
	n := float64(side(p.version))
	f := Found{Symbol: s, Light: light}
	for i, c := range luma.Rect(0, 0, n, n) {
		f.Corners[i] = p.at(c)
	}
	if s.Mirrored {
		f.Corners[1], f.Corners[3] = f.Corners[3], f.Corners[1]
	}
	r.tracePlace(p, luma.FateRead, s, light)
	return f
}
