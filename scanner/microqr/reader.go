package microqr

import (
	"citygate/scanner/fuse"
	"citygate/scanner/lone"
	"citygate/scanner/luma"
)

// This file joins the stages: a look at a frame and the seeds in it, symbols and their places out.

// Found is a symbol that was read and where it is, in pixels of the look's finest level: clockwise from the symbol's own top left corner.
type Found struct {
	Symbol
	Light   bool // light modules on a dark ground
	Corners luma.Quad
}

// Reader finds and reads symbols. It keeps its working memory, so it is not safe for concurrent use.
type Reader struct {
	// Work is how many pixels may still be sampled; it goes down, and below zero nothing more is tried.
	Work int
	// Missed keeps the symbols of the last look that were located but not decoded, if it is told to.
	Missed fuse.Missed

	locator lone.Locator
	marks   [maxSide + 1]lone.Marks // by side
	start   lone.Marks
	grid    luma.Grid
	decoder *Decoder
	found   []Found
}

// NewReader returns a Reader.
func NewReader() *Reader {
	r := &Reader{decoder: NewDecoder()}
	known(&r.start, minSide, false)
	for n := minSide; n <= maxSide; n += 2 {
		known(&r.marks[n], n, true)
	}
	return r
}

// known lists the function patterns of symbols of n modules (section 6.3): finder pattern with separator, the timing patterns, and one module of the
// quiet zone around them. Without quiet only what every symbol has that is not smaller.
func known(m *lone.Marks, n int, quiet bool) {
	for y := range 8 {
		for x := range 8 {
			d := max(x-3, 3-x, y-3, 3-y)
			m.Add(x, y, d != 2 && d != 4)
		}
	}
	m.Close()
	for _, column := range [...]bool{false, true} {
		add := func(along, across int, dark bool) {
			if column {
				along, across = across, along
			}
			m.Add(along, across, dark)
		}
		for i := 7; i < n; i++ {
			add(i, 0, i%2 == 0)
			if quiet {
				add(i, -1, false)
			}
		}
		if quiet {
			add(n, 0, false)
		}
		m.Close()
	}
	if !quiet {
		return
	}
	for i := range n { // all around; the dark corners of the finder pattern stand for the contrast
		for _, c := range [...][2]int{{i, -1}, {-1, i}, {n, i}, {i, n}} {
			m.Add(c[0], c[1], false)
		}
	}
	for i := range 7 {
		for _, c := range [...][2]int{{i, 0}, {0, i}, {i, 6}, {6, i}} {
			m.Add(c[0], c[1], true)
		}
	}
	m.Close()
}

const (
	minStart = 0.50 // agreement of the finder pattern and the first of the timing patterns
	minScore = 0.62 // agreement of all function patterns and the quiet zone
	looseOff = 4    // modules of the format information that may disagree before the place is refined
)

// Read returns the Micro QR Code symbols among the seeds of a look. The result is valid until the next call.
func (r *Reader) Read(look *luma.Look, seeds []lone.Seed) []Found {
	r.locator.Look, r.locator.Work, r.found = look, r.Work, r.found[:0]
	r.Missed.Reset()
	last := -1
	for i := range seeds {
		s := &seeds[i]
		if r.locator.Work < 0 {
			break
		}
		if s.Mirrored || !s.Column || s.Finder == last { // mirrored symbols are told by their modules, as both arms are alike
			continue
		}
		before, p := r.locator.Work, s.Place
		if r.try(&p) {
			last, r.locator.Work = s.Finder, before // only what was in vain counts
		}
	}
	r.Work = r.locator.Work
	return r.found
}

// try reads the symbol of a turn. Both its arms are there; the size follows from the format information, which is next to the finder pattern.
func (r *Reader) try(p *lone.Place) bool {
	if !p.Extend(minSide, minSide) {
		return false
	}
	r.locator.Refine(p, 1, 0.5, &lone.Measure{Marks: &r.start})
	if p.Score < minStart {
		return false
	}
	middle, _ := r.locator.Swing(p)
	upright := readFormat(func(x, y int) int { return r.locator.At(p, middle, x, y) })
	mirrored := readFormat(func(x, y int) int { return r.locator.At(p, middle, y, x) })
	for _, f := range [...]format{upright, mirrored} {
		if f.off <= looseOff && r.fit(*p, side(f.kind.version)) {
			return true
		}
	}
	return false
}

// fit extends a place to n modules and reads it. Nothing known lies at the far corner, so it is put where the modules are sharpest.
func (r *Reader) fit(p lone.Place, n int) bool {
	if !p.Extend(float64(n), float64(n)) {
		return false
	}
	middle, swing := r.locator.Swing(&p)
	by := lone.Measure{Marks: &r.marks[n], Sharp: 0.5, Middle: middle, Swing: swing}
	r.locator.Refine(&p, 1, 0.8, &by)
	if flat := p; flat.Flatten() {
		if r.locator.Refine(&flat, 1, 0.5, &by); flat.Score > p.Score {
			p = flat
		}
	}
	r.locator.Refine(&p, 0, 0.25, &by)
	if r.locator.Agreement(&p, by.Marks) < minScore {
		return false
	}
	// Under glare or a thumb the modules at the far corner are sharp nowhere: then it lies where it would without perspective.
	return r.read(&p, n) || (p.Flatten() && r.locator.Agreement(&p, by.Marks) >= minScore && r.read(&p, n))
}

// sharpening is the strengths, in 1/256, with which a sampled symbol is decoded.
var sharpening = [...]int32{24, 0, 70}

// read samples a place and decodes it.
func (r *Reader) read(p *lone.Place, n int) bool {
	r.locator.Sample(&r.grid, p, n, n, nil)
	for _, alpha := range sharpening {
		m := Modules{Side: n, V: r.grid.Judge(alpha, p.Light)}
		r.locator.Work -= 8 * n * n
		if s, ok := r.decoder.Decode(&m); ok {
			f := Found{Symbol: s, Light: p.Light, Corners: p.Corners}
			if s.Mirrored {
				f.Corners[1], f.Corners[3] = f.Corners[3], f.Corners[1]
			}
			r.found = append(r.found, f)
			return true
		}
	}
	if r.Missed.Keep {
		r.Missed.Add(fuse.Sample{W: n, H: n, Soft: r.grid.Judge(sharpening[0], p.Light), Gray: r.grid.Gray, Light: p.Light, Corners: p.Corners, Score: p.Score})
	}
	return false
}
