// Package aztec finds, samples and decodes Aztec Code symbols (ISO/IEC 24778:2008): compact, full-range and runes, also mirrored.
//
// Each file is one stage. From pixels to modules: bullseye.go, fit.go, reader.go. From modules to text: layout.go, mode.go, decode.go, text.go; these know
// nothing of pixels.
package aztec

// This file implements the structure of symbols (section 5.2 and annex A): a bullseye in the middle, around it the mode message with orientation marks,
// then layers of data two modules thick, in full-range symbols with a reference grid through all.

// kind is the format of a symbol: compact or full-range, and its layers; a rune has none.
type kind struct {
	compact bool
	layers  int
}

// base is the modules along a side without the reference grid.
func (k kind) base() int {
	if k.compact {
		return 11 + 4*k.layers
	}
	return 14 + 4*k.layers
}

// side is the modules along a side.
func (k kind) side() int {
	b := k.base()
	if k.compact {
		return b
	}
	return b + 1 + 2*((b/2-1)/15)
}

// core is the distance of the mode message from the middle.
func (k kind) core() int {
	if k.compact {
		return 5
	}
	return 7
}

// bits is the number of data bits that the layers hold.
func (k kind) bits() int {
	if k.compact {
		return (88 + 16*k.layers) * k.layers
	}
	return (112 + 16*k.layers) * k.layers
}

// word is the size of a codeword in bits (table 3).
func (k kind) word() int {
	switch {
	case k.layers <= 2:
		return 6
	case k.layers <= 8:
		return 8
	case k.layers <= 22:
		return 10
	}
	return 12
}

// line returns the row or column of a symbol at which that of a symbol without a reference grid lies.
func (k kind) line(i int) int {
	if k.compact {
		return i
	}
	half, middle := k.base()/2, k.side()/2
	if i < half {
		j := half - i - 1
		return middle - j - j/15 - 1
	}
	j := i - half
	return middle + j + j/15 + 1
}

// each calls visit with the place of every data bit in order: layer by layer from outside, around each anticlockwise from the top left, in dominoes.
func (k kind) each(visit func(bit, x, y int)) {
	b, start := k.base(), 0
	for layer := range k.layers {
		rows := (k.layers-layer)*4 + 9
		if !k.compact {
			rows += 3
		}
		lo, hi := 2*layer, b-1-2*layer
		for j := range rows {
			for i := range 2 {
				bit := start + 2*j + i
				visit(bit, k.line(lo+i), k.line(lo+j))
				visit(bit+2*rows, k.line(lo+j), k.line(hi-i))
				visit(bit+4*rows, k.line(hi-i), k.line(hi-j))
				visit(bit+6*rows, k.line(hi-j), k.line(lo+i))
			}
		}
		start += 8 * rows
	}
}

// known reports whether the module at the given distance from the middle is the same in all symbols of the kind: bullseye, orientation marks, reference
// grid; and whether it is dark.
func (k kind) known(dx, dy int) (dark, ok bool) {
	d, c := max(dx, -dx, dy, -dy), k.core()
	switch {
	case d < c:
		return d%2 == 0, true
	case d == c && max(dx, -dx)+max(dy, -dy) >= 2*c-1:
		return mark(dx, dy, c), true
	case !k.compact && d > c && (dx%16 == 0 || dy%16 == 0):
		if dx%16 == 0 && dy%16 == 0 {
			return true, true
		}
		return (dx+dy)%2 == 0, true
	}
	return false, false
}

// mark reports whether an orientation mark is dark: three modules at the top left, two at the top right, one at the bottom right.
func mark(dx, dy, c int) bool {
	switch {
	case dx < 0 && dy < 0:
		return true
	case dx > 0 && dy < 0:
		return dx == c
	case dx > 0 && dy > 0:
		return dx == c && dy == c-1
	}
	return false
}

// messagePlace returns where bit i of the mode message stands, relative to the middle (figure 6): clockwise from the top left.
func (k kind) messagePlace(i int) (dx, dy int) {
	c, n := k.core(), 7
	if !k.compact {
		n = 10
	}
	j := i % n
	along := j - 3
	if !k.compact {
		along = j - 5 + j/5
	}
	switch i / n {
	case 0:
		return along, -c
	case 1:
		return c, along
	case 2:
		return -along, c
	}
	return -c, -along
}
