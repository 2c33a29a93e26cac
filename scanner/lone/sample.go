package lone

import "citygate/scanner/luma"

// This file implements sampling: the gray of each module of a place.

// Sample fills the grid with w x h modules of the place, each moved by shift, in pixels, where that is not nil.
func (l *Locator) Sample(g *luma.Grid, p *Place, w, h int, shift func(x, y float64) luma.Point) {
	g.Resize(w, h)
	m := p.Module()
	level, scale := l.Level(m)
	t := p.scaled(scale)
	wide := m/scale >= 2.2
	for y := range h {
		for x := range w {
			c := luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}
			o := t.At(c)
			at := o
			if shift != nil {
				at = o.Add(shift(c.X, c.Y).Mul(1 / scale))
			}
			if !wide {
				g.Gray[y*w+x] = int32(level.At(at.X, at.Y))
				continue
			}
			u, v := t.At(luma.Point{X: c.X + 0.2, Y: c.Y}).Sub(o), t.At(luma.Point{X: c.X, Y: c.Y + 0.2}).Sub(o)
			g.Gray[y*w+x] = int32(level.Patch(at, u, v))
		}
	}
	l.Work -= 5 * w * h
}

// At returns the value of module (x, y) against the finder pattern's middle gray: above 0 is dark, or light in a symbol of light modules.
func (l *Locator) At(p *Place, middle, x, y int) int {
	level, scale := l.Level(p.Module())
	h := p.scaled(scale)
	q := h.At(luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5})
	l.Work--
	v := middle - level.At(q.X, q.Y)
	if p.Light {
		return -v
	}
	return v
}

// Contrast returns how far the modules of a place lie from its middle gray in the mean, as a share of swing, which is half of the difference between dark and
// light: 1 at best. It is high where the modules' centres are hit, whatever their colours.
func (l *Locator) Contrast(p *Place, middle, swing int) float64 {
	level, scale := l.Level(p.Module())
	t := p.scaled(scale)
	sum, w, h := 0, int(p.W), int(p.H)
	for y := range h {
		for x := range w {
			q := t.At(luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5})
			d := level.At(q.X, q.Y) - middle
			sum += min(max(d, -d), swing)
		}
	}
	l.Work -= w * h
	return float64(sum) / float64(max(swing, 1)*w*h)
}

// Swing returns the middle between the dark and the light of a place's finder pattern and half of their difference, which is negative in a symbol of light modules.
func (l *Locator) Swing(p *Place) (middle, swing int) {
	level, scale := l.Level(p.Module())
	t := p.scaled(scale)
	at := func(x, y float64) int {
		q := t.At(luma.Point{X: x, Y: y})
		return level.At(q.X, q.Y)
	}
	dark := (at(3.5, 3.5)*2 + at(0.5, 3.5) + at(6.5, 3.5) + at(3.5, 0.5) + at(3.5, 6.5)) / 6
	light := (at(1.5, 3.5) + at(5.5, 3.5) + at(3.5, 1.5) + at(3.5, 5.5)) / 4
	l.Work -= 9
	return (dark + light) / 2, (light - dark) / 2
}
