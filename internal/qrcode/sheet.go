package qrcode

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A4 is the page of a sheet, in millimetres.
const (
	a4Width  = 210
	a4Height = 297
	margin   = 10  // on each side of the page
	gap      = 3   // between labels
	caption  = 3.5 // height of the line below a symbol
	perInch  = 72 / 25.4
)

// A Sheet writes labels, each a symbol with its quiet zone and a line of text below, in rows on A4 pages of one PDF file. It keeps one page in
// memory, so a hundred thousand labels need no more than ten. It is not safe for concurrent use.
//
// The file is PDF 1.4 with one compressed stream for each page; symbols are one-bit image masks, so that every module is a whole number of device dots wherever
// the printer's resolution allows it.
type Sheet struct {
	w      *bufio.Writer
	module float64 // millimetres

	offset  int   // bytes written
	objects []int // offset of each object, from number 1
	pages   []int // object numbers
	page    bytes.Buffer
	x, y    float64 // where the next label goes, from the top left, in millimetres
	row     float64 // height of the highest label in this row
	empty   bool    // the page has no label
	err     error
}

// Objects with fixed numbers.
const (
	catalogObject = 1
	pagesObject   = 2
	fontObject    = 3
)

// NewSheet begins a file whose modules are moduleMM millimetres wide.
func NewSheet(w io.Writer, moduleMM float64) (*Sheet, error) {
	if !(moduleMM > 0 && moduleMM <= 10) {
		return nil, fmt.Errorf("a module of %v mm does not fit a sheet", moduleMM)
	}
	s := &Sheet{w: bufio.NewWriter(w), module: moduleMM, objects: make([]int, fontObject), x: margin, y: margin, empty: true}
	s.printf("%%PDF-1.4\n%%\xe2\xe3\xcf\xd3\n")
	return s, s.err
}

// Add puts a label on the sheet. The text is ASCII; it is cut to the label's width. It fails if a symbol is wider than a page.
func (s *Sheet) Add(m Matrix, text string) error {
	side := float64(m.size+2*QuietZone) * s.module
	height := side + caption
	if side > a4Width-2*margin || height > a4Height-2*margin {
		return fmt.Errorf("a symbol of %.0f mm does not fit a page", side)
	}
	if s.x+side > a4Width-margin {
		s.x, s.y, s.row = margin, s.y+s.row+gap, 0
	}
	if s.y+height > a4Height-margin {
		s.flush()
	}
	s.draw(m, side, text)
	s.x, s.row, s.empty = s.x+side+gap, max(s.row, height), false
	return s.err
}

// draw appends a label to the page: the mask with a bit for each module, quiet zone included, and the text. PDF counts from the bottom.
func (s *Sheet) draw(m Matrix, side float64, text string) {
	left, bottom := s.x*perInch, (a4Height-s.y-side)*perInch
	n := m.size + 2*QuietZone
	fmt.Fprintf(&s.page, "q %.4f 0 0 %.4f %.4f %.4f cm BI /W %d /H %d /IM true /BPC 1 /D [1 0] ID ", side*perInch, side*perInch, left, bottom, n, n)
	for y := range n {
		line := make([]byte, (n+7)/8)
		for x := range n {
			if m.At(x-QuietZone, y-QuietZone) {
				line[x/8] |= 0x80 >> (x % 8)
			}
		}
		s.page.Write(line)
	}
	const points = 6 // 0.5 em is about the mean width of Helvetica's capitals and digits
	if most := int(side * perInch / (points * 0.62)); len(text) > most {
		text = text[:max(most-3, 0)] + "..."
	}
	fmt.Fprintf(&s.page, "\nEI Q BT /F1 %d Tf %.4f %.4f Td (%s) Tj ET\n", points, left+float64(QuietZone)*s.module*perInch, bottom-points, escape(text))
}

// escape makes a PDF string of printable ASCII.
func escape(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c == '(' || c == ')' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ' && c <= '~':
			b.WriteByte(c)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

// flush writes the page and begins another.
func (s *Sheet) flush() {
	var z bytes.Buffer
	zw := zlib.NewWriter(&z)
	_, err := zw.Write(s.page.Bytes())
	s.fail(errors.Join(err, zw.Close()))
	content := s.object()
	s.printf("<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream endobj\n", z.Len(), z.Bytes())
	s.pages = append(s.pages, s.object())
	s.printf("<</Type/Page/Parent %d 0 R/MediaBox[0 0 %.2f %.2f]/Contents %d 0 R/Resources<</Font<</F1 %d 0 R>>>>>>endobj\n",
		pagesObject, a4Width*perInch, a4Height*perInch, content, fontObject)
	s.page.Reset()
	s.x, s.y, s.row, s.empty = margin, margin, 0, true
}

// object begins the next object and gives its number.
func (s *Sheet) object() int {
	s.objects = append(s.objects, s.offset)
	s.printf("%d 0 obj ", len(s.objects))
	return len(s.objects)
}

// fixed begins an object with a number that was given before.
func (s *Sheet) fixed(n int) {
	s.objects[n-1] = s.offset
	s.printf("%d 0 obj ", n)
}

// Close writes the last page and the file's directory. A sheet without labels has one empty page. It does not close the writer below.
func (s *Sheet) Close() error {
	if !s.empty || len(s.pages) == 0 {
		s.flush()
	}
	s.fixed(catalogObject)
	s.printf("<</Type/Catalog/Pages %d 0 R>>endobj\n", pagesObject)
	s.fixed(pagesObject)
	s.printf("<</Type/Pages/Count %d/Kids[", len(s.pages))
	for _, n := range s.pages {
		s.printf("%d 0 R ", n)
	}
	s.printf("]>>endobj\n")
	s.fixed(fontObject)
	s.printf("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n")
	start := s.offset
	s.printf("xref\n0 %d\n0000000000 65535 f \n", len(s.objects)+1)
	for _, at := range s.objects {
		s.printf("%010d 00000 n \n", at)
	}
	s.printf("trailer <</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(s.objects)+1, catalogObject, start)
	s.fail(s.w.Flush())
	return s.err
}

func (s *Sheet) printf(format string, args ...any) {
	n, err := fmt.Fprintf(s.w, format, args...)
	s.offset += n
	s.fail(err)
}

// fail keeps the first error.
func (s *Sheet) fail(err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("write sheet: %w", err)
	}
}
