package camera

// This file decodes the JPEG pictures of streams in pure Go.

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"citygate/internal/jpegluma"
	"citygate/scanner/luma"
)

// decoder decodes the JPEG pictures of one stream to luma.
type decoder interface {
	decode(b []byte, f *luma.Frame) error
}

// lumaDecoder is the decoder in pure Go. Its zero value is ready.
type lumaDecoder struct{ luma jpegluma.Decoder }

// decode puts a picture's luma into f. What the quick decoder is not for goes
// to the whole one.
func (d *lumaDecoder) decode(b []byte, f *luma.Frame) error {
	d.luma.Limit = MaxFramePixels
	p, err := d.luma.Decode(b, f.Pix)
	switch {
	case errors.Is(err, jpegluma.ErrUnsupported):
		return goJPEG(b, f)
	case errors.Is(err, jpegluma.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err := fits(p.Width, p.Height, MaxFramePixels); err != nil {
		return err
	}
	*f = luma.Frame{Pix: p.Pix, Stride: p.Stride, Width: p.Width, Height: p.Height}
	return nil
}

// goJPEG decodes a picture to luma with Go's own decoder.
func goJPEG(b []byte, f *luma.Frame) error {
	b, err := wholeJPEG(b)
	if err != nil {
		return err
	}
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return damaged("JPEG", err)
	}
	toLuma(m, f)
	return nil
}

// wholeJPEG checks a picture's size before it is decompressed, and puts in the
// Huffman tables that many cameras leave out of Motion JPEG.
func wholeJPEG(b []byte) ([]byte, error) {
	conf, err := jpeg.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, damaged("JPEG", err)
	}
	if err := fits(conf.Width, conf.Height, MaxFramePixels); err != nil {
		return nil, err
	}
	scan := segment(b, 0xda)
	if scan < 0 {
		return nil, fmt.Errorf("%w: damaged JPEG picture: it has no scan", ErrBroken)
	}
	if tables := segment(b, 0xc4); tables >= 0 {
		return b, nil
	}
	standard, err := standardTables()
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{b[:scan], standard, b[scan:]}, nil), nil
}

// segment finds the first marker of a kind before the picture's data, or -1.
func segment(b []byte, marker byte) int {
	for at := 2; at+4 <= len(b) && b[at] == 0xff; {
		kind := b[at+1]
		if kind == marker {
			return at
		}
		if kind == 0xff {
			at++
			continue
		}
		if kind == 0xda {
			break
		}
		at += 2 + int(b[at+2])<<8 + int(b[at+3])
	}
	return -1
}

// standardTables are the Huffman tables of ITU-T T.81, annex K.3, as Go's
// encoder writes them.
func standardTables() ([]byte, error) {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio420), nil); err != nil {
		return nil, err
	}
	b := out.Bytes()
	from, to := segment(b, 0xc4), segment(b, 0xda)
	if from < 0 || to < from {
		return nil, fmt.Errorf("%w: no standard tables", ErrBroken)
	}
	return b[from:to], nil
}
