package scanner_test

import (
	"math/rand/v2"
	"testing"

	"citygate/scanner"
)

// background draws a frame without a code, of one of several kinds, from a seed.
func background(kind, w, h int, seed uint64) scanner.Frame {
	rng := rand.New(rand.NewPCG(seed, 99))
	f := scanner.Frame{Pix: make([]byte, w*h), Stride: w, Width: w, Height: h}
	set := func(v func(x, y int) float64) {
		for y := range h {
			for x := range w {
				f.Pix[y*w+x] = byte(min(max(v(x, y), 0), 255))
			}
		}
	}
	switch kind {
	case 0: // a dim scene with sensor noise
		set(func(x, y int) float64 { return 60 + 50*float64(x)/float64(w) + rng.NormFloat64()*4 })
	case 1: // much noise
		set(func(x, y int) float64 { return 120 + rng.NormFloat64()*20 })
	case 2: // a checkerboard
		set(func(x, y int) float64 { return float64((x/9+y/9)%2)*180 + 30 })
	case 3: // lines of text: words of bars and dots
		set(func(x, y int) float64 {
			if y%18 > 11 {
				return 225
			}
			g := rand.New(rand.NewPCG(uint64(x/7), uint64(y/18)))
			bits := g.Uint64()
			if bits&7 == 0 || x%7 > 5 || bits>>(8+uint(x%7/2)*6+uint(y%18/2))&1 == 0 {
				return 225
			}
			return 40
		})
	case 4: // patches of all sizes, blurred by nothing
		set(func(x, y int) float64 {
			v := 128.0
			for s := 8; s <= 256; s *= 2 {
				g := uint64(x/s)*0x9e3779b97f4a7c15 ^ uint64(y/s)*0xbf58476d1ce4e5b9 ^ uint64(s)*seed
				g ^= g >> 31
				g *= 0x94d049bb133111eb
				v += float64(int(g>>40&63)-32) * 0.6
			}
			return v + rng.NormFloat64()*3
		})
	}
	return f
}

const backgrounds = 5

func benchmarkEmpty(b *testing.B, formats scanner.Formats, w, h int) {
	var frames []scanner.Frame
	for k := range backgrounds {
		frames = append(frames, background(k, w, h, 7))
	}
	s := scanner.New(scanner.Options{Formats: formats})
	for _, f := range frames {
		s.Scan(f)
	}
	names := [...]string{"dim", "noise", "checker", "text", "patches"}
	for k, f := range frames {
		b.Run(names[k], func(b *testing.B) {
			b.SetBytes(int64(w * h))
			b.ReportAllocs()
			for b.Loop() {
				s.Scan(f)
			}
		})
	}
}

func BenchmarkEmpty1080pQR(b *testing.B) {
	benchmarkEmpty(b, scanner.FormatSet(scanner.QR), 1920, 1080)
}

func BenchmarkEmpty720pQR(b *testing.B) {
	benchmarkEmpty(b, scanner.FormatSet(scanner.QR), 1280, 720)
}

// BenchmarkEmptyScenes scans the 42 frames of TestBenchScan; one operation is all of them.
func BenchmarkEmptyScenes(b *testing.B) {
	frames := emptyFrames()
	for _, list := range []string{"qr", "datamatrix", "aztec", "all"} {
		b.Run(list, func(b *testing.B) {
			formats, err := scanner.ParseFormats(list)
			if err != nil {
				b.Fatal(err)
			}
			s := scanner.New(scanner.Options{Formats: formats})
			b.ReportAllocs()
			for b.Loop() {
				for _, f := range frames {
					s.Scan(f)
				}
			}
		})
	}
}

func BenchmarkEmpty1080pAll(b *testing.B) { benchmarkEmpty(b, 0, 1920, 1080) }

func BenchmarkEmpty1080pDataMatrix(b *testing.B) {
	benchmarkEmpty(b, scanner.FormatSet(scanner.DataMatrix), 1920, 1080)
}
