package qrcode_test

import (
	"bytes"
	"image/color"
	"image/png"
	"testing"

	"citygate/internal/qrcode"
)

// A PNG file has the pixels of Image, at every scale, also from an encoder that has made others before.
func TestPNG(t *testing.T) {
	var e qrcode.Encoder
	for _, text := range []string{"A", city(300), city(787)} {
		m, err := e.Encode(text, qrcode.M)
		if err != nil {
			t.Fatal(err)
		}
		for _, scale := range []int{-1, 1, 2, 3, 7, 8} {
			raw := e.PNG(m, scale)
			if !bytes.Equal(raw, m.PNG(scale)) {
				t.Errorf("scale %d: a used encoder makes another file", scale)
			}
			got, err := png.Decode(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			want := m.Image(scale)
			if got.Bounds() != want.Bounds() {
				t.Fatalf("scale %d: %v, want %v", scale, got.Bounds(), want.Bounds())
			}
			for y := range want.Bounds().Dy() {
				for x := range want.Bounds().Dx() {
					if color.GrayModel.Convert(got.At(x, y)) != color.GrayModel.Convert(want.At(x, y)) {
						t.Fatalf("scale %d: pixel %d,%d is %v", scale, x, y, got.At(x, y))
					}
				}
			}
		}
	}
}
