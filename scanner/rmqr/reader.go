package rmqr

import (
	"citygate/scanner/fuse"
	"citygate/scanner/lone"
	"citygate/scanner/luma"
)

// This file joins the stages: a look at a frame and the seeds in it, symbols and their places out.

// Found is a symbol that was read and where it is, in pixels of the look's finest level: clockwise from the symbol's own top left corner, or
// counterclockwise where it is mirrored.
type Found struct {
	Symbol
	Light    bool // light modules on a dark ground
	Mirrored bool
	Corners  luma.Quad
}

// Reader finds and reads symbols. It keeps its working memory, so it is not safe for concurrent use.
type Reader struct {
	// Work is how many pixels may still be sampled; it goes down, and below zero nothing more is tried.
	Work int
	// Missed keeps the symbols of the last look that were located but not decoded, if it is told to.
	Missed fuse.Missed

	locator lone.Locator
	layout  layout
	marks   lone.Marks
	grid    luma.Grid
	mesh    mesh
	decoder *Decoder
	found   []Found
}

// NewReader returns a Reader.
func NewReader() *Reader { return &Reader{decoder: NewDecoder()} }

const (
	looseOff   = 4    // modules of the format information that may disagree before the place is refined
	firstWidth = 16   // columns of the first step
	growth     = 1.4  // of the columns from step to step
	minStep    = 0.45 // agreement of known modules after each step
	minScore   = 0.50 // and of all
	flatScore  = 0.80 // the same where one perspective fits
)

// Read returns the rMQR symbols among the seeds of a look. The result is valid until the next call.
func (r *Reader) Read(look *luma.Look, seeds []lone.Seed) []Found {
	r.locator.Look, r.locator.Work, r.found = look, r.Work, r.found[:0]
	r.Missed.Reset()
	last := -1
	for i := range seeds {
		s := &seeds[i]
		if r.locator.Work < 0 {
			break
		}
		if s.Finder == last {
			continue
		}
		before, p := r.locator.Work, s.Place
		if r.try(&p, s.Mirrored) {
			last, r.locator.Work = s.Finder, before // only what was in vain counts
		}
	}
	r.Work = r.locator.Work
	return r.found
}

// try reads the symbol of a turn. The size follows from the format information, which is next to the finder pattern.
func (r *Reader) try(p *lone.Place, mirrored bool) bool {
	middle, _ := r.locator.Swing(p)
	var soft [formatBits]int
	for i := range soft {
		x, y := formatPlace(i, false, 0, 0)
		soft[i] = r.locator.At(p, middle, x, y)
	}
	f := decodeFormat(&soft, finderMask)
	if f.off > looseOff {
		return false
	}
	s := &sizes[f.version]
	r.layout.make(s)
	if bent, ok := r.grow(p); ok {
		return (!bent && r.read(p, mirrored)) || (r.bend(p) && r.read(p, mirrored))
	}
	return false
}

// grow extends a place over the symbol in steps, each so small that the known modules within it are off by less than one. Where the label bends away from any
// perspective, the last one that fitted is extended over the rest as it is.
func (r *Reader) grow(p *lone.Place) (bent, ok bool) {
	s := r.layout.size
	by := lone.Measure{Marks: &r.marks}
	good := lone.Place{}
	r.mesh.n = 0
	for w := firstWidth; ; w = min(int(float64(w)*growth), s.w) {
		if !p.Extend(float64(w), float64(s.h)) {
			return false, false
		}
		r.known(w)
		r.locator.Refine(p, 1, 0.5, &by)
		if p.Score < flatScore && good.W > 0 {
			*p = good
			return true, p.Extend(float64(s.w), float64(s.h))
		}
		if p.Score < minStep || r.locator.Work < 0 {
			return false, false
		}
		if p.Score >= flatScore {
			good = *p
		}
		if w == s.w {
			break
		}
	}
	r.locator.Refine(p, 0, 0.25, &by)
	return false, p.Score >= minScore
}

const groupWidth = 14 // columns whose known modules are judged together

// known lists the function patterns of the first w columns with one module of the quiet zone around them, the upper half apart from the lower one.
func (r *Reader) known(w int) {
	r.marks.Reset()
	s := r.layout.size
	for from := 0; from < w; from += groupWidth {
		to := min(from+groupWidth, w)
		if w-to < groupWidth/2 {
			to = w
		}
		for _, rows := range [...][2]int{{-1, s.h / 2}, {s.h / 2, s.h + 1}} {
			r.group(from, to, rows[0], rows[1])
		}
		if to == w {
			break
		}
	}
}

// group adds the known modules of a rectangle.
func (r *Reader) group(x0, x1, y0, y1 int) {
	s := r.layout.size
	if x0 == 0 {
		x0 = -1
	}
	if x1 == s.w {
		x1++
	}
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			if x < 0 || y < 0 || x == s.w || y == s.h {
				r.marks.Add(x, y, false)
			} else if c := r.layout.at(x, y); c == dark || c == light {
				r.marks.Add(x, y, c == dark)
			}
		}
	}
	r.marks.Close()
}

// attempts are the strengths of sharpening, in 1/256, with which a sampled symbol is decoded, and whether erasures are tried.
var attempts = [...]struct {
	alpha    int32
	erasures bool
}{{24, false}, {0, false}, {70, false}, {24, true}}

// read samples a place, as the mesh bends it, and decodes it.
func (r *Reader) read(p *lone.Place, mirrored bool) bool {
	s := r.layout.size
	var shift func(x, y float64) luma.Point
	if r.mesh.n > 0 {
		shift = r.mesh.shift
	}
	r.locator.Sample(&r.grid, p, s.w, s.h, shift)
	for _, a := range attempts {
		m := Modules{W: s.w, H: s.h, V: r.grid.Judge(a.alpha, p.Light)}
		r.locator.Work -= 8 * s.w * s.h
		r.decoder.Erasures = a.erasures
		if sym, ok := r.decoder.Decode(&m); ok {
			r.found = append(r.found, Found{Symbol: sym, Light: p.Light, Mirrored: mirrored, Corners: r.corners(p)})
			return true
		}
	}
	if r.Missed.Keep {
		soft := r.grid.Judge(attempts[0].alpha, p.Light)
		r.Missed.Add(fuse.Sample{W: s.w, H: s.h, Soft: soft, Gray: r.grid.Gray, Light: p.Light, Corners: r.corners(p), Score: p.Score})
	}
	return false
}

// corners returns the symbol's corners as the mesh bends them.
func (r *Reader) corners(p *lone.Place) luma.Quad {
	q := p.Corners
	if r.mesh.n > 0 {
		for i, c := range luma.Rect(0, 0, p.W, p.H) {
			q[i] = q[i].Add(r.mesh.shift(c.X, c.Y))
		}
	}
	return q
}
