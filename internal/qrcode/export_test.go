package qrcode

import "rsc.io/qr/coding"

// Penalties gives the lowest penalty, by the given count, of the eight symbols that text can have.
func Penalties(text string, level Level, count func(Matrix) int) int {
	segments := split(text)
	v, _ := fit(segments, level)
	lowest := -1
	for mask := range 8 {
		p, err := coding.NewPlan(v, level, coding.Mask(mask))
		if err != nil {
			panic(err)
		}
		c, err := p.Encode(segments...)
		if err != nil {
			panic(err)
		}
		if n := count(newGrid(c.Size, c.Black).matrix()); lowest < 0 || n < lowest {
			lowest = n
		}
	}
	return lowest
}
