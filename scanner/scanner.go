// Package scanner reads 2D codes: one frame of 8-bit luma in, symbols out.
//
// It does no input or output, reads no clock and knows nothing of what the codes mean. A Scanner keeps its working memory from frame to frame,
// so it is not safe for concurrent use: use one for each goroutine. Any pixels of any size are valid input; what cannot be read is left out.
package scanner

import (
	"citygate/scanner/aztec"
	"citygate/scanner/datamatrix"
	"citygate/scanner/luma"
	"citygate/scanner/qr"
)

// Frame is a picture of 8-bit luma. It is the frame that a camera gives.
type Frame = luma.Frame

// MaxSide is the largest width or height of a frame, in pixels. A larger frame holds no symbols.
const MaxSide = luma.MaxSide

// Point is a place in a frame in pixels; the top left pixel covers 0..1 in both directions.
type Point struct{ X, Y float64 }

// Symbol is one code that was read, its error correction passed.
type Symbol struct {
	Format  Format
	Text    string   // the content as text, UTF-8
	Bytes   []byte   // the content as bytes, before any character set was applied
	Corners [4]Point // clockwise from the symbol's own top left corner, as far as they could be located
}

// Options choose what a Scanner looks for. The zero value is every format with the default limits.
type Options struct {
	Formats    Formats // symbologies to look for; 0 is all
	MaxSymbols int     // the most symbols reported for one frame; 0 is DefaultMaxSymbols
	Work       int     // the pixels sampled in vain, beyond the first look at a frame, after which it is given up; 0 is DefaultWork
}

// DefaultMaxSymbols is the most symbols reported for one frame unless the options say otherwise.
const DefaultMaxSymbols = 256

// DefaultWork is the work budget of a frame unless the options say otherwise. It is counted, not timed, and shared out to the symbologies, so that the same
// frame always gives the same symbols. A sample takes about 7 ns on a server and 25 ns on a small board. What a symbol took that was read is not counted.
const DefaultWork = 6_000_000

// Scanner finds and reads codes in frames, one frame at a time.
type Scanner struct {
	formats Formats
	max     int
	work    int
	found   []Symbol
	look    luma.Look
	finders luma.Finders
	qr      *qr.Reader
	matrix  *datamatrix.Reader
	aztec   *aztec.Reader
	single  singles
}

// New returns a Scanner for the given options.
func New(o Options) *Scanner {
	s := &Scanner{formats: o.Formats & AllFormats, max: o.MaxSymbols}
	if o.Formats == 0 {
		s.formats = AllFormats
	}
	if s.max <= 0 {
		s.max = DefaultMaxSymbols
	}
	if s.work = o.Work; s.work <= 0 {
		s.work = DefaultWork
	}
	if s.formats.Has(QR) {
		s.qr = qr.NewReader()
	}
	if s.formats.Has(DataMatrix) {
		s.matrix = datamatrix.NewReader()
	}
	if s.formats.Has(Aztec) {
		s.aztec = aztec.NewReader()
	}
	s.single = newSingles(s.formats)
	return s
}

// Scan returns the symbols in f. The result is valid until the next call. A frame whose dimensions do not fit its pixels holds none.
func (s *Scanner) Scan(f Frame) []Symbol {
	s.found = s.found[:0]
	if !f.Valid() {
		return nil
	}
	m := luma.Image{Pix: f.Pix, Stride: f.Stride, W: f.Width, H: f.Height}
	s.scanAt(m, 1)
	if len(s.found) == 0 && f.Width*f.Height <= zoomArea {
		s.scanAt(m, 3)
	}
	return s.found
}

// zoomArea is the area, in pixels, up to which a frame without symbols is looked at once more, enlarged: its modules may be single pixels.
const zoomArea = 320 * 320

// scanAt reads all symbologies from one look at the frame.
func (s *Scanner) scanAt(m luma.Image, zoom int) {
	s.look.At(m, zoom, s.formats.Has(Aztec))
	if s.formats&finderFormats != 0 {
		s.scanFinders()
	}
	if s.matrix != nil {
		s.matrix.Work = s.work / 10
		for _, f := range s.matrix.Read(&s.look) {
			s.add(Symbol{Format: DataMatrix, Text: f.Text, Bytes: f.Bytes, Corners: s.corners(f.Corners)})
		}
	}
	if s.aztec != nil {
		s.aztec.Work = s.work / 6
		for _, f := range s.aztec.Read(&s.look) {
			s.add(Symbol{Format: Aztec, Text: f.Text, Bytes: f.Bytes, Corners: s.corners(f.Corners)})
		}
	}
}

// scanFinders reads the symbols that finder patterns mark.
func (s *Scanner) scanFinders() {
	s.finders.Work = s.work / 15
	s.finders.Collect(&s.look)
	if s.qr != nil {
		s.scanQR()
	}
	s.scanSingles()
}

func (s *Scanner) scanQR() {
	s.qr.Work = s.work / 6
	found := s.qr.Read(&s.look, s.finders.Found)
	if len(found) == 0 {
		s.finders.Work = s.work / 20
		if s.finders.Blurred(&s.look) {
			s.qr.Read(&s.look, s.finders.Found)
		}
	}
	found = s.qr.ReadPairs()
	for _, f := range found {
		s.add(Symbol{Format: QR, Text: f.Text, Bytes: f.Bytes, Corners: s.corners(f.Corners)})
	}
}

// corners translates corners on the finest level, which may have a border, to the frame.
func (s *Scanner) corners(q luma.Quad) (c [4]Point) {
	for i, p := range q {
		c[i] = s.place(p)
	}
	return c
}

// add keeps a symbol unless the frame's limit is reached or the same one was read before.
func (s *Scanner) add(sym Symbol) {
	if len(s.found) >= s.max {
		return
	}
	for i := range s.found {
		if s.found[i].Format == sym.Format && s.found[i].Text == sym.Text && near(s.found[i].Corners, sym.Corners) {
			return
		}
	}
	s.found = append(s.found, sym)
}

// near reports whether two quadrilaterals are the same place: the centre of one lies within half a diagonal of the other's.
func near(a, b [4]Point) bool {
	var ca, cb Point
	for i := range a {
		ca.X, ca.Y = ca.X+a[i].X/4, ca.Y+a[i].Y/4
		cb.X, cb.Y = cb.X+b[i].X/4, cb.Y+b[i].Y/4
	}
	dx, dy := ca.X-cb.X, ca.Y-cb.Y
	wx, wy := a[0].X-a[2].X, a[0].Y-a[2].Y
	return 4*(dx*dx+dy*dy) <= wx*wx+wy*wy+1
}
