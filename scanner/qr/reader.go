package qr

import (
	"slices"

	"citygate/scanner/fuse"
	"citygate/scanner/luma"
)

// This file joins the stages: a look at a frame in, symbols and their places out.

// Found is a symbol that was read and where it is, in pixels of the look's finest level: clockwise from the symbol's own top left corner.
type Found struct {
	Symbol
	Format  Format
	Light   bool // light modules on a dark ground
	Corners luma.Quad
}

// Format tells the symbologies of ISO/IEC 18004 and ISO/IEC 23941 apart.
type Format uint8

// The symbologies that a Reader reads.
const (
	Full Format = iota // QR Code
	Micro
	Rectangular
)

// Reader finds and reads symbols. It keeps its working memory, so it is not safe for concurrent use.
type Reader struct {
	// Work is how many pixels may still be sampled; it goes down, and below zero nothing more is tried.
	Work int
	// Missed keeps the symbols of the last look that were located but not decoded, if it is told to.
	Missed fuse.Missed

	look    *luma.Look
	finders []luma.Finder
	used    []bool
	near    []neighbour
	triples []triple
	alone   []int       // finders without a symbol
	guessed luma.Finder // one that was not seen
	closed  int         // triples that were tried without timing patterns
	deep    int         // places that were fitted once more
	stage   stage       // how far the triple at hand came
	decoder *Decoder
	marks   marks
	middle  []int32 // between dark and light at each module
	line    []int   // gray along a timing pattern
	grid    luma.Grid
	mesh    mesh
	found   []Found
}

// NewReader returns a Reader.
func NewReader() *Reader { return &Reader{decoder: NewDecoder()} }

// Read returns the QR Code symbols among the finders of a look. The result is valid until the next call.
func (r *Reader) Read(look *luma.Look, finders []luma.Finder) []Found {
	r.look, r.finders, r.found = look, finders, r.found[:0]
	blurred := slices.ContainsFunc(finders, func(f luma.Finder) bool { return f.Blurred })
	if !blurred { // else this is the second try of one frame, without the triples of the first
		r.Missed.Reset()
		r.deep = 0
	}
	r.used = r.used[:0]
	for range finders {
		r.used = append(r.used, false)
	}
	if len(finders) < 3 {
		return r.found
	}
	r.findTriples()
	r.closed = 0
	if len(r.triples) > fewTriples {
		r.tryAll(true, blurred)
	}
	r.tryAll(false, blurred)
	return r.found
}

// fewTriples are so few that their order does not matter.
const fewTriples = 24

// tryAll reads the triples that are left, the best ones first. With plain only those are tried whose timing patterns are plainly there: where many symbols lie side
// by side most triples are of different ones, and those that are read use up their finders.
func (r *Reader) tryAll(plain, blurred bool) {
	f := r.finders
	for i := range r.triples {
		t := &r.triples[i]
		if r.Work < 0 {
			return
		}
		if plain && t.score >= farther {
			return
		}
		if t.done || r.used[t.tl] || r.used[t.tr] || r.used[t.bl] || blurred && !f[t.tl].Blurred && !f[t.tr].Blurred && !f[t.bl].Blurred {
			continue
		}
		before := r.Work
		if s, ok := r.try(t, plain); ok {
			r.used[t.tl], r.used[t.tr], r.used[t.bl] = true, true, true
			r.keep(s, before)
		} else {
			r.traceTriple(t)
		}
	}
}

// ReadPairs adds the symbols of which only two finders were seen to those that Read has found last.
func (r *Reader) ReadPairs() []Found {
	r.tryPairs()
	return r.found
}

// keep adds a symbol that was read, to which only what was in vain counts as work.
func (r *Reader) keep(f Found, before int) {
	r.Work = min(before, moreWork)
	r.found = append(r.found, f)
	r.useInside(&f.Corners)
}

// moreWork is what is spent in vain on a frame of which a symbol was read, for others.
const moreWork = 400_000

// useInside takes what looks a little like a finder within a symbol that was read for a part of it.
func (r *Reader) useInside(q *luma.Quad) {
	for i := range r.finders {
		if f := &r.finders[i]; f.Clean < cleanFinder && q.Contains(f.Center) {
			r.used[i] = true
		}
	}
}
