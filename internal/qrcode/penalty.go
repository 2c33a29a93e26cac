package qrcode

// This file implements the penalty of a masked symbol, ISO/IEC 18004 section 7.8.3: the lower, the less the data looks like the
// patterns that a reader searches for, and the more even its light and dark are.

// Weights of table 11.
const (
	weightRun    = 3  // five or more modules of one colour in a line, and one more for each further module
	weightBlock  = 3  // each 2 by 2 block of one colour, overlapping ones counted
	weightFinder = 40 // 1:1:3:1:1 in a line with four light modules before or after it
	weightShare  = 10 // each full 5 % between the share of dark modules and one half
)

func penalty(m Matrix) int {
	n := 0
	for i := range m.size {
		n += line(m, i*m.size, 1) + line(m, i, m.size)
	}
	dark := 0
	for y := range m.size {
		row := m.dark[y*m.size : (y+1)*m.size]
		for x, d := range row {
			if d {
				dark++
			}
			if x > 0 && y > 0 {
				up := m.dark[(y-1)*m.size:]
				if d == row[x-1] && d == up[x] && d == up[x-1] {
					n += weightBlock
				}
			}
		}
	}
	total := m.size * m.size
	off := 2*dark - total // twice the distance from one half
	if off < 0 {
		off = -off
	}
	return n + weightShare*(off*10/total)
}

// line is the penalty of one row or column for runs and for look-alikes of a finder pattern. What lies outside of the symbol is light.
func line(m Matrix, start, step int) int {
	const (
		window = 1<<11 - 1
		before = 0b00001011101 // four light modules, then the pattern
		after  = 0b10111010000
	)
	n, run, bits := 0, 0, uint(0)
	previous := false
	for i := range m.size {
		d := m.dark[start+i*step]
		if i > 0 && d == previous {
			run++
		} else {
			run = 1
		}
		previous = d
		switch {
		case run == 5:
			n += weightRun
		case run > 5:
			n++
		}
		bits = bits << 1 & window
		if d {
			bits |= 1
		}
		if bits == before || i >= 10 && bits == after {
			n += weightFinder
		}
	}
	for range 4 { // a pattern at the end of the line, with the quiet zone after it
		if bits = bits << 1 & window; bits == after {
			n += weightFinder
		}
	}
	return n
}
