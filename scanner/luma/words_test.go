package luma_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"citygate/scanner/luma"
)

// Words of pixels have to give what single pixels give.

func noise(rng *rand.Rand, w, h, stride int) luma.Image {
	m := luma.Image{Pix: make([]byte, stride*h), Stride: stride, W: w, H: h}
	for i := range m.Pix {
		m.Pix[i] = byte(rng.Uint32())
		if rng.IntN(4) == 0 {
			m.Pix[i] = [...]byte{0, 1, 127, 128, 254, 255}[rng.IntN(6)]
		}
	}
	return m
}

func TestHalveIsTheMeanOfFour(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		w, h := 2+rng.IntN(70), 2+rng.IntN(9)
		m := noise(rng, w, h, w+rng.IntN(5))
		var half luma.Image
		m.Halve(&half)
		if half.W != w/2 || half.H != h/2 {
			t.Fatalf("%dx%d becomes %dx%d", w, h, half.W, half.H)
		}
		for y := range half.H {
			for x := range half.W {
				a, b := m.Row(2 * y)[2*x:], m.Row(2*y + 1)[2*x:]
				if want := (int(a[0]) + int(a[1]) + int(b[0]) + int(b[1]) + 2) / 4; int(half.Row(y)[x]) != want {
					t.Fatalf("%dx%d: pixel %d,%d is %d, want %d", w, h, x, y, half.Row(y)[x], want)
				}
			}
		}
	}
}

func TestDarkBitsComparePixelByPixel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		m := noise(rng, 1+rng.IntN(80), 1, 80)
		thresholds := binary.LittleEndian.Uint64(noise(rng, 8, 1, 8).Pix)
		bits := luma.DarkBits(m.Row(0), thresholds)
		for x := range min(m.W, 64) {
			if want := m.Pix[x] < byte(thresholds>>(x/8*8)); bits>>x&1 == 1 != want {
				t.Fatalf("pixel %d of %d: %d against %d", x, m.W, m.Pix[x], byte(thresholds>>(x/8*8)))
			}
		}
	}
}

func TestSharpBitsComparePixelByPixel(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for range 1000 {
		m, at, reach := noise(rng, 100, 1, 100), 8+rng.IntN(20), 1+rng.IntN(6)
		thresholds := binary.LittleEndian.Uint64(noise(rng, 8, 1, 8).Pix)
		bits := luma.SharpBits(m.Row(0), at, thresholds, reach)
		for i := range 64 {
			x, limit := at+i, int(byte(thresholds>>(i/8*8)))
			want := limit > 0 && int(m.Pix[x]) < (limit+(int(m.Pix[x-reach])+int(m.Pix[x+reach]))/2)/2
			if bits>>i&1 == 1 != want {
				t.Fatalf("pixel %d of %v against %d", x, m.Pix[x-reach:x+reach+1], limit)
			}
		}
	}
}

func TestMaxMinOfBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		a, b := noise(rng, 8, 1, 8).Pix, noise(rng, 8, 1, 8).Pix
		mx, mn := luma.MaxMin(binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b))
		for i := range 8 {
			if byte(mx>>(8*i)) != max(a[i], b[i]) || byte(mn>>(8*i)) != min(a[i], b[i]) {
				t.Fatalf("%v and %v: %x, %x", a, b, mx, mn)
			}
		}
	}
}

// TestThresholdsBlockByBlock compares ranges and running sums with plain loops.
func TestThresholdsBlockByBlock(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		w, h := 16+rng.IntN(150), 16+rng.IntN(90)
		m := noise(rng, w, h, w)
		var half luma.Image
		m.Halve(&half)
		th, mid, contrast := luma.Measure(&half, w, h)
		for by := range th.H {
			for bx := range th.W {
				lo, hi := 255, 0
				for y := 4 * by; y < 4*by+4; y++ {
					for x := 4 * bx; x < 4*bx+4; x++ {
						v := int(half.Row(min(y, half.H-1))[min(x, half.W-1)])
						lo, hi = min(lo, v), max(hi, v)
					}
				}
				if i := by*th.Stride + bx; 4*bx < half.W && (int(mid[i]) != (lo+hi+1)/2 || int(contrast[i]) != hi-lo) {
					t.Fatalf("%dx%d block %d,%d: %d and %d, want %d and %d", w, h, bx, by, mid[i], contrast[i], (lo+hi+1)/2, hi-lo)
				}
			}
		}
		floor := rng.IntN(255)
		th.Settle(floor)
		for by := range th.H {
			for bx := range th.W {
				sum, n := 0, 0
				for y := max(by-2, 0); y <= min(by+2, th.H-1); y++ {
					for x := max(bx-2, 0); x <= min(bx+2, th.W-1); x++ {
						if i := y*th.Stride + x; int(contrast[i]) > floor {
							sum, n = sum+int(mid[i]), n+1
						}
					}
				}
				want := 0
				if n >= 3 {
					want = sum / n
				}
				if got := th.At(8*bx, 8*by); got < want || got > want+1 || (n < 3 && got != 0) {
					t.Fatalf("%dx%d block %d,%d above %d: %d, want %d of %d blocks", w, h, bx, by, floor, got, want, n)
				}
			}
		}
	}
}

func TestMapTakesCornersToCorners(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		j := func() float64 { return rng.Float64() * 30 }
		src := luma.Rect(1, 2, 20+j(), 30+j())
		dst := luma.Quad{{j(), j()}, {100 + j(), j()}, {100 + j(), 90 + j()}, {j(), 90 + j()}}
		h, ok := luma.Map(src, dst)
		if !ok {
			t.Fatalf("no map of %v to %v", src, dst)
		}
		for i, p := range src {
			if d := h.At(p).Sub(dst[i]).Len(); d > 1e-6 {
				t.Fatalf("corner %d is off by %g", i, d)
			}
		}
	}
	if _, ok := luma.Map(luma.Rect(0, 0, 1, 1), luma.Quad{{0, 0}, {1, 1}, {2, 2}, {3, 3}}); ok {
		t.Error("a line is no quadrilateral")
	}
}

func TestSharpenRowIsThatOfPixels(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		n := 1 + rng.IntN(90)
		const reach = 3
		m := noise(rng, n+2*reach, 2*reach+1, n+2*reach)
		out := make([]byte, n)
		luma.SharpenRow(out, m.Row(reach)[reach:], m.Row(0)[reach:], m.Row(2 * reach)[reach:], m.Row(reach), m.Row(reach)[2*reach:])
		for x, got := range out {
			c := x + reach
			around := int(m.Row(0)[c]) + int(m.Row(2 * reach)[c]) + int(m.Row(reach)[c-reach]) + int(m.Row(reach)[c+reach])
			if want := min(max(2*int(m.Row(reach)[c])-around/4, 0), 255); int(got) != want {
				t.Fatalf("%d pixels: pixel %d is %d, want %d", n, x, got, want)
			}
		}
	}
}
