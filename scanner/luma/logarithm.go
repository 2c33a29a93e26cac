package luma

import "math"

// This file implements the logarithm of gray: light that is taken away or added as a share becomes a step of its own there.

const (
	logUnit = 4096   // for a factor of two
	logDark = 3 << 8 // what a camera adds to black, in 1/256 gray levels: below it there is only noise
)

// Log replaces the gray of the modules by its logarithm.
func (g *Grid) Log() {
	for i, v := range g.Gray {
		g.Gray[i] = int32(math.Log2(float64(max(v, 0)+logDark)) * logUnit)
	}
}
