// Package datamatrix finds, samples and decodes Data Matrix ECC 200 symbols (ISO/IEC 16022:2006), square and rectangular, and those of its
// rectangular extension (ISO/IEC 21471), anywhere in a frame, also mirrored, light on dark, tilted and bent.
//
// Each file is one stage. From pixels to modules: locate.go, legs.go, sides.go, warp.go, fit.go, reader.go. From modules to text: size.go, place.go, decode.go, segments.go; these
// know nothing of pixels.
package datamatrix

// This file implements the symbol sizes (table 7).

// size is one symbol size: modules, those of one data region without its borders, codewords and interleaved blocks.
type size struct {
	rows, cols             int
	regionRows, regionCols int
	data, check, blocks    int
}

// sizes are all of ECC 200 and of its rectangular extension.
var sizes = [...]size{
	{10, 10, 8, 8, 3, 5, 1}, {12, 12, 10, 10, 5, 7, 1}, {8, 18, 6, 16, 5, 7, 1}, {14, 14, 12, 12, 8, 10, 1}, {8, 32, 6, 14, 10, 11, 1},
	{16, 16, 14, 14, 12, 12, 1}, {12, 26, 10, 24, 16, 14, 1}, {18, 18, 16, 16, 18, 14, 1}, {20, 20, 18, 18, 22, 18, 1}, {12, 36, 10, 16, 22, 18, 1},
	{22, 22, 20, 20, 30, 20, 1}, {16, 36, 14, 16, 32, 24, 1}, {24, 24, 22, 22, 36, 24, 1}, {26, 26, 24, 24, 44, 28, 1}, {16, 48, 14, 22, 49, 28, 1},
	{32, 32, 14, 14, 62, 36, 1}, {36, 36, 16, 16, 86, 42, 1}, {40, 40, 18, 18, 114, 48, 1}, {44, 44, 20, 20, 144, 56, 1}, {48, 48, 22, 22, 174, 68, 1},
	{52, 52, 24, 24, 204, 84, 2}, {64, 64, 14, 14, 280, 112, 2}, {72, 72, 16, 16, 368, 144, 4}, {80, 80, 18, 18, 456, 192, 4},
	{88, 88, 20, 20, 576, 224, 4}, {96, 96, 22, 22, 696, 272, 4}, {104, 104, 24, 24, 816, 336, 6}, {120, 120, 18, 18, 1050, 408, 6},
	{132, 132, 20, 20, 1304, 496, 8}, {144, 144, 22, 22, 1558, 620, 10},
	// The rectangular extension (ISO/IEC 21471, table 2).
	{8, 48, 6, 22, 18, 15, 1}, {8, 64, 6, 14, 24, 18, 1}, {8, 80, 6, 18, 32, 22, 1}, {8, 96, 6, 22, 38, 28, 1}, {8, 120, 6, 18, 49, 32, 1},
	{8, 144, 6, 22, 63, 36, 1}, {12, 64, 10, 14, 43, 27, 1}, {12, 88, 10, 20, 64, 36, 1}, {16, 64, 14, 14, 62, 36, 1}, {20, 36, 18, 16, 44, 28, 1},
	{20, 44, 18, 20, 56, 34, 1}, {20, 64, 18, 14, 84, 42, 1}, {22, 48, 20, 22, 72, 38, 1}, {24, 48, 22, 22, 80, 41, 1}, {24, 64, 22, 14, 108, 46, 1},
	{26, 40, 24, 18, 70, 38, 1}, {26, 48, 24, 22, 90, 42, 1}, {26, 64, 24, 14, 118, 50, 1},
}

// sizeOf returns the size with the given number of modules.
func sizeOf(rows, cols int) (*size, bool) {
	for i := range sizes {
		if sizes[i].rows == rows && sizes[i].cols == cols {
			return &sizes[i], true
		}
	}
	return nil, false
}

// across and down return the number of data regions side by side and below each other.
func (s *size) across() int { return s.cols / (s.regionCols + 2) }
func (s *size) down() int   { return s.rows / (s.regionRows + 2) }
