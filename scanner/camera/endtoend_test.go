package camera_test

import (
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"citygate/internal/avi"
	"citygate/internal/scene"
	"citygate/scanner"
	"citygate/scanner/camera"

	"rsc.io/qr"
)

// passer is a frame of a code that passes by on a street.
func passer(m scene.Matrix, i int) scene.Scene {
	f := float64(i)
	return scene.Scene{Width: 960, Height: 540, Seed: uint64(i + 1), BackdropSeed: 3, Backdrop: scene.Street, Gamma: 2.2,
		Defocus: 0.7, Noise: 2, Shot: 0.02, Pan: scene.Point{X: 2 * f},
		Codes: []scene.Code{{Matrix: m, Module: 5 + 0.2*f, Center: scene.Point{X: 300 + 30*f, Y: 250 + 5*f}, Rotate: 3 * f, Tilt: 20 - f, TiltAxis: 80}}}
}

// filmed writes a film of a code that passes by, and says where it was.
func filmed(t *testing.T, m scene.Matrix, frames int) (path string, placed []scene.Placed) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "street.avi"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := avi.NewWriter(f, 960, 540, avi.Options{Rate: 15, Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	var r scene.Renderer
	for i := range frames {
		frame := r.RGB(passer(m, i))
		placed = append(placed, frame.Codes[0])
		if err := w.WriteImage(frame.RGB); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name(), placed
}

// TestFromSceneToSymbol draws a film, writes it, reads it back and scans it:
// every frame's code is found where it was drawn.
func TestFromSceneToSymbol(t *testing.T) {
	const text = "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421#12345678901234567890"
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	m := scene.NewMatrix(code.Size, code.Size, code.Black)
	path, placed := filmed(t, m, 12)
	cam := open(t, path, camera.Options{})
	s := scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.QR)})
	for i, want := range placed {
		symbols := s.Scan(next(t, cam).Frame)
		if len(symbols) != 1 || symbols[0].Text != text {
			t.Errorf("frame %d: %+v", i, symbols)
			continue
		}
		for k, c := range symbols[0].Corners {
			if d := math.Hypot(c.X-want.Corners[k].X, c.Y-want.Corners[k].Y); d > 4*want.MinModule {
				t.Errorf("frame %d: corner %d was found %.1f pixels from where it is", i, k, d)
			}
		}
	}
	if _, err := cam.Next(context.Background()); err != io.EOF {
		t.Errorf("after the last frame: %v", err)
	}
}
