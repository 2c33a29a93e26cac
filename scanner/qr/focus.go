package qr

import "citygate/scanner/luma"

// This file implements the last fit of a small symbol, whose far corner only few known modules or none tell of (section 6.3.6: one alignment pattern, or none in
// version 1). Where the grid lies right, modules are dark or light; where it is off, many are gray. So what is sought is the place with the least gray.

const (
	maxFocused = 6    // version; larger ones have a net of alignment patterns
	focusGain  = 1.01 // by how much the modules have to be farther from gray
)

// focus moves the far corner and the bulges of a place that was sampled last as long as its modules get farther from gray. It reports whether that has helped.
func (r *Reader) focus(p *place, light bool) bool {
	if p.version > maxFocused {
		return false
	}
	r.mesh.n = 0
	n := side(p.version)
	r.sample(p)
	r.middle = r.middle[:0]
	for i, s := range r.grid.Judge(0, false) {
		r.middle = append(r.middle, r.grid.Gray[i]+4*int32(s))
	}
	r.Work -= 8 * n * n
	best := r.contrast(p)
	least := best + best*(focusGain-1)
	m := p.module()
	for step := 1.0; step > 0.2; step /= 2 {
		for range 2 {
			better := false
			for i := 7; i >= 3; i-- {
				for _, d := range [...]luma.Point{{X: 1}, {X: -1}, {Y: 1}, {Y: -1}} {
					q := *p
					c := q.handle(i)
					*c = c.Add(d.Mul(step * m))
					if i == 3 && !q.setH() {
						continue
					}
					if s := r.contrast(&q); s > best {
						*p, best, better = q, s, true
					}
				}
			}
			if !better {
				break
			}
		}
	}
	return best > least
}

// contrast returns how far every other module is from the middle between dark and light.
func (r *Reader) contrast(p *place) float64 {
	n := side(p.version)
	l, scale := r.levelFor(p.module())
	k, sum := 1/scale, 0
	for y := range n {
		for x := y & 1; x < n; x += 2 {
			at := p.at(luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5})
			d := l.At(at.X*k, at.Y*k) - int(r.middle[y*n+x])
			sum += max(d, -d)
		}
	}
	r.Work -= n * n
	return float64(sum)
}
