package scene

// This file draws the backdrops but the street.

import "math"

// backdrop keeps the last backdrop, with a margin for panning.
type backdrop struct {
	kind     Backdrop
	seed     uint64
	gamma    float64
	art      canvas
	grain    fractal
	prepared bool
}

// copyTo puts the scene's backdrop onto the canvas, drawing it if it is not
// the one that was drawn last.
func (b *backdrop) copyTo(c *canvas, s *Scene, t *tone) {
	w, h := c.w+2*MaxPan, c.h+2*MaxPan
	same := b.prepared && b.kind == s.Backdrop && b.seed == s.BackdropSeed && b.gamma == s.Gamma &&
		b.art.w == w && b.art.h == h && len(b.art.ch) == len(c.ch)
	if !same {
		b.kind, b.seed, b.gamma, b.prepared = s.Backdrop, s.BackdropSeed, s.Gamma, true
		b.art.reshape(w, h, len(c.ch))
		b.draw(t)
	}
	pan := func(f float64) int { return MaxPan - int(math.Round(min(max(f, -MaxPan), MaxPan))) }
	x0, y0 := pan(s.Pan.X), pan(s.Pan.Y)
	for k, plane := range c.ch {
		for y := range c.h {
			copy(plane[y*c.w:(y+1)*c.w], b.art.ch[k][(y+y0)*w+x0:])
		}
	}
}

// draw draws in levels and then turns them into light.
func (b *backdrop) draw(t *tone) {
	rnd := random{state: mix(b.seed ^ 0xbac)}
	c := &b.art
	c.fill(0, 0, c.w, c.h, Gray(150))
	switch b.kind {
	case Street:
		drawStreet(c, &rnd)
		b.roughen(0.18)
	case Wall:
		drawWall(c, &rnd)
		b.roughen(0.3)
	case Page:
		c.fill(0, 0, c.w, c.h, Gray(rnd.in(200, 245)))
		drawText(c, &rnd, 0, 0, c.w, c.h, rnd.in(8, 18), Gray(rnd.in(15, 60)))
		b.roughen(0.06)
	case Checkerboard:
		drawChecks(c, &rnd)
	case Static:
		drawStatic(c, &rnd)
	case Stripes:
		drawStripes(c, &rnd)
	case Finders:
		drawFinders(c, &rnd)
	}
	if t.gamma != 1 {
		toLight(c, t)
	}
}

// roughen lets surfaces reflect unevenly, by at most the given share.
func (b *backdrop) roughen(share float32) {
	b.grain.fill(b.seed ^ 0x6ea1)
	c := &b.art
	for y := range c.h {
		tile := b.grain.tile[y%fractalSide*fractalSide:][:fractalSide]
		fine := b.grain.tile[y*5%fractalSide*fractalSide:][:fractalSide]
		for _, plane := range c.ch {
			row := plane[y*c.w : (y+1)*c.w]
			for x := range row {
				grain := tile[x%fractalSide]*0.6 + fine[x*5%fractalSide]*0.4
				row[x] *= 1 + share*(grain-0.5)*2
			}
		}
	}
}

func toLight(c *canvas, t *tone) {
	var table [256]float32
	for i := range table {
		table[i] = float32(t.light(float64(i)))
	}
	for _, plane := range c.ch {
		for i, v := range plane {
			plane[i] = table[eight(v)]
		}
	}
}

func drawWall(c *canvas, rnd *random) {
	base := Color{rnd.in(110, 200), rnd.in(100, 190), rnd.in(90, 180)}
	c.fill(0, 0, c.w, c.h, base)
	if rnd.below(2) == 0 {
		return // plaster: its grain is all there is
	}
	bw, bh := int(rnd.in(40, 90)), int(rnd.in(16, 34))
	c.fill(0, 0, c.w, c.h, Gray(rnd.in(150, 190)))
	for y, row := 0, 0; y < c.h; y, row = y+bh, row+1 {
		for x := -(row % 2) * bw / 2; x < c.w; x += bw {
			f := rnd.in(0.8, 1.1)
			c.fill(x+2, y+2, x+bw, y+bh, Color{base.R * f, base.G * f * 0.8, base.B * f * 0.7})
		}
	}
}

// drawText fills a rectangle with lines of made-up glyphs of a given height.
func drawText(c *canvas, rnd *random, x0, y0, x1, y1 int, size float64, ink Color) {
	glyph, stroke := int(size), max(int(size/8), 1)
	for y := y0 + glyph; y+glyph < y1; y += glyph * 8 / 5 {
		end := x1 - glyph - rnd.below(max((x1-x0)/4, 1))
		for x := x0 + glyph; x+glyph < end; x += glyph * 5 / 6 {
			if rnd.below(7) == 0 {
				continue // a space
			}
			drawGlyph(c, rnd, x, y, glyph*3/4, glyph, stroke, ink)
		}
	}
}

// drawGlyph draws three or four strokes in a cell.
func drawGlyph(c *canvas, rnd *random, x, y, w, h, stroke int, ink Color) {
	for range 3 + rnd.below(2) {
		if rnd.below(2) == 0 {
			at := y + rnd.below(max(h-stroke, 1))
			c.fill(x, at, x+w, at+stroke, ink)
		} else {
			at := x + rnd.below(max(w-stroke, 1))
			c.fill(at, y, at+stroke, y+h, ink)
		}
	}
}

func drawChecks(c *canvas, rnd *random) {
	side := 2 + rnd.below(14)
	dark, light := Gray(rnd.in(10, 60)), Gray(rnd.in(190, 245))
	c.fill(0, 0, c.w, c.h, light)
	for y := 0; y < c.h; y += side {
		for x := y / side % 2 * side; x < c.w; x += 2 * side {
			c.fill(x, y, x+side, y+side, dark)
		}
	}
}

func drawStatic(c *canvas, rnd *random) {
	side := 1 + rnd.below(4)
	for y := 0; y < c.h; y += side {
		for x := 0; x < c.w; x += side {
			c.fill(x, y, x+side, y+side, Gray(float64(rnd.below(256))))
		}
	}
}

func drawStripes(c *canvas, rnd *random) {
	ax, ay := rnd.in(0.1, 1.5), rnd.in(-1, 1)
	bx, by := ax*rnd.in(0.9, 1.1), ay+rnd.in(-0.1, 0.1)
	for _, plane := range c.ch {
		for y := range c.h {
			for x := range c.w {
				fx, fy := float64(x), float64(y)
				v := 128 + 60*math.Sin(ax*fx+ay*fy) + 60*math.Sin(bx*fx+by*fy)
				plane[y*c.w+x] = float32(v)
			}
		}
	}
}

// drawFinders sets finder patterns (ISO/IEC 18004, 6.3.3) of several sizes
// close to each other, with nothing between that would make a symbol.
func drawFinders(c *canvas, rnd *random) {
	c.fill(0, 0, c.w, c.h, Gray(230))
	for y := 4; y < c.h; {
		m := 2 + rnd.below(4)
		for x := 4 + rnd.below(8); x+7*m < c.w; x += 7*m + 2*m + rnd.below(2*m) {
			c.fill(x, y, x+7*m, y+7*m, Gray(25))
			c.fill(x+m, y+m, x+6*m, y+6*m, Gray(230))
			c.fill(x+2*m, y+2*m, x+5*m, y+5*m, Gray(25))
		}
		y += 9 * m
	}
}
