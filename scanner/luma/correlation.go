package luma

import "math"

// This file implements agreement: of values with what is known about them.

// Correlation returns that of n values, of which nd belong to dark modules, with the pattern. The sums are those of all values, of the dark ones, and of the
// squares. A patch without contrast correlates with nothing.
func Correlation(n, nd, sum, dark, squares int, light bool) float64 {
	nl := n - nd
	variance := float64(squares)/float64(n) - float64(sum)/float64(n)*float64(sum)/float64(n)
	if variance < 9*256 || nd == 0 || nl == 0 { // 16ths of a gray level: a deviation of three levels
		return 0
	}
	c := (float64(sum-dark)/float64(nl) - float64(dark)/float64(nd)) / math.Sqrt(variance) * math.Sqrt(float64(nd)*float64(nl)) / float64(n)
	if light {
		return -c
	}
	return c
}
