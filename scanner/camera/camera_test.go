package camera_test

import (
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"citygate/internal/avi"
	"citygate/scanner/camera"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbered is a picture whose level tells which one it is.
func numbered(i int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, 64, 48))
	for p := range m.Pix {
		m.Pix[p] = byte(20 + 10*i)
	}
	return m
}

// number is the inverse of numbered.
func number(f camera.Frame) int {
	return (int(f.Pix[f.Height/2*f.Stride+f.Width/2]) - 20 + 5) / 10
}

// film writes n numbered frames at 10 frames a second.
func film(t testing.TB, n int) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "film.avi"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := avi.NewWriter(f, 64, 48, avi.Options{Rate: 10, Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.WriteImage(numbered(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func album(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		f, err := os.Create(filepath.Join(dir, string(rune('a'+i))+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, numbered(i)); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, spec string, o camera.Options) *camera.Camera {
	t.Helper()
	c, err := camera.Open(context.Background(), spec, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestEveryFrameInOrder(t *testing.T) {
	path, dir := film(t, 7), album(t, 7)
	for name, c := range map[string]struct {
		spec string
		pure bool
	}{
		"film": {path, false}, "film in pure Go": {path, true}, "folder": {dir, false}, "pattern": {dir + "/*.png", false},
	} {
		t.Run(name, func(t *testing.T) {
			cam := open(t, c.spec, camera.Options{Pure: c.pure})
			if i := cam.Info(); i.Width != 64 || i.Height != 48 || i.Rate != 10 || i.Live {
				t.Errorf("info %+v", i)
			}
			for i := range 7 {
				f, err := cam.Next(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if number(f) != i || f.Seq != uint64(i+1) || f.Width != 64 || f.Height != 48 || f.At.IsZero() {
					t.Fatalf("frame %d is picture %d with number %d", i, number(f), f.Seq)
				}
			}
			for range 2 {
				if _, err := cam.Next(context.Background()); err != io.EOF {
					t.Fatalf("after the end: %v", err)
				}
			}
		})
	}
}

func TestLoop(t *testing.T) {
	for _, spec := range []string{film(t, 3), album(t, 3)} {
		cam := open(t, spec, camera.Options{Loop: true})
		for i := range 10 {
			f, err := cam.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if number(f) != i%3 || f.Seq != uint64(i+1) {
				t.Fatalf("frame %d is picture %d with number %d", i, number(f), f.Seq)
			}
		}
	}
}

// TestNewestFrameWins reads a paced film slowly: frames are missed, none is
// old, and the one in hand does not change.
func TestNewestFrameWins(t *testing.T) {
	path := film(t, 20)
	synctest.Test(t, func(t *testing.T) {
		cam, err := camera.Open(t.Context(), path, camera.Options{Pace: true, Pure: true})
		if err != nil {
			t.Fatal(err)
		}
		defer cam.Close()
		began := time.Now()
		last := -1
		for {
			f, err := cam.Next(t.Context())
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			n := number(f)
			if due := int(time.Since(began) / (100 * time.Millisecond)); n < min(due-1, 19) || n <= last {
				t.Fatalf("after %s came picture %d, and before it %d", time.Since(began), n, last)
			}
			last = n
			<-time.After(350 * time.Millisecond) // the scan
			if number(f) != n {
				t.Fatal("the frame in hand changed")
			}
		}
		if last != 19 {
			t.Errorf("the last picture was %d", last)
		}
		if took := time.Since(began); took < 1900*time.Millisecond || took > 3*time.Second {
			t.Errorf("20 pictures at 10 a second took %s", took)
		}
	})
}

func TestCloseWakesNext(t *testing.T) {
	path := film(t, 2)
	synctest.Test(t, func(t *testing.T) {
		cam, err := camera.Open(t.Context(), path, camera.Options{Pace: true, Pure: true, Loop: true})
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan error)
		go func() {
			for {
				if _, err := cam.Next(context.Background()); err != nil {
					got <- err
					return
				}
			}
		}()
		<-time.After(730 * time.Millisecond)
		if err := cam.Close(); err != nil {
			t.Error(err)
		}
		if err := <-got; !errors.Is(err, camera.ErrClosed) {
			t.Errorf("a waiting Next got %v", err)
		}
		if err := cam.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
		if _, err := cam.Next(context.Background()); !errors.Is(err, camera.ErrClosed) {
			t.Errorf("Next after Close: %v", err)
		}
	})
}

func TestNextObeysItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	cam := open(t, film(t, 2), camera.Options{})
	if _, err := cam.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := camera.Open(ctx, film(t, 2), camera.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
}

func TestDamagedFrames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "film.avi")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := avi.NewWriter(f, 64, 48, avi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if i == 0 || i == 9 {
			err = w.WriteImage(numbered(i))
		} else {
			err = w.WriteJPEG([]byte("no picture but noise"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cam := open(t, path, camera.Options{Pure: true})
	for _, want := range []int{0, 9} {
		if f, err := cam.Next(context.Background()); err != nil || number(f) != want {
			t.Fatalf("picture %d: %v", want, err)
		}
	}
	if _, err := cam.Next(context.Background()); !errors.Is(err, camera.ErrBroken) {
		t.Errorf("after many damaged frames: %v", err)
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	letter := filepath.Join(dir, "letter.avi")
	if err := os.WriteFile(letter, []byte(strings.Repeat("this is no film. ", 40)), 0o644); err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]error{
		"":                               camera.ErrNoDevice,
		filepath.Join(dir, "missing"):    camera.ErrNoDevice,
		filepath.Join(dir, "*.png"):      camera.ErrNoDevice,
		filepath.Join(dir, "[.png"):      camera.ErrNoDevice,
		"/dev/video97":                   camera.ErrNoDevice,
		"97":                             camera.ErrNoDevice,
		dir:                              camera.ErrNoDevice,
		letter:                           camera.ErrUnsupported,
		"gopher://camera/1":              camera.ErrUnsupported,
		"http://127.0.0.1:1/":            camera.ErrNoDevice,
		"http://me:secret@127.0.0.1:1/v": camera.ErrNoDevice,
	} {
		c, err := camera.Open(context.Background(), spec, camera.Options{})
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, not %v", spec, err, want)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a password: %v", err)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has several lines: %v", err)
		}
	}
}
