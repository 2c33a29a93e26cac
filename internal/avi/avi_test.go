package avi_test

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"testing"

	"citygate/internal/avi"
)

// film writes a file of n frames, each of them even but for a brighter column,
// and returns its bytes.
func film(t testing.TB, n int) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "film.avi"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := avi.NewWriter(f, 64, 48, avi.Options{Rate: 25, Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.WriteImage(frame(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func frame(i int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, 64, 48))
	for p := range m.Pix {
		m.Pix[p] = 60
		if p%64/8 == i%8 {
			m.Pix[p] = 200
		}
	}
	return m
}

func open(b []byte) (*avi.Reader, error) { return avi.NewReader(bytes.NewReader(b), int64(len(b))) }

func TestRoundTrip(t *testing.T) {
	r, err := open(film(t, 9))
	if err != nil {
		t.Fatal(err)
	}
	if want := (avi.Info{Width: 64, Height: 48, Rate: 25, Scale: 1, Frames: 9}); r.Info() != want {
		t.Fatalf("info is %+v, not %+v", r.Info(), want)
	}
	var buf []byte
	for i := range 9 {
		if buf, err = r.JPEG(i, buf); err != nil {
			t.Fatal(err)
		}
		m, err := jpeg.Decode(bytes.NewReader(buf))
		if err != nil {
			t.Fatal(err)
		}
		want := frame(i)
		for p, v := range m.(*image.Gray).Pix {
			if d := int(v) - int(want.Pix[p]); d > 6 || d < -6 {
				t.Fatalf("frame %d, pixel %d is %d, not about %d", i, p, v, want.Pix[p])
			}
		}
	}
	if _, err := r.JPEG(9, nil); err != io.EOF {
		t.Errorf("after the last frame: %v", err)
	}
}

func TestCutFile(t *testing.T) {
	whole := film(t, 9)
	for cut := range len(whole) {
		r, err := open(whole[:cut])
		if err != nil {
			if !errors.Is(err, avi.ErrFormat) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			continue
		}
		info := r.Info()
		if info.Frames > 9 || cut < len(whole) && !info.Cut {
			t.Fatalf("cut at %d: %+v", cut, info)
		}
		for i := range info.Frames {
			b, err := r.JPEG(i, nil)
			if err != nil {
				t.Fatalf("cut at %d: frame %d: %v", cut, i, err)
			}
			if _, err := jpeg.Decode(bytes.NewReader(b)); err != nil {
				t.Fatalf("cut at %d: frame %d: %v", cut, i, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	whole := film(t, 2)
	mangle := func(find, put string) []byte {
		return bytes.Replace(bytes.Clone(whole), []byte(find), []byte(put), 1)
	}
	at := bytes.Index(whole, []byte("00dc"))
	huge := bytes.Clone(whole)
	copy(huge[at+4:], []byte{0xff, 0xff, 0xff, 0x7f})
	for name, b := range map[string][]byte{
		"empty":       nil,
		"text":        []byte("this is a letter and no film at all"),
		"no riff":     mangle("RIFF", "RIFX"),
		"wave":        mangle("AVI ", "WAVE"),
		"sound first": mangle("vids", "auds"),
		"other codec": bytes.ReplaceAll(bytes.Clone(whole), []byte("MJPG"), []byte("H264")),
	} {
		if _, err := open(b); !errors.Is(err, avi.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := open(huge); err != nil || r.Info().Frames != 0 || !r.Info().Cut {
		t.Errorf("a frame larger than its file: %v", err)
	}
}

func TestWriterRefuses(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "film.avi"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := avi.NewWriter(f, 0, 48, avi.Options{}); err == nil {
		t.Error("a file without width was begun")
	}
	w, err := avi.NewWriter(f, 32, 32, avi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteImage(frame(0)); err == nil {
		t.Error("a frame of another size was written")
	}
	if err := w.WriteJPEG(nil); err == nil {
		t.Error("an empty frame was written")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteJPEG([]byte{1}); err == nil {
		t.Error("a frame was written after Close")
	}
}

// full fails after some bytes, as a disk does.
type full struct {
	*os.File
	left int
}

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errors.New("no space left")
	}
	return f.File.Write(b)
}

func TestDiskFull(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "film.avi"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := avi.NewWriter(&full{file, 100_000}, 64, 48, avi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	picture := make([]byte, 50_000)
	for range 5 {
		err = w.WriteJPEG(picture)
	}
	if err == nil {
		t.Error("no frame failed on a full disk")
	}
	if w.Close() == nil {
		t.Error("Close hid the failure")
	}
}

// memory is a file in memory.
type memory struct {
	bytes []byte
	at    int
}

func (m *memory) Write(b []byte) (int, error) {
	n := copy(m.bytes[m.at:], b)
	m.bytes = append(m.bytes, b[n:]...)
	m.at += len(b)
	return len(b), nil
}

func (m *memory) Seek(at int64, whence int) (int64, error) {
	if m.at = int(at); whence == io.SeekEnd {
		m.at += len(m.bytes)
	}
	return int64(m.at), nil
}

func FuzzReader(f *testing.F) {
	whole := film(f, 3)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := open(b)
		if err != nil {
			return
		}
		var dst memory
		info := r.Info()
		w, err := avi.NewWriter(&dst, info.Width, info.Height, avi.Options{Rate: info.Rate, Scale: info.Scale})
		if err != nil {
			t.Fatal(err)
		}
		var pictures [][]byte
		for i := range info.Frames {
			p, err := r.JPEG(i, nil)
			if err != nil {
				t.Fatal(err)
			}
			pictures = append(pictures, p)
			if err := w.WriteJPEG(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err = open(dst.bytes)
		if err != nil {
			t.Fatal(err)
		}
		info.Cut = false
		if r.Info() != info {
			t.Fatalf("%+v became %+v", info, r.Info())
		}
		for i, p := range pictures {
			if q, err := r.JPEG(i, nil); err != nil || !bytes.Equal(p, q) {
				t.Fatalf("frame %d changed: %v", i, err)
			}
		}
	})
}
