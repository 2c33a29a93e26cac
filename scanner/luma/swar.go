package luma

// This file implements arithmetic on eight pixels in one 64-bit word, for processors whose vector units Go cannot reach.

const (
	tops  = 0x8080808080808080
	ones  = 0x0101010101010101
	evens = 0x00ff00ff00ff00ff
)

// geMask returns 0xff in each byte where a's byte is not below b's.
func geMask(a, b uint64) uint64 {
	r := geTop(a, b) & tops
	return r<<1 - r>>7
}

// geTop returns a word whose top bits of each byte tell where a's byte is not below b's; the other bits are noise.
func geTop(a, b uint64) uint64 {
	t := (a | tops) - (b &^ tops)
	return (a &^ b) | (^(a ^ b) & t)
}

// minus returns a - b in each byte, or 0 where that is below 0.
func minus(a, b uint64) uint64 {
	d := (a | tops) - (b &^ tops)
	return (d ^ ((a ^ ^b) & tops)) & geMask(a, b)
}

// maxmin returns the bytewise maximum and minimum of a and b.
func maxmin(a, b uint64) (mx, mn uint64) {
	g := geMask(a, b)
	x := (a ^ b) & g
	return b ^ x, a ^ x
}

// gather packs the top bits of the eight bytes into the low byte, first pixel in the lowest bit.
func gather(r uint64) uint64 { return (r & tops >> 7) * 0x0102040810204080 >> 56 }
