package camera

// This file tells from frames alone that a camera sees nothing.

import (
	"time"

	"citygate/scanner/luma"
)

// Fault is what a camera that still gives frames may suffer from. The zero
// value is none.
type Fault string

// The faults, in the order in which they are looked for.
const (
	FaultFrozen      Fault = "frozen"       // the same frame again and again
	FaultBlack       Fault = "black"        // no light, or a dead sensor
	FaultOverexposed Fault = "over-exposed" // nearly all of the frame is white
	FaultCovered     Fault = "covered"      // light, but nothing to see: a hand, a sticker, spray, fog on the glass
)

// Thresholds of a Look, in levels and in shares of what was sampled.
const (
	darkLevel    = 24   // a level below it is dark
	whiteLevel   = 250  // a level from it on is white
	allDark      = 0.99 // share of dark samples that makes a frame black
	mostlyWhite  = 0.70 // share of white samples that makes it over-exposed
	edgeContrast = 40   // range of levels within a block that shows something
	fewEdges     = 0.01 // share of such blocks below which a frame shows nothing
)

// The samples of a Look: every eighth row of a block of 32 by 32 pixels, and
// in it every second pixel.
const (
	block     = 32
	rowStep   = 8
	pixelStep = 2
)

// Look is what can be told from one frame in passing.
type Look struct {
	Mean  float64 // level
	Dark  float64 // share of samples below level 24
	White float64 // share of samples from level 250 on
	Edges float64 // share of blocks in which there is something to see
	Print uint64  // a fingerprint: two frames of a living sensor never have the same, because of its noise
}

// Inspect looks at a frame. It allocates nothing, and reads a sixteenth of the
// pixels.
func Inspect(f luma.Frame) Look {
	var l Look
	var sum, dark, white, count, edges, blocks int
	l.Print = 14695981039346656037 // FNV-1a
	for y0 := 0; y0 < f.Height; y0 += block {
		for x0 := 0; x0 < f.Width; x0 += block {
			low, high := byte(255), byte(0)
			for y := y0; y < min(y0+block, f.Height); y += rowStep {
				row := f.Pix[y*f.Stride+x0 : y*f.Stride+min(x0+block, f.Width)]
				for x := 0; x < len(row); x += pixelStep {
					v := row[x]
					low, high = min(low, v), max(high, v)
					sum += int(v)
					count++
					if v < darkLevel {
						dark++
					} else if v >= whiteLevel {
						white++
					}
					l.Print = (l.Print ^ uint64(v)) * 1099511628211
				}
			}
			blocks++
			if int(high)-int(low) >= edgeContrast {
				edges++
			}
		}
	}
	if count > 0 {
		n := float64(count)
		l.Mean, l.Dark, l.White = float64(sum)/n, float64(dark)/n, float64(white)/n
		l.Edges = float64(edges) / float64(blocks)
	}
	return l
}

// Fault judges one frame. A frozen camera shows only over time.
func (l Look) Fault() Fault {
	switch {
	case l.Dark >= allDark:
		return FaultBlack
	case l.White >= mostlyWhite:
		return FaultOverexposed
	case l.Edges < fewEdges:
		return FaultCovered
	}
	return ""
}

// FaultHold is how long a camera must look faulty before a Watch says so, and
// how long it must look well before the Watch takes it back. A hand that
// reaches for the glass is no fault.
const FaultHold = 1500 * time.Millisecond

// Watch follows a live camera and says what is wrong with it. Its zero value
// is ready. Time is that of the frames, so it needs no clock; pictures and
// films, which may well repeat themselves, are not to be watched.
type Watch struct {
	print uint64
	seen  bool
	fault Fault     // what is reported
	looks Fault     // what the frames look like now
	since time.Time // since when they do
}

// Observe takes the next frame and returns the fault that has lasted, if any.
func (w *Watch) Observe(f Frame) Fault {
	look := Inspect(f.Frame)
	now := look.Fault()
	if w.seen && look.Print == w.print && now == "" {
		now = FaultFrozen
	}
	if !w.seen || now != w.looks {
		w.looks, w.since = now, f.At
	}
	w.print, w.seen = look.Print, true
	if w.looks != w.fault && f.At.Sub(w.since) >= FaultHold {
		w.fault = w.looks
	}
	return w.fault
}
