package scanner

import (
	"citygate/scanner/lone"
	"citygate/scanner/luma"
	"citygate/scanner/microqr"
	"citygate/scanner/rmqr"
)

// This file joins the symbologies that have a single finder pattern. They look only at finder patterns that no QR Code symbol has used.

// singles reads Micro QR Code and rMQR, each only if it was asked for.
type singles struct {
	micro *microqr.Reader
	rect  *rmqr.Reader
	left  []luma.Finder // the finder patterns outside of all symbols
	seeds lone.Seeds
}

func newSingles(f Formats) (s singles) {
	if f.Has(MicroQR) {
		s.micro = microqr.NewReader()
	}
	if f.Has(RMQR) {
		s.rect = rmqr.NewReader()
	}
	return s
}

// finderFormats are the symbologies that are found by finder patterns.
const finderFormats = Formats(1<<QR | 1<<MicroQR | 1<<RMQR)

// scanSingles reads the symbols with a single finder pattern among the finders of the look.
func (s *Scanner) scanSingles() {
	if s.single.micro == nil && s.single.rect == nil {
		return
	}
	s.single.left = s.single.left[:0]
	for i := range s.finders.Found {
		if f := &s.finders.Found[i]; !s.taken(Point(f.Center.Sub(s.look.Origin).Mul(1 / s.look.Zoom))) {
			s.single.left = append(s.single.left, *f)
		}
	}
	s.single.seeds.Work = s.work / 12
	s.single.seeds.Collect(&s.look, s.single.left)
	if r := s.single.micro; r != nil {
		r.Work = s.work / 12
		for _, f := range r.Read(&s.look, s.single.seeds.Found) {
			s.add(Symbol{Format: MicroQR, Text: f.Text, Bytes: f.Bytes, Corners: s.corners(f.Corners)})
		}
	}
	if r := s.single.rect; r != nil {
		r.Work = s.work / 6
		for _, f := range r.Read(&s.look, s.single.seeds.Found) {
			s.add(Symbol{Format: RMQR, Text: f.Text, Bytes: f.Bytes, Corners: s.corners(f.Corners)})
		}
	}
}

// taken reports whether a place lies in a symbol that was read.
func (s *Scanner) taken(p Point) bool {
	for i := range s.found {
		if s.found[i].Format == QR && within(&s.found[i].Corners, p) {
			return true
		}
	}
	return false
}

// within reports whether p lies in a convex quadrilateral, whichever way its corners go round.
func within(q *[4]Point, p Point) bool {
	var c luma.Quad
	for i := range q {
		c[i] = luma.Point(q[i])
	}
	return c.Contains(luma.Point(p))
}
