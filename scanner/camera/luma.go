package camera

// This file turns pictures into luma.

import (
	"image"
	"image/color"

	"citygate/scanner/luma"
)

// luma puts a picture into f. The luma plane of a JPEG and a grey picture are
// taken over without a copy; everything else is weighed as ITU-R BT.601 does.
func toLuma(m image.Image, f *luma.Frame) {
	b := m.Bounds()
	f.Width, f.Height = b.Dx(), b.Dy()
	switch m := m.(type) {
	case *image.Gray:
		f.Pix, f.Stride = m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride
		return
	case *image.YCbCr:
		f.Pix, f.Stride = m.Y[m.YOffset(b.Min.X, b.Min.Y):], m.YStride
		return
	}
	reserve(f, f.Width, f.Height)
	switch m := m.(type) {
	case *image.RGBA:
		weigh(f, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride)
	case *image.NRGBA:
		weigh(f, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride)
	case *image.Paletted:
		palette(f, m)
	default:
		for y := range f.Height {
			row := f.Pix[y*f.Stride:][:f.Width]
			for x := range row {
				row[x] = onWhite(m.At(b.Min.X+x, b.Min.Y+y))
			}
		}
	}
}

// reserve gives f tightly packed rows, in its own memory where that suffices.
func reserve(f *luma.Frame, w, h int) {
	if cap(f.Pix) < w*h {
		f.Pix = make([]byte, w*h)
	}
	f.Pix, f.Stride, f.Width, f.Height = f.Pix[:w*h], w, w, h
}

// weigh reads RGBA or NRGBA pixels; the two differ only where a pixel is
// partly transparent, and there the difference is that of the white below.
func weigh(f *luma.Frame, pix []byte, stride int) {
	for y := range f.Height {
		row, src := f.Pix[y*f.Stride:][:f.Width], pix[y*stride:]
		for x := range row {
			p := src[x*4 : x*4+4 : x*4+4]
			v := (19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16
			if a := uint32(p[3]); a != 255 {
				v = min((v*a+(255-a)*255)/255, 255)
			}
			row[x] = byte(v)
		}
	}
}

func palette(f *luma.Frame, m *image.Paletted) {
	var level [256]byte
	for i, c := range m.Palette {
		if i < len(level) {
			level[i] = onWhite(c)
		}
	}
	b := m.Bounds()
	for y := range f.Height {
		src := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):][:f.Width]
		row := f.Pix[y*f.Stride:][:f.Width]
		for x, i := range src {
			row[x] = level[i]
		}
	}
}

// onWhite is the luma of a colour on white paper.
func onWhite(c color.Color) byte {
	r, g, b, a := c.RGBA() // multiplied with alpha
	y := (19595*uint64(r) + 38470*uint64(g) + 7471*uint64(b) + 1<<15) >> 16
	return byte(min(y+uint64(0xffff-a), 0xffff) >> 8)
}
