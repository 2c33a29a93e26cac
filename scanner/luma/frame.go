package luma

// This file implements what every other one starts from: the picture itself.

// MaxSide is the largest width or height of a frame, in pixels. A larger frame is not looked at.
const MaxSide = 1 << 14

// Frame is a picture of 8-bit luma, 0 black and 255 white. Row y is Pix[y*Stride : y*Stride+Width].
type Frame struct {
	Pix                   []byte
	Stride, Width, Height int
}

// Valid reports whether the dimensions are within the limits and Pix holds all rows that they promise.
func (f Frame) Valid() bool {
	if f.Width < 1 || f.Height < 1 || f.Width > MaxSide || f.Height > MaxSide || f.Stride < f.Width {
		return false
	}
	return len(f.Pix) >= (f.Height-1)*f.Stride+f.Width
}
