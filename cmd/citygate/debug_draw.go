package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"path/filepath"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"citygate/scanner"
	"citygate/scanner/luma"
)

// This file draws the picture of `citygate scan --debug`. From the top: the frame with what was found in it, beside it
// what that means in words; the levels of the pyramid as the thresholds split them; the sampled modules of the attempts
// that came farthest, each as the frame has it, as it was sampled, and as it was judged.

// Measures of the picture, in pixels.
const (
	frameSide  = 1100 // the frame's longer side is brought to about this
	wordsWide  = 620
	gap        = 16
	lineHigh   = 15
	levelHigh  = 230
	panelSide  = 240
	panelWide  = 3*(panelSide+gap) + gap
	maxPanels  = 6
	maxOutline = 60 // attempts that are outlined in the frame
)

// The colours of the picture.
var (
	ground   = color.RGBA{24, 27, 32, 255}
	ink      = color.RGBA{226, 230, 236, 255}
	faint    = color.RGBA{140, 148, 160, 255}
	readInk  = color.RGBA{46, 204, 113, 255}  // symbols that were read
	lostInk  = color.RGBA{255, 99, 72, 255}   // sampled, not decoded
	earlyInk = color.RGBA{155, 126, 70, 255}  // given up before
	cleanInk = color.RGBA{0, 200, 255, 255}   // finders cut right on all lines
	dirtyInk = color.RGBA{255, 190, 0, 255}   // and those that are not
	flatInk  = color.RGBA{112, 120, 136, 255} // no contrast
)

type canvas struct{ *image.RGBA }

// drawTrace draws all that a scan of f saw.
func drawTrace(f scanner.Frame, t *scanner.Trace, r *scanResult) image.Image {
	scale := frameScale(f)
	w, h := int(float64(f.Width)*scale), int(float64(f.Height)*scale)
	words := traceWords(t, r)
	top := max(h, len(words)*lineHigh) + 2*gap
	panels := tracePanels(t)
	high := top + levelHigh + 2*gap + lineHigh + (len(panels)+1)/2*(panelSide+2*gap+2*lineHigh)
	c := canvas{image.NewRGBA(image.Rect(0, 0, max(w+wordsWide+3*gap, 2*panelWide+gap), high))}
	draw.Draw(c, c.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	c.frame(f, image.Pt(gap, gap), scale)
	c.overlay(t, image.Pt(gap, gap), scale)
	for i, line := range words {
		c.text(2*gap+w, gap+(i+1)*lineHigh-4, line.text, line.ink)
	}
	c.levels(t, top)
	y := top + levelHigh + 2*gap + lineHigh
	for i, a := range panels {
		c.panel(f, a, i, gap+i%2*panelWide, y)
		y += i % 2 * (panelSide + 2*gap + 2*lineHigh)
	}
	return c
}

// frameScale is how many pixels of the picture show one of the frame.
func frameScale(f scanner.Frame) float64 {
	side := float64(max(f.Width, f.Height, 1))
	if side < frameSide {
		return math.Max(1, math.Floor(frameSide/side))
	}
	return frameSide / side
}

// tracePanels are the attempts whose modules are shown.
func tracePanels(t *scanner.Trace) (list []*scanner.TraceAttempt) {
	for i := range t.Attempts {
		if a := &t.Attempts[i]; a.W > 0 && len(list) < maxPanels {
			list = append(list, a)
		}
	}
	return list
}

type line struct {
	text string
	ink  color.RGBA
}

// traceWords is the text beside the frame.
func traceWords(t *scanner.Trace, r *scanResult) (out []line) {
	say := func(ink color.RGBA, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		for len(text) > wordsWide/7 {
			cut := strings.LastIndexByte(text[:wordsWide/7], ' ')
			if cut < 20 {
				cut = wordsWide / 7
			}
			out, text = append(out, line{text[:cut], ink}), "      "+strings.TrimSpace(text[cut:])
		}
		out = append(out, line{text, ink})
	}
	say(ink, "%s  %dx%d pixels", filepath.Base(r.File), r.Width, r.Height)
	if t.Zoom > 1 {
		say(faint, "nothing was read; this is the second look, enlarged %gx", t.Zoom)
	}
	for _, s := range t.Symbols {
		say(readInk, "read  %s  %s", s.Format, printable(s.Text))
	}
	if len(t.Symbols) == 0 {
		say(lostInk, "no code was read")
	}
	say(ink, "")
	say(ink, "finder patterns: %d", len(t.Finders))
	for i, p := range t.Finders {
		if i == 14 {
			say(faint, "  and %d more", len(t.Finders)-i)
			break
		}
		say(finderInk(p), "  at %.0f,%.0f  module %.2f px  clean %.2f  level %d%s", p.Center.X, p.Center.Y, p.Module, p.Clean, p.Level, finderKind(p))
	}
	say(ink, "")
	say(ink, "attempts: %d", len(t.Attempts))
	for i := range t.Attempts {
		if a := &t.Attempts[i]; a.W > 0 && i < maxListed {
			say(attemptInk(a), "#%d %s %s", i+1, a.Format, describeAttempt(r.Trace.Attempts[i]))
		}
	}
	for _, g := range givenUp(r.Trace.Attempts) {
		say(earlyInk, "%dx %s %s", g.times, g.format, g.fate)
	}
	say(ink, "")
	say(cleanInk, "finder pattern, cut right on nearly all lines")
	say(dirtyInk, "finder pattern, doubtful")
	say(readInk, "symbol that was read; the dot is its own top left")
	say(lostInk, "sampled, and its error correction failed")
	say(earlyInk, "given up before it was sampled")
	say(faint, "levels: black and white as split, grey without contrast;")
	say(faint, "red dots: rows like a finder pattern, blue: like a bullseye")
	return out
}

func finderKind(p scanner.TraceFinder) (s string) {
	if p.Light {
		s = "  light on dark"
	}
	if p.Blurred {
		s += "  seen when sharpened"
	}
	return s
}

func finderInk(p scanner.TraceFinder) color.RGBA {
	if p.Clean >= 0.85 {
		return cleanInk
	}
	return dirtyInk
}

func attemptInk(a *scanner.TraceAttempt) color.RGBA {
	switch {
	case a.Read():
		return readInk
	case a.W > 0:
		return lostInk
	}
	return earlyInk
}

// frame draws the frame itself, a little darker, so that the lines stand out.
func (c canvas) frame(f scanner.Frame, at image.Point, scale float64) {
	if !f.Valid() {
		return
	}
	for y := range int(float64(f.Height) * scale) {
		for x := range int(float64(f.Width) * scale) {
			v := f.Pix[int(float64(y)/scale)*f.Stride+int(float64(x)/scale)]
			v = byte(20 + int(v)*3/4)
			c.SetRGBA(at.X+x, at.Y+y, color.RGBA{v, v, v, 255})
		}
	}
}

// overlay draws finders, attempts and symbols over the frame, those that came farthest last.
func (c canvas) overlay(t *scanner.Trace, at image.Point, scale float64) {
	place := func(p scanner.Point) scanner.Point {
		return scanner.Point{X: float64(at.X) + p.X*scale, Y: float64(at.Y) + p.Y*scale}
	}
	for i := min(len(t.Attempts), maxOutline) - 1; i >= 0; i-- {
		a := &t.Attempts[i]
		var q [4]scanner.Point
		for k, p := range a.Corners {
			q[k] = place(p)
		}
		c.outline(q, attemptInk(a), 1+b2i(a.W > 0))
		if a.W > 0 {
			c.dots(a, q)
			c.text(int(q[0].X)+4, int(q[0].Y)-4, fmt.Sprintf("#%d", i+1), attemptInk(a))
			c.disc(q[0], 4, attemptInk(a))
		}
	}
	for _, p := range t.Finders {
		m, r := place(p.Center), 3.5*p.Module*scale
		c.circle(m, r, finderInk(p))
		c.segment(scanner.Point{X: m.X - 5, Y: m.Y}, scanner.Point{X: m.X + 5, Y: m.Y}, finderInk(p), 1)
		c.segment(scanner.Point{X: m.X, Y: m.Y - 5}, scanner.Point{X: m.X, Y: m.Y + 5}, finderInk(p), 1)
	}
}

// dots marks the middle of each module along the edges of a grid, where one sees best whether it fits.
func (c canvas) dots(a *scanner.TraceAttempt, q [4]scanner.Point) {
	h, ok := luma.Map(luma.Rect(0, 0, float64(a.W), float64(a.H)), quad(q))
	if !ok {
		return
	}
	for y := range a.H {
		for x := range a.W {
			if x > 0 && x < a.W-1 && y > 0 && y < a.H-1 && (x != 6 && y != 6) {
				continue
			}
			p := h.At(luma.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5})
			c.disc(scanner.Point(p), 1, attemptInk(a))
		}
	}
}

func quad(q [4]scanner.Point) (out luma.Quad) {
	for i, p := range q {
		out[i] = luma.Point(p)
	}
	return out
}

// text writes one line, its base line at y. What the face lacks becomes a question mark.
func (c canvas) text(x, y int, s string, ink color.RGBA) {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	d := font.Drawer{Dst: c, Src: image.NewUniform(ink), Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	d.DrawString(s)
}
