package symbol

import "math/bits"

// This file implements the arithmetic of format and version information (ISO/IEC 18004, annexes C and D) and the data masks (section 7.8.2, table 10).

// BCH returns data followed by the remainder of its division by the generator poly, check bits long.
func BCH(data, check int, poly uint32) uint32 {
	r := uint32(data) << check
	for i := bits.Len32(r) - 1; i >= check; i = bits.Len32(r) - 1 {
		r ^= poly << (i - check)
	}
	return uint32(data)<<check | r
}

// Masked reports whether data mask k inverts the module at column x and row y (table 10).
func Masked(k, x, y int) bool {
	switch k {
	case 0:
		return (x+y)%2 == 0
	case 1:
		return y%2 == 0
	case 2:
		return x%3 == 0
	case 3:
		return (x+y)%3 == 0
	case 4:
		return (y/2+x/3)%2 == 0
	case 5:
		return x*y%2+x*y%3 == 0
	case 6:
		return (x*y%2+x*y%3)%2 == 0
	}
	return ((x+y)%2+x*y%3)%2 == 0
}
