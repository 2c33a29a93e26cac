package scanner

import (
	"bytes"
	"fmt"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/aztec"
)

// This file implements reading through gozxing, for the symbologies that have no reader of our own.

// scanLibrary reads f with gozxing's readers, upright and with light and dark exchanged.
func (s *Scanner) scanLibrary(f Frame) {
	src := luminance(f)
	for _, inverted := range []bool{false, true} {
		if inverted {
			src = src.inverted()
		}
		if s.formats.Has(Aztec) {
			s.readWith(src, Aztec, func(b *gozxing.BinaryBitmap, h hints) ([]*gozxing.Result, error) {
				return one(aztec.NewAztecReader().Decode(b, h))
			})
		}
	}
}

type hints = map[gozxing.DecodeHintType]interface{}

func one(r *gozxing.Result, err error) ([]*gozxing.Result, error) {
	if err != nil {
		return nil, err
	}
	return []*gozxing.Result{r}, nil
}

// readWith runs one reader on the local and then on the global binarisation, and keeps what it reads. gozxing indexes its matrices without checks
// in places, so a picture can make it panic: that is a picture it cannot read.
func (s *Scanner) readWith(src *lumaSource, format Format, read func(*gozxing.BinaryBitmap, hints) ([]*gozxing.Result, error)) {
	for _, binarizer := range []gozxing.Binarizer{gozxing.NewHybridBinarizer(src), gozxing.NewGlobalHistgramBinarizer(src)} {
		results, err := guarded(binarizer, read)
		if err != nil || len(results) == 0 {
			continue
		}
		for _, r := range results {
			s.add(symbolOf(format, r))
		}
		return
	}
}

func guarded(b gozxing.Binarizer, read func(*gozxing.BinaryBitmap, hints) ([]*gozxing.Result, error)) (r []*gozxing.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, fmt.Errorf("gozxing: %v", p)
		}
	}()
	bitmap, err := gozxing.NewBinaryBitmap(b)
	if err != nil {
		return nil, err
	}
	return read(bitmap, hints{gozxing.DecodeHintType_TRY_HARDER: true})
}

// symbolOf translates a result. gozxing gives points of the patterns, not the symbol's corners, so the corners are those points completed to
// a parallelogram. Only the byte segments are known as bytes; a text without any is its own bytes.
func symbolOf(format Format, r *gozxing.Result) Symbol {
	sym := Symbol{Format: format, Text: r.GetText(), Bytes: []byte(r.GetText())}
	if segs, ok := r.GetResultMetadata()[gozxing.ResultMetadataType_BYTE_SEGMENTS].([][]byte); ok && len(segs) == 1 {
		if len(segs[0]) >= len(sym.Text) || bytes.Equal(segs[0], sym.Bytes) {
			sym.Bytes = bytes.Clone(segs[0])
		}
	}
	at := func(i int) Point { return Point{r.GetResultPoints()[i].GetX(), r.GetResultPoints()[i].GetY()} }
	if len(r.GetResultPoints()) >= 4 {
		sym.Corners = [4]Point{at(0), at(1), at(2), at(3)}
	}
	return sym
}

// lumaSource is gozxing's view of a frame: its rows packed without gaps.
type lumaSource struct {
	gozxing.LuminanceSourceBase
	pix []byte
}

// luminance returns f as a source. Rows that already lie without gaps are not copied.
func luminance(f Frame) *lumaSource {
	pix := f.Pix[:(f.Height-1)*f.Stride+f.Width]
	if f.Stride != f.Width {
		pix = make([]byte, 0, f.Width*f.Height)
		for y := range f.Height {
			pix = append(pix, f.Pix[y*f.Stride:y*f.Stride+f.Width]...)
		}
	}
	return &lumaSource{gozxing.LuminanceSourceBase{Width: f.Width, Height: f.Height}, pix}
}

// inverted returns the source with light and dark exchanged.
func (l *lumaSource) inverted() *lumaSource {
	pix := make([]byte, len(l.pix))
	for i, v := range l.pix {
		pix[i] = 255 - v
	}
	return &lumaSource{l.LuminanceSourceBase, pix}
}

// GetRow returns row y, copied into row where that is large enough.
func (l *lumaSource) GetRow(y int, row []byte) ([]byte, error) {
	if y < 0 || y >= l.Height {
		return row, fmt.Errorf("row %d is outside of the frame", y)
	}
	return append(row[:0], l.pix[y*l.Width:(y+1)*l.Width]...), nil
}

// GetMatrix returns all rows.
func (l *lumaSource) GetMatrix() []byte { return l.pix }

// Invert returns the source with light and dark exchanged.
func (l *lumaSource) Invert() gozxing.LuminanceSource { return l.inverted() }

// String names the source in gozxing's messages.
func (l *lumaSource) String() string { return "frame" }
