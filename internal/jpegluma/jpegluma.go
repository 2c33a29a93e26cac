// Package jpegluma decodes the luma of baseline JPEG pictures, and nothing
// else: of the colour it only reads past the bits. For Motion JPEG, where luma
// is all that is wanted, it takes a third of the time of a whole decoder and
// no memory for each picture.
//
// It follows ITU-T T.81 (ISO/IEC 10918-1): the sequential DCT process with
// Huffman coding and samples of 8 bits. What it does not do (progressive and
// arithmetic coding, 12 bits, colours that are not YCbCr, luma that is not
// sampled most finely, pictures without tables of their own) is ErrUnsupported;
// the caller then takes a whole decoder. Damaged pictures give ErrDamaged, as
// far as damage shows.
package jpegluma

import (
	"errors"
	"fmt"
)

// Errors that a caller tells apart.
var (
	ErrUnsupported = errors.New("this kind of JPEG picture is not for the luma decoder")
	ErrDamaged     = errors.New("damaged JPEG picture")
	ErrTooLarge    = errors.New("the JPEG picture is too large")
)

// Picture is a picture's luma. Row y is Pix[y*Stride : y*Stride+Width]; what
// lies between the rows is the rest of the coded blocks.
type Picture struct {
	Pix                   []byte
	Stride, Width, Height int
}

// Decoder decodes pictures one after the other. Its zero value is ready but
// for Limit. It is not safe for concurrent use.
type Decoder struct {
	Limit int // the most pixels of a picture, width times height

	width, height int
	parts         []component
	finest        [2]int // the largest sampling factors
	quant         [4][64]int32
	quantSet      [4]bool
	dc, ac        [4]huffman
	restart       int // MCUs between restart markers; 0 is none
	ycc           bool
	bits          bitReader
	block         [64]int32
}

// component is one plane of the picture as the frame header describes it.
type component struct {
	id, h, v, quant int
	dc, ac          int // tables of the scan
	last            int32
}

// Markers of table B.1.
const (
	sof0 = 0xc0 // baseline
	sof1 = 0xc1 // extended sequential
	dht  = 0xc4
	rst0 = 0xd0
	soi  = 0xd8
	eoi  = 0xd9
	sos  = 0xda
	dqt  = 0xdb
	dri  = 0xdd
	appE = 0xee // Adobe: says whether the colours are YCbCr
)

// Decode decodes a picture's luma into buf, if that is large enough, or into
// new memory.
func (d *Decoder) Decode(b, buf []byte) (Picture, error) {
	d.parts, d.restart, d.ycc = d.parts[:0], 0, true
	d.quantSet = [4]bool{}
	for i := range d.dc {
		d.dc[i].set, d.ac[i].set = false, false
	}
	if len(b) < 4 || b[0] != 0xff || b[1] != soi {
		return Picture{}, fmt.Errorf("%w: it does not begin as one", ErrDamaged)
	}
	for at := 2; ; {
		for at+1 < len(b) && b[at] == 0xff && b[at+1] == 0xff {
			at++ // fill bytes, B.1.1.2
		}
		if at+4 > len(b) || b[at] != 0xff {
			return Picture{}, fmt.Errorf("%w: no marker at byte %d", ErrDamaged, at)
		}
		marker, n := b[at+1], int(b[at+2])<<8|int(b[at+3])
		if n < 2 || at+2+n > len(b) {
			return Picture{}, fmt.Errorf("%w: segment %#x ends early", ErrDamaged, marker)
		}
		body := b[at+4 : at+2+n]
		at += 2 + n
		if marker == sos {
			return d.scan(body, b[at:], buf)
		}
		if err := d.segment(marker, body); err != nil {
			return Picture{}, err
		}
	}
}

// segment reads one marker segment before the scan.
func (d *Decoder) segment(marker byte, body []byte) error {
	switch {
	case marker == sof0 || marker == sof1:
		return d.frameHeader(body)
	case marker == dht:
		return d.huffmanTables(body)
	case marker == dqt:
		return d.quantTables(body)
	case marker == dri:
		if len(body) != 2 {
			return fmt.Errorf("%w: restart interval", ErrDamaged)
		}
		d.restart = int(body[0])<<8 | int(body[1])
	case marker == appE && len(body) >= 12 && string(body[:5]) == "Adobe":
		d.ycc = body[11] == 1
	case marker > sof1 && marker < 0xd0: // other processes
		return ErrUnsupported
	case marker == eoi || marker < sof0:
		return fmt.Errorf("%w: marker %#x before the scan", ErrDamaged, marker)
	}
	return nil
}

// frameHeader reads B.2.2.
func (d *Decoder) frameHeader(b []byte) error {
	if len(b) < 6 || len(b) != 6+3*int(b[5]) || len(d.parts) > 0 {
		return fmt.Errorf("%w: frame header", ErrDamaged)
	}
	d.height, d.width = int(b[1])<<8|int(b[2]), int(b[3])<<8|int(b[4])
	parts := int(b[5])
	if b[0] != 8 || d.height == 0 || parts != 1 && parts != 3 {
		return ErrUnsupported
	}
	if d.width == 0 {
		return fmt.Errorf("%w: no width", ErrDamaged)
	}
	if d.width*d.height > d.Limit {
		return fmt.Errorf("%w: %dx%d pixels, more than %d", ErrTooLarge, d.width, d.height, d.Limit)
	}
	d.finest = [2]int{1, 1}
	for i := range parts {
		c := b[6+3*i:]
		p := component{id: int(c[0]), h: int(c[1] >> 4), v: int(c[1] & 15), quant: int(c[2])}
		if p.h < 1 || p.h > 4 || p.v < 1 || p.v > 4 || p.quant > 3 {
			return fmt.Errorf("%w: component %d", ErrDamaged, i)
		}
		d.finest = [2]int{max(d.finest[0], p.h), max(d.finest[1], p.v)}
		d.parts = append(d.parts, p)
	}
	if y := d.parts[0]; y.h != d.finest[0] || y.v != d.finest[1] {
		return ErrUnsupported
	}
	if parts == 3 && d.parts[0].id == 'R' && d.parts[1].id == 'G' {
		d.ycc = false
	}
	return nil
}

// quantTables reads B.2.4.1. The tables are kept in the order of the block.
func (d *Decoder) quantTables(b []byte) error {
	for len(b) > 0 {
		wide, id := b[0]>>4, b[0]&15
		if wide > 0 {
			return ErrUnsupported
		}
		if id > 3 || len(b) < 65 {
			return fmt.Errorf("%w: quantisation table", ErrDamaged)
		}
		for k := range 64 {
			d.quant[id][zigzag[k]] = int32(b[1+k])
		}
		d.quantSet[id] = true
		b = b[65:]
	}
	return nil
}

// zigzag is the place in a block of the k-th coefficient of the bit stream
// (figure A.6), with room for a damaged stream that runs over the end.
var zigzag = [64 + 16]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
	63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
}
