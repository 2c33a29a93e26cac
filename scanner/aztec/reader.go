package aztec

import (
	"citygate/scanner/luma"
)

// This file joins the stages: a look at a frame in, symbols and their places out.

// Found is a symbol that was read and where it is, in pixels of the look's finest level: clockwise from the symbol's own top left corner.
type Found struct {
	Symbol
	Light   bool // light modules on a dark ground
	Corners luma.Quad
}

// Reader finds and reads symbols. It keeps its working memory, so it is not safe for concurrent use.
type Reader struct {
	// Work is how many pixels may still be sampled; it goes down, and below zero nothing more is tried.
	Work int

	look    *luma.Look
	eyes    []bullseye
	grid    luma.Grid
	decoder *Decoder
	found   []Found
}

// NewReader returns a Reader.
func NewReader() *Reader { return &Reader{decoder: NewDecoder()} }

// Read returns the symbols whose bullseyes are among the hits of a look. The result is valid until the next call.
func (r *Reader) Read(look *luma.Look) []Found {
	r.look, r.found = look, r.found[:0]
	r.find()
	for i := range r.eyes {
		if r.Work < 0 {
			break
		}
		before, n := r.Work, len(r.found)
		r.try(&r.eyes[i])
		if len(r.found) > n {
			r.Work = before // only what was in vain counts
		}
	}
	return r.found
}

// try reads the symbol around a bullseye. A bullseye of a dark middle is that of dark modules on a light ground.
func (r *Reader) try(e *bullseye) {
	p, m, ok := r.orient(e)
	if !ok {
		r.traceEye(e)
		return
	}
	if m.rune >= 0 {
		p.kind = m.kind
		r.keep(&p, runeSymbol(m.rune), e.light)
		return
	}
	p.kind = m.kind
	r.expand(&p, e.light)
	for round := range 2 {
		if round == 1 { // nothing is known of the outer layers but that their modules are either dark or light
			r.refine(&p, 0.5, 0, e.light)
		}
		r.sample(&p)
		for _, a := range attempts {
			s := Modules{Side: p.side(), V: r.grid.JudgeWithin(a.alpha, a.around, e.light)}
			r.Work -= 8 * s.Side * s.Side
			r.decoder.Erasures = a.erasures
			if s, ok := r.decoder.symbol(&s, m); ok {
				r.keep(&p, s, e.light)
				r.tracePlace(&p, luma.FateRead, e.light)
				return
			}
		}
	}
	r.tracePlace(&p, "error correction fails", e.light)
}

// attempts are the strengths of sharpening, in 1/256, and the surroundings, in modules, with which a sampled symbol is judged, and whether erasures are tried.
var attempts = [...]struct {
	alpha    int32
	around   int
	erasures bool
}{{24, luma.Around, false}, {0, luma.Around, false}, {70, luma.Around, false}, {24, 2, false}, {24, luma.Around, true}}

// expand moves the place's corners out to the symbol's, step by step, each time fitted to as much of the reference grid as it covers.
func (r *Reader) expand(p *place, light bool) {
	half := p.side() / 2
	for reach := p.core(); reach < half; {
		reach = min(reach+max(4, reach/3), half)
		if !p.grow(float64(reach)+0.5) || p.compact {
			continue
		}
		r.refine(p, 0.5, reach, light)
	}
	p.grow(float64(half) + 0.5)
}

// clarity is how far the modules are from the middle between dark and light, the mean over the symbol: it is greatest where each sample lies within a module.
func (r *Reader) clarity(p *place, light bool) float64 {
	r.sample(p)
	sum := 0
	for _, v := range r.grid.Judge(0, light) {
		sum += max(int(v), -int(v))
	}
	r.Work -= 4 * len(r.grid.Gray)
	return float64(sum) / float64(len(r.grid.Gray)) / 64
}

// sample fills the grid with the gray of each module.
func (r *Reader) sample(p *place) {
	n := p.side()
	r.grid.Resize(n, n)
	l, scale := r.levelFor(p.module())
	for y := range n {
		for x := range n {
			c := luma.Point{X: float64(x - n/2), Y: float64(y - n/2)}
			at := p.h.At(c)
			u, v := p.h.At(luma.Point{X: c.X + 0.2, Y: c.Y}).Sub(at), p.h.At(luma.Point{X: c.X, Y: c.Y + 0.2}).Sub(at)
			r.grid.Gray[y*n+x] = int32(l.Patch(at.Mul(1/scale), u.Mul(1/scale), v.Mul(1/scale)))
		}
	}
	r.Work -= 6 * n * n
}

func (r *Reader) keep(p *place, s Symbol, light bool) {
	f := Found{Symbol: s, Light: light}
	half := float64(p.side()) / 2
	for i, c := range luma.Rect(-half, -half, half, half) {
		f.Corners[i] = p.h.At(c)
	}
	f.Mirrored = !f.Corners.Convex()
	r.found = append(r.found, f)
}
