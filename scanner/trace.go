package scanner

import (
	"slices"

	"citygate/scanner/fuse"
	"citygate/scanner/luma"
)

// This file implements the trace of one scan: all that was seen and tried, for the person who has to find out why a code is not read. Scan pays nothing for it.

// Trace is what a scan saw. All places are in pixels of the frame.
type Trace struct {
	Symbols  []Symbol
	Levels   []TraceLevel // of the last look, finest first
	Finders  []TraceFinder
	Attempts []TraceAttempt // those that were read first, then those that came farthest
	Zoom     float64        // by how much the frame was enlarged for the last look
}

// TraceLevel is one picture of the pyramid.
type TraceLevel struct {
	Scale         float64 // pixels of the enlarged frame to one of this picture
	Width, Height int
	Bits          []byte // rows of Width pixels: Dark, Flat or Light
	Floor         int    // contrast up to which a block of pixels is flat
	Hits          []TraceHit
}

// What a pixel of a level is by its local threshold. Flat is where there is no contrast but noise.
const (
	Dark byte = iota
	Flat
	Light
)

// TraceHit is a row of pixels that looks like a cut through a finder pattern, or a bullseye.
type TraceHit struct {
	At       Point // in pixels of the level
	Bullseye bool
}

// TraceFinder is a finder pattern.
type TraceFinder struct {
	Center  Point
	Module  float64 // pixels
	Light   bool    // light on dark
	Clean   float64 // share of eight lines through its middle that cut it as they should
	Level   int
	Blurred bool // it shows only in a sharpened picture
}

// TraceAttempt is a place that was taken for a symbol. See [luma.Attempt].
type TraceAttempt struct {
	luma.Attempt
	Corners [4]Point
	Times   int // that it was made with the same result, nearly at the same place
}

// Read reports whether the symbol was read.
func (a *TraceAttempt) Read() bool { return a.Fate == luma.FateRead }

// Trace scans f as Scan does and tells what happened. It is slow and allocates.
func (s *Scanner) Trace(f Frame) Trace {
	var t luma.Trace
	s.look.Trace = &t
	kept := map[Format]bool{}
	s.missed(func(m *fuse.Missed, format Format) { kept[format], m.Keep = m.Keep, true })
	defer func() {
		s.look.Trace = nil
		s.missed(func(m *fuse.Missed, format Format) { m.Keep = kept[format] })
	}()
	out := Trace{Symbols: slices.Clone(s.Scan(f))}
	if !f.Valid() {
		return out
	}
	out.Zoom = s.look.Zoom
	for _, l := range s.look.Levels {
		out.Levels = append(out.Levels, traceLevel(l))
	}
	for i := range s.finders.Found {
		p := &s.finders.Found[i]
		out.Finders = append(out.Finders, TraceFinder{Center: s.place(p.Center), Module: p.Module / s.look.Zoom, Light: p.Light, Clean: p.Clean, Level: p.Level, Blurred: p.Blurred})
	}
	s.missed(func(m *fuse.Missed, format Format) {
		for _, a := range m.All() {
			if format != QR { // which notes its own
				t.Add(luma.Attempt{Format: format.String(), Fate: "modules do not decode", Corners: a.Corners, Score: a.Score, W: a.W, H: a.H, Soft: a.Soft, Light: a.Light})
			}
		}
	})
	for _, a := range t.Attempts {
		out.add(TraceAttempt{Attempt: a, Corners: s.corners(a.Corners), Times: 1})
	}
	slices.SortStableFunc(out.Attempts, func(a, b TraceAttempt) int { return b.rank() - a.rank() })
	return out
}

// add takes attempts that differ in nothing that matters for one; of those the one stays whose known modules agreed best.
func (t *Trace) add(a TraceAttempt) {
	for i := range t.Attempts {
		b := &t.Attempts[i]
		if a.Format == b.Format && a.Fate == b.Fate && a.Detail == b.Detail && a.W == b.W && a.H == b.H && a.W > 0 && near(a.Corners, b.Corners) {
			a.Times += b.Times
			if a.Score < b.Score {
				b.Times = a.Times
			} else {
				*b = a
			}
			return
		}
	}
	t.Attempts = append(t.Attempts, a)
}

// rank is how far an attempt came, in thousands, and how well its known modules agreed.
func (a *TraceAttempt) rank() int {
	rank := int(a.Score * 999)
	if a.W > 0 {
		rank += 1000
	}
	if a.Read() {
		rank += 1000
	}
	return rank
}

// place translates a place on the finest level to the frame.
func (s *Scanner) place(p luma.Point) Point { return Point(p.Sub(s.look.Origin).Mul(1 / s.look.Zoom)) }

func traceLevel(l *luma.Level) TraceLevel {
	out := TraceLevel{Scale: l.Scale, Width: l.W, Height: l.H, Bits: make([]byte, l.W*l.H), Floor: l.Thresholds.Floor}
	for y := range l.H {
		row := l.Row(y)
		for x := range l.W {
			t, v := l.Thresholds.At(x, y), Flat
			if t > 0 && int(row[x]) < t {
				v = Dark
			} else if t > 0 {
				v = Light
			}
			out.Bits[y*l.W+x] = v
		}
	}
	for _, h := range l.Hits {
		out.Hits = append(out.Hits, TraceHit{At: Point{h.X, h.Y}, Bullseye: h.Bullseye})
	}
	return out
}
