package aztec

import (
	"math"

	"citygate/scanner/luma"
)

// This file implements fitting: from a bullseye to the orientation and the format of a symbol, and its corners, by the correlation of the known modules with the
// picture: bullseye, orientation marks, mode message, reference grid.

// place is a hypothesis: where the symbol's middle square of side 2*radius modules lies, upright.
type place struct {
	kind
	radius float64   // modules from the middle to the sides of quad
	quad   luma.Quad // clockwise from the symbol's own top left
	h      luma.Homography
	score  float64
}

func (p *place) setH() bool {
	if !p.quad.Convex() && !(luma.Quad{p.quad[0], p.quad[3], p.quad[2], p.quad[1]}).Convex() {
		return false
	}
	var ok bool
	p.h, ok = luma.Map(luma.Rect(-p.radius, -p.radius, p.radius, p.radius), p.quad)
	return ok
}

// grow expresses the place by corners farther out, without changing it.
func (p *place) grow(radius float64) bool {
	for i, c := range luma.Rect(-radius, -radius, radius, radius) {
		p.quad[i] = p.h.At(c)
	}
	p.radius = radius
	return p.setH()
}

// module returns the size of a module in the middle.
func (p *place) module() float64 {
	area := math.Abs(p.quad[2].Sub(p.quad[0]).Cross(p.quad[3].Sub(p.quad[1]))) / 2
	return math.Sqrt(area) / (2 * p.radius)
}

// levelFor returns the level on which modules of the given size are at least two pixels and a half wide, and its scale.
func (r *Reader) levelFor(module float64) (*luma.Level, float64) {
	i := 0
	for i+1 < len(r.look.Levels) && module/r.look.Levels[i].Scale >= 5 {
		i++
	}
	return r.look.Levels[i], r.look.Levels[i].Scale
}

// agreement correlates the known modules up to reach modules from the middle with the picture.
func (r *Reader) agreement(p *place, reach int, light bool) float64 {
	l, scale := r.levelFor(p.module())
	var n, nd, sum, dark, squares int
	for dy := -reach; dy <= reach; dy++ {
		for dx := -reach; dx <= reach; dx++ {
			want, ok := p.known(dx, dy)
			if !ok {
				continue
			}
			q := p.h.At(luma.Point{X: float64(dx), Y: float64(dy)})
			v := l.At(q.X/scale, q.Y/scale) >> 4
			n++
			sum += v
			squares += v * v
			if want {
				nd++
				dark += v
			}
		}
	}
	r.Work -= n
	mean := float64(sum) / float64(n)
	variance := float64(squares)/float64(n) - mean*mean
	if variance < 9*256 || nd == 0 || nd == n {
		return 0
	}
	nl := n - nd
	c := (float64(sum-dark)/float64(nl) - float64(dark)/float64(nd)) / math.Sqrt(variance) * math.Sqrt(float64(nd)*float64(nl)) / float64(n)
	if light {
		return -c
	}
	return c
}

// refine moves the corners, one direction at a time, as long as the score rises: the agreement of the known modules up to reach, or the clarity where reach is
// 0. first is the first step in modules.
func (r *Reader) refine(p *place, first float64, reach int, light bool) {
	m := p.module()
	p.score = r.score(p, reach, light)
	for step := first; step > 0.06; step /= 2 {
		for round := 0; round < 3; round++ {
			better := false
			for corner := range 4 {
				for _, d := range [...]luma.Point{{X: 1}, {X: -1}, {Y: 1}, {Y: -1}} {
					q := *p
					q.quad[corner] = q.quad[corner].Add(d.Mul(step * m))
					if !q.setH() {
						continue
					}
					if q.score = r.score(&q, reach, light); q.score > p.score+1e-4 {
						*p, better = q, true
					}
				}
			}
			if !better || r.Work < 0 {
				break
			}
		}
	}
}

func (r *Reader) score(p *place, reach int, light bool) float64 {
	if reach == 0 {
		return r.clarity(p, light)
	}
	return r.agreement(p, reach, light)
}

const minAgreement = 0.62 // of bullseye and orientation marks

// orient finds the orientation, the format and the mode of a bullseye: of the eight ways to lay a symbol over it, mirrored ones included, and both formats, the
// one whose orientation marks agree best and whose mode message is right.
func (r *Reader) orient(e *bullseye) (best place, m mode, ok bool) {
	for _, compact := range [...]bool{true, false} {
		for turn := range 8 {
			p := place{kind: kind{compact: compact}, radius: 3.5}
			for i := range p.quad {
				k := (turn + i) % 4
				if turn >= 4 {
					k = (turn - i + 8) % 4
				}
				p.quad[i] = e.quad[k]
			}
			if !p.setH() {
				continue
			}
			p.score = r.agreement(&p, p.core(), e.light)
			if p.score < minAgreement*0.8 || (ok && p.score < best.score-0.1) {
				continue
			}
			if !p.grow(float64(p.core()) + 0.5) {
				continue
			}
			r.refine(&p, 0.25, p.core(), e.light)
			if p.score < minAgreement || (ok && p.score < best.score) {
				continue
			}
			if found, good := r.readMode(&p, e.light); good {
				best, m, ok = p, found, true
			}
		}
	}
	return best, m, ok
}

// readMode samples the mode message against the middle between dark and light of the bullseye.
func (r *Reader) readMode(p *place, light bool) (mode, bool) {
	l, scale := r.levelFor(p.module())
	var sum, n [2]int
	at := func(dx, dy int) int {
		q := p.h.At(luma.Point{X: float64(dx), Y: float64(dy)})
		return l.At(q.X/scale, q.Y/scale)
	}
	c := p.core()
	for dy := -c; dy <= c; dy++ {
		for dx := -c; dx <= c; dx++ {
			if dark, ok := p.known(dx, dy); ok {
				k := 0
				if dark {
					k = 1
				}
				sum[k], n[k] = sum[k]+at(dx, dy), n[k]+1
			}
		}
	}
	t := (sum[0]/n[0] + sum[1]/n[1]) / 2
	r.Work -= 4 * c * c
	return readMode(r.decoder.mode, p.compact, p.message(func(dx, dy int) bool { return (at(dx, dy) < t) != light }))
}
