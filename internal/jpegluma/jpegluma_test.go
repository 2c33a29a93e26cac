package jpegluma_test

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"citygate/internal/jpegluma"
	"citygate/internal/scene"

	"pgregory.net/rapid"
)

const limit = 1 << 24

// planeOf is the luma that Go's decoder gives, and whether the picture has one.
func planeOf(t testing.TB, b []byte) (pix []byte, stride, w, h int, ok bool) {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	w, h = m.Bounds().Dx(), m.Bounds().Dy()
	switch m := m.(type) {
	case *image.YCbCr:
		return m.Y, m.YStride, w, h, true
	case *image.Gray:
		return m.Pix, m.Stride, w, h, true
	}
	return nil, 0, w, h, false
}

// same compares with Go's decoder. Two inverse transforms may round apart.
func same(t testing.TB, name string, p jpegluma.Picture, b []byte) {
	t.Helper()
	pix, stride, w, h, _ := planeOf(t, b)
	if p.Width != w || p.Height != h || len(p.Pix) < (h-1)*p.Stride+w {
		t.Fatalf("%s: %dx%d with %d bytes, not %dx%d", name, p.Width, p.Height, len(p.Pix), w, h)
	}
	for y := range h {
		for x := range w {
			d := int(p.Pix[y*p.Stride+x]) - int(pix[y*stride+x])
			if d > 2 || d < -2 {
				t.Fatalf("%s: the level at %d,%d is %d, not %d", name, x, y, p.Pix[y*p.Stride+x], pix[y*stride+x])
			}
		}
	}
}

// goRoot is where the Go source is, or nothing if there is no go command.
func goRoot() string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "none"
	}
	return strings.TrimSpace(string(out))
}

// TestGoPictures reads the pictures that Go's own decoder is tested with.
func TestGoPictures(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(goRoot(), "src", "image", "testdata", "*.jpeg"))
	if len(files) == 0 {
		t.Skip("the Go source has no test pictures here")
	}
	d := jpegluma.Decoder{Limit: limit}
	read := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		other := strings.Contains(name, "progressi") || strings.Contains(name, "rgb") || strings.Contains(name, "cmyk")
		p, err := d.Decode(b, nil)
		switch {
		case other && !errors.Is(err, jpegluma.ErrUnsupported):
			t.Errorf("%s: %v", name, err)
		case !other && err != nil && !errors.Is(err, jpegluma.ErrUnsupported):
			t.Errorf("%s: %v", name, err)
		case err == nil:
			same(t, name, p, b)
			read++
		}
	}
	if read < 10 {
		t.Errorf("only %d of %d pictures were read", read, len(files))
	}
}

func TestAnyPicture(t *testing.T) {
	d := jpegluma.Decoder{Limit: limit}
	var buf []byte
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 70).Draw(t, "w"), rapid.IntRange(1, 70).Draw(t, "h")
		noise := rapid.Uint64().Draw(t, "seed")
		rough := rapid.IntRange(0, 255).Draw(t, "roughness")
		level := func() byte {
			noise ^= noise << 13
			noise ^= noise >> 7
			noise ^= noise << 17
			return byte(128 + int(noise>>20%256)*rough/255 - rough/2)
		}
		var m image.Image
		if rapid.Bool().Draw(t, "colour") {
			c := image.NewRGBA(image.Rect(0, 0, w, h))
			for i := range c.Pix {
				c.Pix[i] = level()
			}
			m = c
		} else {
			g := image.NewGray(image.Rect(0, 0, w, h))
			for i := range g.Pix {
				g.Pix[i] = level()
			}
			m = g
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: rapid.IntRange(1, 100).Draw(t, "quality")}); err != nil {
			t.Fatal(err)
		}
		p, err := d.Decode(b.Bytes(), buf)
		if err != nil {
			t.Fatal(err)
		}
		buf = p.Pix
		pix, stride, _, _ := goLuma(t, b.Bytes())
		for y := range h {
			for x := range w {
				if e := int(p.Pix[y*p.Stride+x]) - int(pix[y*stride+x]); e > 2 || e < -2 {
					t.Fatalf("the level at %d,%d is off by %d", x, y, e)
				}
			}
		}
	})
}

func goLuma(t *rapid.T, b []byte) (pix []byte, stride, w, h int) {
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := m.(*image.Gray); ok {
		return g.Pix, g.Stride, g.Rect.Dx(), g.Rect.Dy()
	}
	c := m.(*image.YCbCr)
	return c.Y, c.YStride, c.Rect.Dx(), c.Rect.Dy()
}

// street is a picture as a camera sends it.
func street(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	f := scene.RGB(scene.Scene{Width: w, Height: h, Seed: 5, Backdrop: scene.Street, Noise: 2})
	if err := jpeg.Encode(&b, f.RGB, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestStreet(t *testing.T) {
	d := jpegluma.Decoder{Limit: limit}
	b := street(t, 321, 243)
	p, err := d.Decode(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "street", p, b)
}

func TestRefused(t *testing.T) {
	whole := street(t, 64, 48)
	d := jpegluma.Decoder{Limit: limit}
	for cut := range len(whole) - 40 {
		if _, err := d.Decode(whole[:cut], nil); err == nil {
			t.Fatalf("a picture of %d bytes was read when %d were there", len(whole), cut)
		}
	}
	small := jpegluma.Decoder{Limit: 64*48 - 1}
	if _, err := small.Decode(whole, nil); !errors.Is(err, jpegluma.ErrTooLarge) {
		t.Errorf("a picture beyond the limit: %v", err)
	}
	tables := bytes.Index(whole, []byte{0xff, 0xc4})
	scan := bytes.Index(whole, []byte{0xff, 0xda})
	if _, err := d.Decode(append(bytes.Clone(whole[:tables]), whole[scan:]...), nil); !errors.Is(err, jpegluma.ErrUnsupported) {
		t.Errorf("a picture without tables: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(street(f, 40, 24))
	files, _ := filepath.Glob(filepath.Join(goRoot(), "src", "image", "testdata", "*.jpeg"))
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(b)
		}
	}
	d := jpegluma.Decoder{Limit: 1 << 20}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := d.Decode(b, nil)
		if err != nil {
			return
		}
		if len(p.Pix) < (p.Height-1)*p.Stride+p.Width || p.Stride < p.Width || p.Width*p.Height > 1<<20 {
			t.Fatalf("%dx%d with stride %d in %d bytes", p.Width, p.Height, p.Stride, len(p.Pix))
		}
		if c, err := jpeg.DecodeConfig(bytes.NewReader(b)); err == nil && (c.Width != p.Width || c.Height != p.Height) {
			t.Fatalf("%dx%d, but Go says %dx%d", p.Width, p.Height, c.Width, c.Height)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for name, size := range map[string][2]int{"720p": {1280, 720}, "1080p": {1920, 1080}} {
		picture := street(b, size[0], size[1])
		b.Run("luma-"+name, func(b *testing.B) {
			d := jpegluma.Decoder{Limit: limit}
			var buf []byte
			b.SetBytes(int64(len(picture)))
			b.ReportAllocs()
			for b.Loop() {
				p, err := d.Decode(picture, buf)
				if err != nil {
					b.Fatal(err)
				}
				buf = p.Pix
			}
		})
		b.Run("go-"+name, func(b *testing.B) {
			b.SetBytes(int64(len(picture)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jpeg.Decode(bytes.NewReader(picture)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
