package scanner

import (
	"time"

	"citygate/scanner/luma"
)

// This file implements where a Tracker looks: windows around the codes that are held, and elsewhere, one part after the other, in rounds.

// rect is a part of a frame in pixels.
type rect struct{ x, y, w, h int }

// of returns the part as a frame that shares the pixels.
func (r rect) of(f *Frame) Frame {
	return Frame{Pix: f.Pix[r.y*f.Stride+r.x:], Stride: f.Stride, Width: r.w, Height: r.h}
}

// cut returns the part of a rectangle that lies in the frame.
func cut(x0, y0, x1, y1 float64, f *Frame) rect {
	clamp := func(v float64, top int) int { return int(min(max(v, 0), float64(top))) }
	r := rect{x: clamp(x0, f.Width), y: clamp(y0, f.Height)}
	r.w, r.h = clamp(x1, f.Width)-r.x, clamp(y1, f.Height)-r.y
	return r
}

const (
	windowMargin = 0.35 // of a code's larger side, around it
	leastMargin  = 24.0 // pixels
	maxMotion    = 0.5  // of a code's larger side: motion that is followed
)

// window is where a code is looked for first: where it was, moved as it moved before, with a margin.
func (h *holding) window(f *Frame) rect {
	c := h.symbol.Corners
	x0, y0, x1, y1 := c[0].X, c[0].Y, c[0].X, c[0].Y
	for _, p := range c[1:] {
		x0, y0, x1, y1 = min(x0, p.X), min(y0, p.Y), max(x1, p.X), max(y1, p.Y)
	}
	side := max(x1-x0, y1-y0)
	m := max(windowMargin*side, leastMargin)
	limit := func(v float64) float64 { return min(max(v, -maxMotion*side), maxMotion*side) }
	dx, dy := limit(h.moved.X), limit(h.moved.Y)
	return cut(x0+min(dx, 0)-m, y0+min(dy, 0)-m, x1+max(dx, 0)+m, y1+max(dy, 0)+m, f)
}

// tooMany reports whether the windows together are as much work as the frame.
func (t *Tracker) tooMany(f *Frame) bool {
	area := 0
	for i := range t.held {
		w := t.held[i].window(f)
		area += w.w * w.h
	}
	return 2*area > f.Width*f.Height
}

const (
	tiles     = 3    // in each direction
	tileReach = 0.45 // a tile is so much wider and higher than its share of the frame; a code of half of that lies whole in one
	steps     = 2 * tiles * tiles
	maxRest   = 12 // frames that are skipped in turn
)

// round is the tour of what is not where codes were. In every other step the whole frame is looked at in half its size, for large codes; in between one
// tile as it is, for small ones. Each step is about a quarter of the work of the frame.
type round struct {
	step    int
	left    int // steps until all of the frame has been seen
	skipped int
	width   int // of the frames; a change of it starts anew
	half    luma.Image
}

// resting reports whether an unchanged frame has nothing new to show. Now and then one is looked at all the same.
func (r *round) resting() bool {
	if r.left > 0 || r.skipped >= maxRest {
		r.skipped = 0
		return false
	}
	r.skipped++
	return true
}

// rest notes that the whole frame was read.
func (r *round) rest(f *Frame) { r.left, r.width = 0, f.Width }

// elsewhere makes one step of the round.
func (t *Tracker) elsewhere(f *Frame, at time.Time, same bool) {
	r := &t.round
	if !same || r.width != f.Width {
		r.left, r.width = steps, f.Width
	}
	if r.left > 0 {
		r.left--
	}
	r.step = (r.step + 1) % steps
	if k := r.step / 2; r.step%2 == 0 {
		x, y := float64(k%tiles), float64(k/tiles)
		w, h := float64(f.Width)/tiles, float64(f.Height)/tiles
		t.scan(f, cut((x-tileReach/2)*w, (y-tileReach/2)*h, (x+1+tileReach/2)*w, (y+1+tileReach/2)*h, f), at)
		return
	}
	m := luma.Image{Pix: f.Pix, Stride: f.Stride, W: f.Width, H: f.Height}
	if m.W < 2 || m.H < 2 {
		return
	}
	m.Halve(&r.half)
	found := t.scanner.Scan(Frame{Pix: r.half.Pix, Stride: r.half.Stride, Width: r.half.W, Height: r.half.H})
	for _, s := range found {
		for i := range s.Corners {
			s.Corners[i] = Point{2 * s.Corners[i].X, 2 * s.Corners[i].Y}
		}
		t.hold(s, at)
	}
}
