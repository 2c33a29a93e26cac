// Package luma looks at pixels: pictures of 8-bit luma and their pyramid, local thresholds, runs and concentric patterns, and the sampling of
// module grids. It knows no symbology; the packages that do build on it.
//
// Coordinates are continuous: the pixel in column x and row y covers [x, x+1) x [y, y+1). Halving a picture therefore halves coordinates exactly.
// Work is done on words of eight pixels. Nothing here allocates once the buffers have grown to the size of the frames.
package luma

import "encoding/binary"

// Image is a picture of 8-bit luma; row y is Pix[y*Stride : y*Stride+W].
type Image struct {
	Pix          []byte
	Stride, W, H int
}

// Row returns the pixels of row y.
func (m *Image) Row(y int) []byte { return m.Pix[y*m.Stride : y*m.Stride+m.W : y*m.Stride+m.W] }

// Pixel returns the value of the pixel at the continuous place (x, y), the nearest one where that lies outside.
func (m *Image) Pixel(x, y float64) int {
	ix, iy := min(max(int(x), 0), m.W-1), min(max(int(y), 0), m.H-1)
	return int(m.Pix[iy*m.Stride+ix])
}

// Inside reports whether (x, y) lies in the picture.
func (m *Image) Inside(x, y float64) bool {
	return x >= 0 && y >= 0 && x < float64(m.W) && y < float64(m.H)
}

// At returns the picture's value at (x, y), interpolated between the four nearest pixel centres, in 1/256 of a gray level. Outside of the
// picture its border continues.
func (m *Image) At(x, y float64) int {
	fx, fy := int(x*256)-128, int(y*256)-128
	ix, iy := fx>>8, fy>>8
	if uint(ix) >= uint(m.W-1) || uint(iy) >= uint(m.H-1) {
		return m.atBorder(fx, fy)
	}
	fx, fy = fx&255, fy&255
	o := iy*m.Stride + ix
	a, b := int(m.Pix[o])<<8+(int(m.Pix[o+1])-int(m.Pix[o]))*fx, 0
	o += m.Stride
	b = int(m.Pix[o])<<8 + (int(m.Pix[o+1])-int(m.Pix[o]))*fx
	return a + (b-a)*fy>>8
}

func (m *Image) atBorder(fx, fy int) int {
	ix, iy := min(max(fx>>8, 0), m.W-1), min(max(fy>>8, 0), m.H-1)
	return int(m.Pix[iy*m.Stride+ix]) << 8
}

// Halve writes the picture at half the size into dst, each pixel the rounded mean of four, reusing its buffer. An odd last row or column is lost.
// Rows of dst end on a multiple of eight bytes at least; what lies behind the last column repeats it.
func (m *Image) Halve(dst *Image) {
	w, h := m.W/2, m.H/2
	stride := (w + 7) &^ 7
	if n := stride * h; cap(dst.Pix) < n {
		dst.Pix = make([]byte, n)
	}
	dst.Pix, dst.Stride, dst.W, dst.H = dst.Pix[:stride*h], stride, w, h
	for y := range h {
		row := dst.Pix[y*stride : y*stride+stride]
		halveRows(row[:w], m.Row(2 * y)[:2*w], m.Row(2*y + 1)[:2*w])
		for x := w; x < stride; x++ {
			row[x] = row[w-1]
		}
	}
}

// halveRows averages squares of two rows into out, len(a) = len(b) = 2*len(out), eight output pixels in a step.
func halveRows(out, a, b []byte) {
	for len(out) >= 8 && len(a) >= 16 && len(b) >= 16 {
		lo := halve4(binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b))
		hi := halve4(binary.LittleEndian.Uint64(a[8:]), binary.LittleEndian.Uint64(b[8:]))
		binary.LittleEndian.PutUint64(out, lo|hi<<32)
		out, a, b = out[8:], a[16:], b[16:]
	}
	for i := range out {
		out[i] = byte((int(a[2*i]) + int(a[2*i+1]) + int(b[2*i]) + int(b[2*i+1]) + 2) / 4)
	}
}

// halve4 averages the four 2x2 squares of two words of eight pixels.
func halve4(x, y uint64) uint64 {
	const even = 0x00ff00ff00ff00ff
	s := x&even + x>>8&even + y&even + y>>8&even + 0x0002000200020002
	s = s >> 2 & even
	s = (s | s>>8) & 0x0000ffff0000ffff
	return (s | s>>16) & 0xffffffff
}
