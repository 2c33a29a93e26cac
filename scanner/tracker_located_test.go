package scanner_test

import (
	"testing"
	"time"

	"citygate/internal/qrcode"
	"citygate/internal/scene"
	"citygate/scanner"
)

// A code that is too blurred to be read is located at the second frame, where it is, and no more when it is read.
func TestLocatedBeforeItIsRead(t *testing.T) {
	m, err := qrcode.Encode("HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421", qrcode.M)
	if err != nil {
		t.Fatal(err)
	}
	tracker := scanner.NewTracker(scanner.TrackerOptions{Options: scanner.Options{Formats: scanner.FormatSet(scanner.QR)}})
	at := time.Unix(1790000000, 0)
	show := func(spoiled bool, seed uint64) []scanner.Sighting {
		const module = 5.0
		n := m.Size()
		dark := func(x, y int) bool {
			if spoiled && x > 8 && x < n-1 && y > 8 && y < n-1 { // the finder patterns stand, the data is noise
				return (x*x+3*y*y+x*y)%3 == 0
			}
			return m.At(x, y)
		}
		s := scene.Scene{Width: 640, Height: 400, Backdrop: scene.Wall, BackdropSeed: 3, Noise: 2, Seed: seed,
			Codes: []scene.Code{{Matrix: scene.NewMatrix(n, n, dark), Module: module, Center: scene.Point{X: 320, Y: 200}}}}
		g := scene.Luma(s).Luma
		at = at.Add(33 * time.Millisecond)
		return tracker.Scan(scanner.Frame{Pix: g.Pix, Stride: g.Stride, Width: s.Width, Height: s.Height}, at)
	}
	if _, ok := tracker.Located(); ok {
		t.Error("located before the first frame")
	}
	show(true, 1)
	if _, ok := tracker.Located(); ok {
		t.Error("located in one frame alone")
	}
	if got := show(true, 2); len(got) > 0 {
		t.Fatalf("the spoiled code was read: %+v", got)
	}
	corners, ok := tracker.Located()
	half := float64(m.Size()) * 5 / 2
	want := [4]scanner.Point{{X: 320 - half, Y: 200 - half}, {X: 320 + half, Y: 200 - half}, {X: 320 + half, Y: 200 + half}, {X: 320 - half, Y: 200 + half}}
	for i := range corners {
		if dx, dy := corners[i].X-want[i].X, corners[i].Y-want[i].Y; !ok || dx*dx+dy*dy > 20*20 { // the alignment pattern is spoiled too
			t.Fatalf("located %v at %v, want about %v", ok, corners, want)
		}
	}
	if got := show(false, 3); len(got) != 1 {
		t.Fatalf("%d codes read", len(got))
	}
	if _, ok := tracker.Located(); ok {
		t.Error("located still, though it is read")
	}
}
