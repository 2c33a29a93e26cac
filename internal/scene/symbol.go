package scene

// This file draws plates: it takes samples within each pixel back to the plate
// and asks what is there.

import "math"

// Materials that a sample may meet. A code's covers follow from matCover on.
const (
	matNone = iota
	matLight
	matDark
	matCase
	matCover
)

const maxCover = 8 // covers of one code that are drawn

// plateSampler answers what a plate shows at a point.
type plateSampler struct {
	plate
	code   *Code
	mw, mh float64 // the symbol's size in modules
	quiet  float64
	rim    float64 // width of a phone's case around the display
	wear   *fractal
	colors [matCover + maxCover]Color // in linear light
	plain  bool                       // every module is one even square
	upper  []place                    // what the pixel corners above and below a row show
	lower  []place
}

func newPlateSampler(c *Code, s *Scene, lin *tone, wear *fractal) (plateSampler, Placed) {
	p := plateSampler{plate: newPlate(c, s), code: c, mw: float64(c.Matrix.W), mh: float64(c.Matrix.H), wear: wear}
	switch {
	case c.Quiet == 0:
		p.quiet = 4
	case c.Quiet > 0:
		p.quiet = c.Quiet
	}
	if c.Phone.Pitch > 0 {
		p.rim = 0.1 * max(p.mw, p.mh)
	}
	dark, light := c.Dark, c.Light
	if dark == (Color{}) {
		dark = Gray(20)
	}
	if light == (Color{}) {
		light = Gray(235)
	}
	if c.Inverted {
		dark, light = light, dark
	}
	p.colors[matLight], p.colors[matDark] = lin.color(light), lin.color(dark)
	p.colors[matCase] = lin.color(Color{16, 17, 20})
	for i := range min(len(c.Cover), maxCover) {
		p.colors[matCover+i] = lin.color(c.Cover[i].Color)
	}
	p.plain = c.Ink == 0 && !c.Dots && c.Wear == 0 && len(c.Cover) == 0
	return p, p.placed(c, s)
}

// place is a point of the plate, in modules from the symbol's top left.
type place struct {
	u, v float64
	ok   bool // the plate is seen there
}

// at returns the material at a point, in modules from the symbol's top left.
func (p *plateSampler) at(u, v float64) int {
	edge := p.quiet + p.rim
	if u < -edge || v < -edge || u > p.mw+edge || v > p.mh+edge {
		return matNone
	}
	for i := range min(len(p.code.Cover), maxCover) {
		c := &p.code.Cover[i]
		dx, dy := (u/p.mw-c.X)/c.W*2, (v/p.mh-c.Y)/c.H*2
		if dx*dx+dy*dy < 1 {
			return matCover + i
		}
	}
	if u < -p.quiet || v < -p.quiet || u > p.mw+p.quiet || v > p.mh+p.quiet {
		return matCase
	}
	if !p.inked(u, v) {
		return matLight
	}
	if p.code.Wear > 0 && p.wear.at(u*9, v*9) < p.code.Wear {
		return matLight
	}
	return matDark
}

// inked reports whether there is ink at a point.
func (p *plateSampler) inked(u, v float64) bool {
	m := &p.code.Matrix
	x, y := int(math.Floor(u)), int(math.Floor(v))
	if p.code.Dots {
		du, dv, r := u-float64(x)-0.5, v-float64(y)-0.5, 0.45+p.code.Ink
		return m.At(x, y) && du*du+dv*dv < r*r
	}
	ink := p.code.Ink
	if ink == 0 {
		return m.At(x, y)
	}
	near := math.Abs(ink)
	x0, x1 := int(math.Floor(u-near)), int(math.Floor(u+near))
	y0, y1 := int(math.Floor(v-near)), int(math.Floor(v+near))
	if ink > 0 {
		return m.At(x0, y0) || m.At(x1, y0) || m.At(x0, y1) || m.At(x1, y1)
	}
	return m.At(x0, y0) && m.At(x1, y0) && m.At(x0, y1) && m.At(x1, y1)
}

// even reports whether a whole pixel, given by its corners, lies within one
// module or one such square of the quiet zone, so that one sample is as good
// as many.
func (p *plateSampler) even(a, b, c, d place) bool {
	u, v := math.Floor(a.u), math.Floor(a.v)
	if !p.plain || u < -p.quiet || v < -p.quiet || u+1 > p.mw+p.quiet || v+1 > p.mh+p.quiet {
		return false
	}
	within := func(q place) bool { return q.u >= u && q.v >= v && q.u < u+1 && q.v < v+1 }
	return within(b) && within(c) && within(d)
}

// off reports whether a pixel lies wholly to one side of the plate.
func (p *plateSampler) off(a, b, c, d place) bool {
	edge := p.quiet + p.rim
	return max(a.u, b.u, c.u, d.u) < -edge || min(a.u, b.u, c.u, d.u) > p.mw+edge ||
		max(a.v, b.v, c.v, d.v) < -edge || min(a.v, b.v, c.v, d.v) > p.mh+edge
}

// box is the part of the frame that the plate may touch.
func (p *plateSampler) box(w, h int) (x0, y0, x1, y1 int) {
	const steps = 16
	edge := p.quiet + p.rim
	fx0, fy0, fx1, fy1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for j := range steps + 1 {
		for i := range steps + 1 {
			u := (float64(i)/steps - 0.5) * (p.mw + 2*edge)
			v := (float64(j)/steps - 0.5) * (p.mh + 2*edge)
			q, ok := p.project(u, v)
			if !ok {
				return 0, 0, w, h
			}
			fx0, fy0, fx1, fy1 = min(fx0, q.X), min(fy0, q.Y), max(fx1, q.X), max(fy1, q.Y)
		}
	}
	limit := func(f float64, top int) int { return int(min(max(f, 0), float64(top))) }
	return limit(fx0-2, w), limit(fy0-2, h), limit(fx1+3, w), limit(fy1+3, h)
}

// draw lays the plate over the canvas.
func (p *plateSampler) draw(c *canvas, grid int) {
	x0, y0, x1, y1 := p.box(c.w, c.h)
	p.upper, p.lower = make([]place, x1-x0+1), make([]place, x1-x0+1)
	p.trace(p.lower, x0, y0)
	var count [matCover + maxCover]int
	for y := y0; y < y1; y++ {
		p.upper, p.lower = p.lower, p.upper
		p.trace(p.lower, x0, y+1)
		for x := x0; x < x1; x++ {
			k := x - x0
			nw, ne, sw, se := p.upper[k], p.upper[k+1], p.lower[k], p.lower[k+1]
			whole := nw.ok && ne.ok && sw.ok && se.ok
			if whole && p.off(nw, ne, sw, se) {
				continue
			}
			clear(count[:])
			total := grid * grid
			switch {
			case whole && p.even(nw, ne, sw, se):
				total = 1
				count[p.at(nw.u, nw.v)] = 1
			case whole:
				p.between(nw, ne, sw, se, grid, &count)
			default:
				p.samples(x, y, grid, &count)
			}
			if count[matNone] < total {
				p.blend(c, y*c.w+x, (nw.u+se.u)/2, (nw.v+se.v)/2, &count, total)
			}
		}
	}
}

// trace takes the pixel corners of a row to the plate.
func (p *plateSampler) trace(row []place, x0, y int) {
	for i := range row {
		u, v, ok := p.unproject(float64(x0+i), float64(y))
		row[i] = place{u + p.mw/2, v + p.mh/2, ok}
	}
}

// between samples a pixel whose corners all lie on the plate. Over one pixel
// the plate is as good as bilinear.
func (p *plateSampler) between(a, b, c, d place, grid int, count *[matCover + maxCover]int) {
	step := 1 / float64(grid)
	for j := range grid {
		t := (float64(j) + 0.5) * step
		lu, lv := a.u+(c.u-a.u)*t, a.v+(c.v-a.v)*t
		ru, rv := b.u+(d.u-b.u)*t, b.v+(d.v-b.v)*t
		for i := range grid {
			s := (float64(i) + 0.5) * step
			count[p.at(lu+(ru-lu)*s, lv+(rv-lv)*s)]++
		}
	}
}

// samples samples a pixel at the edge of what is seen.
func (p *plateSampler) samples(x, y, grid int, count *[matCover + maxCover]int) {
	step := 1 / float64(grid)
	for j := range grid {
		for i := range grid {
			u, v, ok := p.unproject(float64(x)+(float64(i)+0.5)*step, float64(y)+(float64(j)+0.5)*step)
			if !ok {
				count[matNone]++
				continue
			}
			count[p.at(u+p.mw/2, v+p.mh/2)]++
		}
	}
}

// blend mixes what the samples of a pixel met, and lets a display's lattice
// act on what shines.
func (p *plateSampler) blend(c *canvas, i int, u, v float64, count *[matCover + maxCover]int, total int) {
	var sum Color
	for m := matLight; m < len(count); m++ {
		if n := float64(count[m]); n > 0 {
			sum.R, sum.G, sum.B = sum.R+n*p.colors[m].R, sum.G+n*p.colors[m].G, sum.B+n*p.colors[m].B
		}
	}
	if p.rim > 0 && count[matCase]+count[matNone] == 0 {
		sum = p.lattice(sum, u, v, len(c.ch))
	}
	c.set(i, sum, 1/float32(total), float32(count[matNone])/float32(total))
}

// lattice is the pixel lattice of a display. A sensor samples it at points
// rather than over areas, since a photosite is smaller than its pitch: so the
// sum frequency folds back as moiré, with a phase of its own for each colour.
func (p *plateSampler) lattice(c Color, u, v float64, channels int) Color {
	depth := p.code.Phone.Contrast
	if depth == 0 {
		depth = 0.25
	}
	turn := 2 * math.Pi * p.code.Phone.Pitch
	rows := 1 - depth/2*(1+math.Cos(turn*v))
	if channels == 1 {
		f := rows * (1 - depth/2*(1+math.Cos(turn*u)))
		return Color{c.R * f, c.G * f, c.B * f}
	}
	stripe := func(third float64) float64 { return rows * (1 - depth/2*(1+math.Cos(turn*u+third*2*math.Pi/3))) }
	return Color{c.R * stripe(-1), c.G * stripe(0), c.B * stripe(1)}
}
