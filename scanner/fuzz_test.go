package scanner_test

import (
	"testing"

	"rsc.io/qr"

	"citygate/scanner"
)

// FuzzScan looks at any pixels in any size and stride: no panic, corners that are numbers, bytes that are there, and the same symbols the second time.
func FuzzScan(f *testing.F) {
	f.Add(uint16(1), uint16(1), uint8(0), []byte{0})
	f.Add(uint16(29*4), uint16(29*4), uint8(3), []byte("HTTPS://ID.SJZ.EXAMPLE"))
	f.Add(uint16(700), uint16(300), uint8(1), []byte{0, 255, 128, 3})
	one, two := scanner.New(scanner.Options{Work: 400_000}), scanner.New(scanner.Options{Work: 400_000})
	code, err := qr.Encode("seed", qr.M)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, w, h uint16, pad uint8, pix []byte) {
		width, height := int(w%1500)+1, int(h%1500)+1
		if width*height > 1<<18 || len(pix) == 0 {
			return
		}
		frame := scanner.Frame{Stride: width + int(pad%16), Width: width, Height: height}
		frame.Pix = make([]byte, frame.Stride*height)
		for i := range frame.Pix { // the fuzzer's bytes over a code, so that something is found
			x, y := i%frame.Stride, i/frame.Stride
			frame.Pix[i] = 220
			if code.Black(x/4-4, y/4-4) {
				frame.Pix[i] = 30
			}
			frame.Pix[i] ^= pix[(i/64+i)%len(pix)] >> (pad >> 4 & 7)
		}
		a := one.Scan(frame)
		b := two.Scan(frame)
		if len(a) != len(b) {
			t.Fatalf("%d symbols, then %d", len(a), len(b))
		}
		for i := range a {
			if a[i].Text != b[i].Text || a[i].Format == 0 {
				t.Errorf("%+v, then %+v", a[i], b[i])
			}
			for _, c := range a[i].Corners {
				if c.X != c.X || c.Y != c.Y {
					t.Errorf("corner %v is no number", c)
				}
			}
		}
	})
}

// TestScanSizes looks at frames of odd sizes, up to large ones, with content at every edge.
func TestScanSizes(t *testing.T) {
	s := scanner.New(scanner.Options{})
	for _, size := range [][2]int{{1, 1}, {1, 9}, {2, 3}, {7, 1}, {8, 8}, {9, 200}, {63, 65}, {161, 161}, {330, 17}, {17, 1000}, {3000, 40}, {8192, 64}} {
		for pattern := range 3 {
			f := scanner.Frame{Stride: size[0], Width: size[0], Height: size[1], Pix: make([]byte, size[0]*size[1])}
			for i := range f.Pix {
				x, y := i%size[0], i/size[0]
				f.Pix[i] = [...]byte{byte(x * 37 * (y + 3)), byte((x/3 + y/3) % 2 * 255), byte(max(x%14-7, 7-x%14) * 30)}[pattern]
			}
			for _, sym := range s.Scan(f) {
				t.Errorf("%v, pattern %d: %q", size, pattern, sym.Text)
			}
		}
	}
}
