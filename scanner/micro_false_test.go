package scanner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/internal/scene"
	"citygate/scanner"
)

var singleFormats = scanner.FormatSet(scanner.MicroQR, scanner.RMQR)

// TestSinglesNowhere: photographs without such symbols show none, among them hundreds of symbols of other kinds with the same finder patterns. A part is taken at
// one turn, or with KIOSK set all at all turns.
func TestSinglesNowhere(t *testing.T) {
	folders, _ := filepath.Glob(filepath.Join(corpusDir(), "zxing", "*"))
	if len(folders) == 0 {
		t.Skip("the test photographs are not beside the repository")
	}
	s := scanner.New(scanner.Options{Formats: singleFormats})
	for _, folder := range folders {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue
		}
		names, _ := filepath.Glob(filepath.Join(folder, "*.png"))
		for k, name := range names {
			f := load(t, name)
			for q := range 4 {
				if os.Getenv("KIOSK") == "" && (q != k%4 || (k%8 != 0 && !strings.HasPrefix(filepath.Base(folder), "false"))) {
					continue
				}
				for _, sym := range s.Scan(turned(f, q)) {
					t.Errorf("%s at %d degrees: %v %q", name, 90*q, sym.Format, sym.Text)
				}
			}
		}
	}
}

// TestSinglesOnBackdrops: neither do hostile backdrops, fields of finder patterns among them.
func TestSinglesOnBackdrops(t *testing.T) {
	s := scanner.New(scanner.Options{Formats: singleFormats})
	var renderer scene.Renderer
	for b := scene.Plain; b <= scene.Finders; b++ {
		for seed := range uint64(4) {
			f := frameOf(&renderer, scene.Scene{Seed: seed + 1, Backdrop: b, Noise: float64(seed * 3), Defocus: float64(seed%3) / 2})
			for _, sym := range s.Scan(f) {
				t.Errorf("%v seed %d: %v %q", b, seed, sym.Format, sym.Text)
			}
		}
	}
}

// TestSinglesInQR: no symbol with a single finder pattern is seen in QR Code symbols, which have three of the same, nor in what street and sensor make of them.
func TestSinglesInQR(t *testing.T) {
	s := scanner.New(scanner.Options{Formats: singleFormats})
	var renderer scene.Renderer
	n := 1
	if os.Getenv("KIOSK") != "" {
		n = 12
	}
	for j, c := range conditions() {
		for i := range n {
			if n == 1 && j%2 == 1 {
				continue // a half of the conditions
			}
			for _, sym := range s.Scan(frameOf(&renderer, kioskScene(t, c, j+i, 3))) {
				t.Errorf("%s %d: %v %q", c.name, i, sym.Format, sym.Text)
			}
		}
	}
}

func BenchmarkEmpty1080pSingles(b *testing.B) { benchmarkEmpty(b, singleFormats, 1920, 1080) }
