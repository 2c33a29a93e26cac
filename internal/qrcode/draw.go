package qrcode

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"strconv"
	"strings"
)

// MaxScale is the largest number of pixels for a module in a picture: a version 40 symbol is then 11,840 pixels wide.
const MaxScale = 64

// Image gives a black and white picture with the quiet zone and scale pixels for each module; scale is limited to 1..MaxScale.
func (m Matrix) Image(scale int) *image.Paletted {
	scale = min(max(scale, 1), MaxScale)
	side := (m.size + 2*QuietZone) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range m.size {
		top := (y + QuietZone) * scale
		row := img.Pix[top*img.Stride : top*img.Stride+side]
		for x := range m.size {
			if m.dark[y*m.size+x] {
				for i := range scale {
					row[(x+QuietZone)*scale+i] = 1
				}
			}
		}
		for i := 1; i < scale; i++ {
			copy(img.Pix[(top+i)*img.Stride:], row)
		}
	}
	return img
}

// PNG gives the picture of Image as a PNG file of one bit for each pixel.
func (m Matrix) PNG(scale int) []byte { return new(Encoder).PNG(m, scale) }

// SVG gives the symbol with its quiet zone as an SVG document in which a module is moduleMM millimetres wide. The dark modules are one
// path, so that printing leaves no hair lines between them.
func (m Matrix) SVG(moduleMM float64) []byte {
	side := m.size + 2*QuietZone
	mm := strconv.FormatFloat(float64(side)*moduleMM, 'f', -1, 64)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%smm" height="%smm" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, mm, mm, side, side)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`, side, side, m.Path())
	b.WriteByte('\n')
	return b.Bytes()
}

// Path gives the dark modules as the data of one SVG path, in modules, with the quiet zone to the left and above.
func (m Matrix) Path() string {
	var b strings.Builder
	for y := range m.size {
		for x := 0; x < m.size; {
			if !m.At(x, y) {
				x++
				continue
			}
			from := x
			for m.At(x, y) {
				x++
			}
			n := strconv.Itoa(x - from)
			b.WriteString("M" + strconv.Itoa(from+QuietZone) + " " + strconv.Itoa(y+QuietZone) + "h" + n + "v1h-" + n + "z")
		}
	}
	return b.String()
}
