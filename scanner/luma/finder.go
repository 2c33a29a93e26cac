package luma

import "math"

// This file implements concentric patterns: a hit of the row scan is cut again across, along and on both diagonals. A line through the centre of
// concentric squares cuts them in the ratios of the pattern whatever the tilt, so the same test holds for all four, and the middles of the cuts
// give the centre to a fraction of a pixel.

// Finder is a pattern of a dark square in a light ring in a dark ring, 3, 5 and 7 modules wide, or the same with dark and light exchanged. Its place
// and size are those on the finest level.
type Finder struct {
	Center Point
	Module float64 // size of a module in pixels, as cut along the axes of the picture
	Light  bool    // the middle is light
	Hits   int     // rows of the scan in which it was seen
	Clean  float64 // share of eight lines through the centre that cut it in the right ratios
	Level  int     // index of the level on which it was found
	T      int     // the threshold between its dark and light, in 1/256 gray levels
	// Blurred tells that it shows only in a sharpened picture. Then Widths are those of the whole pattern along lines through the centre, from the horizontal one on
	// clockwise, 0 where it was not cut.
	Blurred bool
	Widths  [16]float64
}

// Finders collects the concentric patterns of a look.
type Finders struct {
	Found []Finder
	// Work is how many pixels may still be sampled; it goes down. Counted, not timed, so that the same frame always gives the same result.
	Work int

	hits  []Hit // of the sharpened level
	sharp Level // a sharpened patch
}

const (
	maxFinders   = 400
	sameFinder   = 1.6 // modules between the centres of what is one pattern
	rayTolerance = 0.55
	openShare    = 8 // part of the work for hits without a quiet zone
)

// Collect verifies the hits of all levels, finest first. Open ones come last and have a share of the work: texture has many.
func (c *Finders) Collect(k *Look) {
	c.Found = c.Found[:0]
	c.collect(k, false)
	rest := c.Work - c.Work/openShare
	c.Work -= rest
	c.collect(k, true)
	c.Work = max(c.Work, 0) + rest
}

func (c *Finders) collect(k *Look, open bool) {
	for i, l := range k.Levels {
		for j := range l.Hits {
			if h := &l.Hits[j]; h.Open == open && !h.Bullseye && c.Work > 0 && len(c.Found) < maxFinders {
				c.verify(l, i, h)
			}
		}
	}
}

// verify adds the finder that h cuts, if it does.
func (c *Finders) verify(l *Level, index int, h *Hit) {
	t := l.Thresholds.At(int(h.X), int(h.Y)) << 8
	c.Work -= 2
	if t == 0 || !l.upright(h, t, &c.Work) {
		return
	}
	p := Point{h.X * l.Scale, h.Y * l.Scale}
	size := h.Width * l.Scale / 7
	for i := range c.Found {
		f := &c.Found[i]
		if d := f.Center.Sub(p); f.Light == h.Light && math.Abs(d.X)+math.Abs(d.Y) < sameFinder*f.Module && size < 2*f.Module && f.Module < 2*size {
			f.Hits++
			return
		}
	}
	f, ok := l.concentric(Point{h.X, h.Y}, h.Width, t, h.Light, &c.Work)
	if !ok {
		return
	}
	f.Center, f.Module, f.Hits, f.Level = f.Center.Mul(l.Scale), f.Module*l.Scale, 1, index
	for i := range c.Found {
		g := &c.Found[i]
		if d := g.Center.Sub(f.Center); g.Light == f.Light && math.Abs(d.X)+math.Abs(d.Y) < sameFinder*g.Module && f.Module < 2*g.Module && g.Module < 2*f.Module {
			g.Hits++
			return
		}
	}
	c.Found = append(c.Found, f)
}

// upright walks the pixel column through the hit: five runs of about 1:1:3:1:1 have to be there, from a fifth of the hit's width to thrice it, of which one outer one
// may be longer. This whole-pixel test is what most hits fail.
func (l *Level) upright(h *Hit, t int, work *int) bool {
	x, y, limit := int(h.X), int(h.Y), int(h.Width*1.5)
	up, n1 := l.column(x, y, -1, t>>8, h.Light, limit)
	*work -= n1 / 2
	if up[1] == 0 {
		return false
	}
	down, n2 := l.column(x, y, 1, t>>8, h.Light, limit)
	*work -= n2 / 2
	if down[1] == 0 {
		return false
	}
	core := up[0] + down[0] - 1
	if w := core + up[1] + down[1]; up[2] != down[2] && max(up[2], down[2])*10 > 3*w && w >= minOpen { // the longer one is open
		up[2], down[2] = min(up[2], w/5), min(down[2], w/5)
	}
	total := core + up[1] + up[2] + down[1] + down[2]
	v := total*2/3 + 10 // sevenths of a module of tolerance, a pixel and a half of it for rounding
	return abs(7*core-3*total) < 2*v && abs(7*up[1]-total) < v && abs(7*up[2]-total) < v && abs(7*down[1]-total) < v && abs(7*down[2]-total) < v
}

// column returns the lengths of three runs from (x, y) up or down, and the pixels walked. The walk ends with the picture, or after limit pixels, and a run with it.
func (l *Level) column(x, y, step, t int, light bool, limit int) (runs [3]int, n int) {
	o := y*l.Stride + x
	end := l.H - y
	if step < 0 {
		end = y + 1
	}
	end = min(end, limit)
	start, run := 0, 0
	for n = 0; n < end; n, o = n+1, o+step*l.Stride {
		if (int(l.Pix[o]) >= t) != light {
			if runs[run] = n - start; run == 2 {
				return runs, n
			}
			run, start, light = run+1, n, !light
		}
	}
	if run == 2 {
		runs[2] = n - start
	}
	return runs, n
}

// ray walks from a place in a direction and finds where the picture crosses a threshold.
type ray struct {
	m      *Image
	p, dir Point   // dir is of length 1
	t      int     // in 1/256 gray levels
	step   float64 // pixels between samples
	d      float64 // how far the last sample is from p
	last   int     // the last sample less t
}

// start puts the ray at p; it fails where p is not on that side of t.
func (r *ray) start(light bool) bool {
	r.d, r.last = 0, r.m.At(r.p.X, r.p.Y)-r.t
	return r.last >= 0 == light
}

// next returns the distance from p of the next crossing, interpolated. It ends limit behind the last one.
func (r *ray) next(limit float64, work *int) (edge float64, ok bool) {
	m, p, dir, t, step, d, last := r.m, r.p, r.dir, r.t, r.step, r.d, r.last
	end, n := d+limit, 0
	for d += step; d <= end; d += step {
		n++
		v := m.At(p.X+d*dir.X, p.Y+d*dir.Y) - t
		if (v < 0) != (last < 0) {
			r.d, r.last = d, v
			*work -= n
			return d - step*float64(v)/float64(v-last), true
		}
		last = v
	}
	*work -= n + 1
	return 0, false
}

// Ray walks from p in the direction of the unit vector dir and stores the distances at which the picture crosses t (in 1/256), interpolated,
// until all of edges are set. It returns how many it found; it ends where a run is longer than the limit. light tells on which side of t it starts; where p is
// not, there are none.
func (m *Image) Ray(p, dir Point, t int, light bool, step, limit float64, edges []float64, work *int) int {
	r := ray{m: m, p: p, dir: dir, t: t, step: step}
	if !r.start(light) {
		return 0
	}
	for n := range edges {
		e, ok := r.next(limit, work)
		if !ok {
			return n
		}
		edges[n] = e
	}
	return len(edges)
}

// cut measures a line through p in both directions: the five runs have to be 1:1:3:1:1. It returns the whole width and how far the pattern's
// middle lies from p along dir. No run may be longer than limit, but for one of the outer ones: there the pattern is open, without a quiet zone.
func (l *Level) cut(p, dir Point, t int, light bool, width, limit float64, work *int) (c line, ok bool) {
	step := min(max(width/21, 0.5), 1.5)
	ra, rb := ray{m: &l.Image, p: p, dir: dir, t: t, step: step}, ray{m: &l.Image, p: p, dir: dir.Mul(-1), t: t, step: step}
	if !ra.start(light) || !rb.start(light) {
		return c, false
	}
	var a, b [3]float64
	for i := range 2 { // both sides in turn: most lines fail at the first runs
		var okA, okB bool
		if a[i], okA = ra.next(limit, work); !okA {
			return c, false
		}
		if b[i], okB = rb.next(limit, work); !okB {
			return c, false
		}
	}
	inner := (a[1] + b[1]) / 5
	if !mayBePattern(a, b, inner) {
		return c, false
	}
	limit = min(limit, openRun*inner+step)
	var closedA, closedB bool
	a[2], closedA = ra.next(limit, work)
	b[2], closedB = rb.next(limit, work)
	openA, openB := !closedA || a[2]-a[1] > openRun*inner, !closedB || b[2]-b[1] > openRun*inner
	switch {
	case openA && openB:
		return c, false
	case openA:
		a[2] = a[1] + inner
	case openB:
		b[2] = b[1] + inner
	}
	c.width = a[2] + b[2]
	m := c.width / 7
	v := m*rayTolerance + 0.5
	if math.Abs(a[2]-a[1]-m) > v || math.Abs(a[1]-a[0]-m) > v || math.Abs(b[2]-b[1]-m) > v || math.Abs(b[1]-b[0]-m) > v ||
		math.Abs(a[0]+b[0]-3*m) > 2*v {
		return c, false
	}
	c.off, c.clean = (a[0]+a[1]+a[2]-b[0]-b[1]-b[2])/6, 1
	if openA || openB {
		c.off, c.clean = (a[0]+a[1]-b[0]-b[1])/4, openLine
	}
	return c, true
}

// mayBePattern reports whether the three inner runs can be those of a pattern, however long its outer ones: with those, a module is between 5/7 and
// (5 + 2 openRun)/7 of a fifth of the inner runs. It spares the walk through the outer runs, and refuses nothing that the test of all five would take.
func mayBePattern(a, b [3]float64, inner float64) bool {
	least, most := inner*5/7, inner*(5+2*openRun)/7
	short, long := least*(1-rayTolerance)-0.5, most*(1+rayTolerance)+0.5
	ringA, ringB, core := a[1]-a[0], b[1]-b[0], a[0]+b[0]
	return ringA >= short && ringA <= long && ringB >= short && ringB <= long &&
		core >= least*(3-2*rayTolerance)-1 && core <= most*(3+2*rayTolerance)+1
}

// line is a cut through a pattern.
type line struct {
	width float64 // of the whole pattern
	off   float64 // of its middle
	clean float64 // 1, or less where it is open
}

const (
	openRun  = 1.9  // modules: a longer outer run is open
	openLine = 0.75 // the share for which an open line counts
)

// slanted are the directions halfway between the axes and the diagonals.
var slanted = [...]Point{{0.9239, 0.3827}, {0.3827, 0.9239}, {-0.3827, 0.9239}, {-0.9239, 0.3827}}

// concentric verifies a pattern around p, about width wide.
func (l *Level) concentric(p Point, width float64, t int, light bool, work *int) (f Finder, ok bool) {
	const d = math.Sqrt2 / 2
	right, down := Point{1, 0}, Point{0, 1}
	high, ok := l.cut(p, down, t, light, width, width, work)
	if !ok || high.width > 3*width || width > 3*high.width {
		return f, false
	}
	p.Y += high.off
	wide, ok := l.cut(p, right, t, light, width, 0.45*width, work)
	if !ok {
		return f, false
	}
	p.X += wide.off
	larger := max(wide.width, high.width)
	d1, ok1 := l.cut(p, Point{d, d}, t, light, larger, 0.45*larger, work)
	d2, ok2 := l.cut(p, Point{d, -d}, t, light, larger, 0.45*larger, work)
	if !ok1 && !ok2 {
		return f, false
	}
	clean := wide.clean + high.clean + max(d1.clean, d2.clean)
	if ok1 && ok2 { // both diagonals place the centre once more
		p = p.Add(Point{(d1.off + d2.off) * d / 2, (d1.off - d2.off) * d / 2})
		clean += min(d1.clean, d2.clean)
	}
	if h, ok := l.cut(p, down, t, light, high.width, 0.45*high.width, work); ok {
		p.Y, high = p.Y+h.off/2, h
	}
	if w, ok := l.cut(p, right, t, light, wide.width, 0.45*wide.width, work); ok {
		p.X, wide = p.X+w.off/2, w
	}
	for _, dir := range slanted {
		if c, ok := l.cut(p, dir, t, light, larger, 0.45*larger, work); ok {
			clean += c.clean
		}
	}
	return Finder{Center: p, Module: (wide.width + high.width) / 14, Light: light, Clean: clean / 8, T: t}, true
}
