//go:build !nogocv

package camera_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"citygate/internal/avi"
	"citygate/internal/scene"
	"citygate/scanner"
	"citygate/scanner/camera"
)

// street writes a film of n street frames and returns its name and frames.
func street(t testing.TB, n, w, h int) (string, []scene.Frame) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "street.avi"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := avi.NewWriter(f, w, h, avi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var r scene.Renderer
	var frames []scene.Frame
	for i := range n {
		s := scene.Scene{Width: w, Height: h, Seed: uint64(i + 1), BackdropSeed: 5, Backdrop: scene.Street, Noise: 2,
			Pan: scene.Point{X: float64(i)}}
		if err := out.WriteImage(r.RGB(s).RGB); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, r.Luma(s))
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name(), frames
}

// psnr is the peak signal-to-noise ratio of two frames in dB.
func psnr(a scanner.Frame, b scanner.Frame) float64 {
	sum := 0.0
	for y := range a.Height {
		for x := range a.Width {
			d := float64(a.Pix[y*a.Stride+x]) - float64(b.Pix[y*b.Stride+x])
			sum += d * d
		}
	}
	return 10 * math.Log10(255*255*float64(a.Width*a.Height)/max(sum, 1e-9))
}

// TestOpenCVReadsOurFilms compares what OpenCV reads with what was drawn, and
// with what pure Go reads.
func TestOpenCVReadsOurFilms(t *testing.T) {
	path, drawn := street(t, 6, 320, 240)
	native, pure := open(t, path, camera.Options{}), open(t, path, camera.Options{Pure: true})
	if i := native.Info(); i.Reader != "opencv" || i.Width != 320 || i.Height != 240 || i.Rate != 30 {
		t.Errorf("info %+v", i)
	}
	for i, d := range drawn {
		want := scanner.Frame{Pix: d.Luma.Pix, Stride: d.Luma.Stride, Width: 320, Height: 240}
		a, b := next(t, native), next(t, pure)
		if a.Width != 320 || a.Height != 240 {
			t.Fatalf("frame %d is %dx%d", i, a.Width, a.Height)
		}
		if p := psnr(a.Frame, want); p < 33 {
			t.Errorf("frame %d differs from the drawn one: %.1f dB", i, p)
		}
		if p := psnr(a.Frame, b.Frame); p < 48 {
			t.Errorf("frame %d differs from that of pure Go: %.1f dB", i, p)
		}
	}
	if _, err := native.Next(context.Background()); err != io.EOF {
		t.Errorf("after the last frame: %v", err)
	}
}

func TestPipeline(t *testing.T) {
	cam, err := camera.Open(context.Background(), "videotestsrc num-buffers=3 ! video/x-raw,format=GRAY8,width=160,height=120 ! appsink", camera.Options{})
	if errors.Is(err, camera.ErrUnsupported) {
		t.Skip("OpenCV has no GStreamer, or GStreamer no test source, on this machine")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cam.Close()
	if f := next(t, cam); f.Width != 160 || f.Height != 120 {
		t.Errorf("a frame of %dx%d", f.Width, f.Height)
	}
	if i := cam.Info(); i.Kind != "pipeline" || !i.Live {
		t.Errorf("info %+v", i)
	}
	for {
		if _, err = cam.Next(context.Background()); err != nil {
			break
		}
	}
	if !errors.Is(err, camera.ErrBroken) {
		t.Errorf("the pipeline's end: %v", err)
	}
}

// TestDevicePixels has a grey ramp in every packing that devices use.
func TestDevicePixels(t *testing.T) {
	m := ramp()
	pack := func(f func(v byte) []byte) (b []byte) {
		for _, v := range m.Pix {
			b = append(b, f(v)...)
		}
		return b
	}
	for kind, pix := range map[string][]byte{
		"GREY": m.Pix,
		"YUYV": pack(func(v byte) []byte { return []byte{v, 128} }),
		"UYVY": pack(func(v byte) []byte { return []byte{128, v} }),
		"NV12": append(slices.Clone(m.Pix), make([]byte, len(m.Pix)/2)...),
		"BGR3": pack(func(v byte) []byte { return []byte{v, v, v} }),
		"BGR4": pack(func(v byte) []byte { return []byte{v, v, v, 255} }),
		"MJPG": append(formats(t)["rgba.jpg"], make([]byte, 500)...), // a driver's buffer is longer than its picture
	} {
		var f scanner.Frame
		if err := camera.LumaOfDevice(kind, 32, 24, pix, &f); err != nil {
			t.Errorf("%s: %v", kind, err)
		} else if d := differ(f, m); d > 3 {
			t.Errorf("%s: a level is off by %d", kind, d)
		}
	}
	var f scanner.Frame
	if err := camera.LumaOfDevice("Y16", 32, 24, make([]byte, 32*24*2), &f); !errors.Is(err, camera.ErrUnsupported) {
		t.Errorf("Y16: %v", err)
	}
}

// TestMangledFilms gives OpenCV damaged films and damaged pictures: every frame
// or an error, but never an exception of C++, which would end the process.
func TestMangledFilms(t *testing.T) {
	whole, err := os.ReadFile(film(t, 4))
	if err != nil {
		t.Fatal(err)
	}
	movi := bytes.Index(whole, []byte("movi"))
	path := filepath.Join(t.TempDir(), "mangled.avi")
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 120 {
		b := bytes.Clone(whole)
		from := 0
		if i%2 == 0 {
			from = movi // spare the headers
		}
		for range 1 + rnd.IntN(8) {
			b[from+rnd.IntN(len(b)-from)] = byte(rnd.Uint32())
		}
		if i%10 == 0 {
			b = b[:rnd.IntN(len(b))]
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		cam, err := camera.Open(context.Background(), path, camera.Options{})
		for n := 0; err == nil && n < 20; n++ {
			var f camera.Frame
			if f, err = cam.Next(context.Background()); err == nil && len(f.Pix) < f.Width*f.Height {
				t.Fatalf("a frame of %dx%d has %d bytes", f.Width, f.Height, len(f.Pix))
			}
		}
		if cam != nil {
			cam.Close()
		}
	}
}

func BenchmarkLuma(b *testing.B) {
	for _, size := range [][2]int{{1280, 720}, {1920, 1080}} {
		path, _ := street(b, 10, size[0], size[1])
		for name, pure := range map[string]bool{"opencv": false, "go": true} {
			b.Run(name+"-"+map[int]string{720: "720p", 1080: "1080p"}[size[1]], func(b *testing.B) {
				cam := open(b, path, camera.Options{Pure: pure, Loop: true})
				b.ReportAllocs()
				for b.Loop() {
					if _, err := cam.Next(context.Background()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
