package main

import (
	"fmt"
	"image/color"
	"math"

	"citygate/scanner"
	"citygate/scanner/luma"
)

// This file draws levels, sampled modules and lines for `citygate scan --debug`.

// levels draws the pyramid in a row, finest first: black and white as the thresholds split it, grey where they see no
// contrast, and a dot for each row that looks like a pattern.
func (c canvas) levels(t *scanner.Trace, y0 int) {
	x0 := gap
	for i := range t.Levels {
		l := &t.Levels[i]
		scale := min(float64(levelHigh)/float64(l.Height), 3*float64(levelHigh)/float64(l.Width), 1)
		w, h := int(float64(l.Width)*scale), int(float64(l.Height)*scale)
		if x0+max(w, 110) > c.Bounds().Dx() {
			return
		}
		c.text(x0, y0+lineHigh-4, fmt.Sprintf("1/%g: %d hits", l.Scale, len(l.Hits)), ink)
		for y := range h {
			for x := range w {
				c.SetRGBA(x0+x, y0+lineHigh+y, levelInk(l, x, y, scale))
			}
		}
		for _, hit := range l.Hits {
			spot := lostInk
			if hit.Bullseye {
				spot = cleanInk
			}
			c.disc(scanner.Point{X: float64(x0) + hit.At.X*scale, Y: float64(y0+lineHigh) + hit.At.Y*scale}, 1, spot)
		}
		x0 += max(w, 110) + gap
	}
}

// levelInk is the mean of the pixels of a level that one of the picture stands for.
func levelInk(l *scanner.TraceLevel, x, y int, scale float64) color.RGBA {
	inks := [...]color.RGBA{scanner.Dark: {0, 0, 0, 255}, scanner.Flat: flatInk, scanner.Light: {255, 255, 255, 255}}
	x0, y0 := int(float64(x)/scale), int(float64(y)/scale)
	x1, y1 := min(max(x0+1, int(float64(x+1)/scale)), l.Width), min(max(y0+1, int(float64(y+1)/scale)), l.Height)
	var r, g, b, n int
	for v := y0; v < y1; v++ {
		for u := x0; u < x1; u++ {
			i := inks[l.Bits[v*l.Width+u]]
			r, g, b, n = r+int(i.R), g+int(i.G), b+int(i.B), n+1
		}
	}
	n = max(n, 1)
	return color.RGBA{byte(r / n), byte(g / n), byte(b / n), 255}
}

// panel draws one attempt: what the frame has there, the gray that was sampled, and what each module was judged to be.
// A module of which the judgement is not sure is the more orange, the less sure it is.
func (c canvas) panel(f scanner.Frame, a *scanner.TraceAttempt, number, x0, y0 int) {
	c.text(x0, y0+lineHigh-4, fmt.Sprintf("#%d %s %dx%d, agreement %.2f: %s", number+1, a.Format, a.W, a.H, a.Score, a.Fate), attemptInk(a))
	c.text(x0, y0+2*lineHigh-4, a.Detail, attemptInk(a))
	y0 += 2 * lineHigh
	cell := max(1, panelSide/max(a.W, a.H))
	wide := cell*a.W + gap
	h, ok := luma.Map(luma.Rect(0, 0, float64(cell*a.W), float64(cell*a.H)), quad(a.Corners))
	low, high := grayRange(a.Gray)
	mean := meanSure(a.Soft)
	for y := range cell * a.H {
		for x := range cell * a.W {
			if p := h.At(luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5}); ok && p.X >= 0 && p.Y >= 0 && p.X < float64(f.Width) && p.Y < float64(f.Height) {
				v := f.Pix[int(p.Y)*f.Stride+int(p.X)]
				c.SetRGBA(x0+x, y0+y, color.RGBA{v, v, v, 255})
			}
			i := y/cell*a.W + x/cell
			if a.Gray != nil {
				v := byte(255 * (a.Gray[i] - low) / max(high-low, 1))
				c.SetRGBA(x0+wide+x, y0+y, color.RGBA{v, v, v, 255})
			}
			c.SetRGBA(x0+2*wide+x, y0+y, softInk(a.Soft[i], mean))
		}
	}
	for k, name := range [...]string{"as the frame has it", "as sampled", "as judged"} {
		if k == 1 && a.Gray == nil {
			name = "not kept"
		}
		c.text(x0+k*wide, y0+cell*a.H+lineHigh-2, name[:min(len(name), max(4, (wide-gap)/7))], faint)
	}
}

// softInk is black for a sure dark module, white for a sure light one, and more and more orange in between.
func softInk(v int16, mean float64) color.RGBA {
	sure := min(math.Abs(float64(v))/mean, 1)
	base := 255.0
	if v > 0 {
		base = 0
	}
	mix := func(doubt float64) byte { return byte(base*sure + doubt*(1-sure)) }
	return color.RGBA{mix(255), mix(140), mix(0), 255}
}

func meanSure(soft []int16) float64 {
	sum := 0.0
	for _, v := range soft {
		sum += math.Abs(float64(v))
	}
	return max(sum/float64(max(len(soft), 1)), 1)
}

func grayRange(gray []int32) (low, high int32) {
	for i, v := range gray {
		if i == 0 || v < low {
			low = v
		}
		if i == 0 || v > high {
			high = v
		}
	}
	return low, high
}

// outline draws a quadrilateral.
func (c canvas) outline(q [4]scanner.Point, ink color.RGBA, thick int) {
	for i := range q {
		c.segment(q[i], q[(i+1)%4], ink, thick)
	}
}

// segment draws a straight line. Places far outside of the picture, which a tilted plane may have, are left out.
func (c canvas) segment(a, b scanner.Point, ink color.RGBA, thick int) {
	n := max(math.Abs(b.X-a.X), math.Abs(b.Y-a.Y), 1)
	if !(n < 1<<14) {
		return
	}
	for i := 0.0; i <= n; i++ {
		x, y := int(a.X+(b.X-a.X)*i/n), int(a.Y+(b.Y-a.Y)*i/n)
		for k := range thick {
			c.SetRGBA(x+k, y, ink)
			c.SetRGBA(x, y+k, ink)
		}
	}
}

func (c canvas) circle(m scanner.Point, r float64, ink color.RGBA) {
	if !(r < 1<<12) {
		return
	}
	steps := max(16, int(7*r))
	for i := range steps {
		s, k := math.Sincos(2 * math.Pi * float64(i) / float64(steps))
		c.SetRGBA(int(m.X+r*k), int(m.Y+r*s), ink)
	}
}

func (c canvas) disc(m scanner.Point, r int, ink color.RGBA) {
	for y := -r; y <= r; y++ {
		for x := -r; x <= r; x++ {
			if x*x+y*y <= r*r {
				c.SetRGBA(int(m.X)+x, int(m.Y)+y, ink)
			}
		}
	}
}
