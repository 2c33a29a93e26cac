package camera_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"citygate/scanner"
	"citygate/scanner/camera"

	"golang.org/x/image/bmp"
	"pgregory.net/rapid"
)

// ramp is a small picture with every level in it.
func ramp() *image.Gray {
	m := image.NewGray(image.Rect(0, 0, 32, 24))
	for i := range m.Pix {
		m.Pix[i] = byte(i * 255 / (len(m.Pix) - 1))
	}
	return m
}

func pgm(m *image.Gray) []byte {
	return append(fmt.Appendf(nil, "P5\n# a comment\n%d %d\n255\n", m.Rect.Dx(), m.Rect.Dy()), m.Pix...)
}

func plainPGM(m *image.Gray) []byte {
	b := fmt.Appendf(nil, "P2 %d %d 255", m.Rect.Dx(), m.Rect.Dy())
	for _, v := range m.Pix {
		b = fmt.Appendf(b, "\n%d", v)
	}
	return b
}

func encode(t testing.TB, f func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// formats are the ramp in every format that can be written here.
func formats(t testing.TB) map[string][]byte {
	m := ramp()
	colour := image.NewRGBA(m.Rect)
	for i, v := range m.Pix {
		copy(colour.Pix[i*4:], []byte{v, v, v, 255})
	}
	return map[string][]byte{
		"gray.png": encode(t, func(b *bytes.Buffer) error { return png.Encode(b, m) }),
		"rgba.png": encode(t, func(b *bytes.Buffer) error { return png.Encode(b, colour) }),
		"gray.jpg": encode(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 100}) }),
		"rgba.jpg": encode(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, colour, &jpeg.Options{Quality: 100}) }),
		"gray.bmp": encode(t, func(b *bytes.Buffer) error { return bmp.Encode(b, m) }),
		"rgba.bmp": encode(t, func(b *bytes.Buffer) error { return bmp.Encode(b, colour) }),
		"gray.gif": encode(t, func(b *bytes.Buffer) error {
			p := image.NewPaletted(m.Rect, nil)
			for v := range 256 {
				p.Palette = append(p.Palette, color.Gray{Y: byte(v)})
			}
			copy(p.Pix, m.Pix)
			return gif.Encode(b, p, nil)
		}),
		"gray.pgm":  pgm(m),
		"plain.pgm": plainPGM(m),
	}
}

func TestFormats(t *testing.T) {
	want := ramp()
	for name, b := range formats(t) {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := camera.LoadImage(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := differ(f, want); d > 3 {
			t.Errorf("%s: a level is off by %d", name, d)
		}
	}
}

// differ returns the largest difference of levels, or 256 for another size.
func differ(f scanner.Frame, want *image.Gray) int {
	if f.Width != want.Rect.Dx() || f.Height != want.Rect.Dy() {
		return 256
	}
	worst := 0
	for y := range f.Height {
		for x := range f.Width {
			d := int(f.Pix[y*f.Stride+x]) - int(want.Pix[y*want.Stride+x])
			worst = max(worst, d, -d)
		}
	}
	return worst
}

func TestColoursAndTransparency(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 4, 1))
	for x, c := range []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 0, 0}, {0, 0, 0, 128}} {
		m.SetNRGBA(x, 0, c)
	}
	b := encode(t, func(b *bytes.Buffer) error { return png.Encode(b, m) })
	f, err := camera.DecodeImage(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Pix[:4], []byte{76, 150, 255, 127}; !bytes.Equal(got, want) {
		t.Errorf("levels %d, not %d", got, want)
	}
}

// TestWebP reads a lossless picture of 1x1 pixel.
func TestWebP(t *testing.T) {
	b := []byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00")
	f, err := camera.DecodeImage(b)
	if err != nil || f.Width != 1 || f.Height != 1 {
		t.Fatalf("%+v, %v", f, err)
	}
}

func TestBadPictures(t *testing.T) {
	whole := formats(t)
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"nothing":         {nil, camera.ErrFormat},
		"text":            {[]byte("It was a dark and stormy night."), camera.ErrFormat},
		"film":            {[]byte("RIFF\x00\x00\x00\x00AVI LIST"), camera.ErrFormat},
		"cut png":         {whole["gray.png"][:60], camera.ErrBroken},
		"cut jpeg":        {whole["gray.jpg"][:400], camera.ErrBroken},
		"cut pgm":         {whole["gray.pgm"][:40], camera.ErrBroken},
		"pgm without end": {[]byte("P5 "), camera.ErrBroken},
		"pgm of nothing":  {[]byte("P5 0 9 255 "), camera.ErrBroken},
		"pgm bomb":        {[]byte("P5 60000 60000 255 "), camera.ErrTooLarge},
		"pgm overflow":    {[]byte("P5 99999999999999999999 1 255 "), camera.ErrBroken},
		"pgm sample":      {[]byte("P2 1 1 10 11"), camera.ErrBroken},
		"png bomb":        {pngBomb(t), camera.ErrTooLarge},
		"gif bomb":        {[]byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff"), camera.ErrTooLarge},
	} {
		if _, err := camera.DecodeImage(c.bytes); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", name, err, c.want)
		}
	}
	if _, err := camera.LoadImage(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// pngBomb is a PNG of a few bytes that says it has 4 thousand million pixels.
func pngBomb(t *testing.T) []byte {
	b := encode(t, func(b *bytes.Buffer) error { return png.Encode(b, image.NewGray(image.Rect(0, 0, 1, 1))) })
	// IHDR with width and height 65535, and its checksum.
	copy(b[16:], []byte{0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff})
	copy(b[29:], checksum(b[12:29]))
	return b
}

// checksum is the CRC of PNG (ISO/IEC 15948, 5.5), big-endian.
func checksum(b []byte) []byte {
	c := ^uint32(0)
	for _, v := range b {
		c ^= uint32(v)
		for range 8 {
			c = c>>1 ^ 0xedb88320*(c&1)
		}
	}
	c = ^c
	return []byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)}
}

func TestPGMDepths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 9).Draw(t, "w"), rapid.IntRange(1, 9).Draw(t, "h")
		white := rapid.IntRange(1, 65535).Draw(t, "white")
		b := fmt.Appendf(nil, "P5 %d %d %d\n", w, h, white)
		want := image.NewGray(image.Rect(0, 0, w, h))
		for i := range want.Pix {
			v := rapid.IntRange(0, white).Draw(t, "sample")
			if white > 255 {
				b = append(b, byte(v>>8))
			}
			b = append(b, byte(v))
			want.Pix[i] = byte((v*255 + white/2) / white)
		}
		f, err := camera.DecodeImage(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := differ(f, want); d > 0 {
			t.Fatalf("a level is off by %d", d)
		}
	})
}

func FuzzDecodeImage(f *testing.F) {
	for _, b := range formats(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := camera.DecodeImage(b)
		if err != nil {
			return
		}
		if len(frame.Pix) < (frame.Height-1)*frame.Stride+frame.Width || frame.Stride < frame.Width || frame.Width < 1 || frame.Height < 1 {
			t.Fatalf("%d bytes for %dx%d with stride %d", len(frame.Pix), frame.Width, frame.Height, frame.Stride)
		}
	})
}
