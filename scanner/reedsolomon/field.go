// Package reedsolomon corrects errors and erasures in the Reed-Solomon codes of 2D symbols: arithmetic in GF(2^m), and nothing of any format.
package reedsolomon

// Field is GF(2^m) with the powers of a primitive element.
type Field struct {
	size int // number of elements
	exp  []uint16
	log  []uint16
}

// NewField returns the field with size elements (a power of two, at most 4096) that the primitive polynomial poly generates; bit i of poly is the
// coefficient of x^i.
func NewField(size, poly int) *Field {
	f := &Field{size: size, exp: make([]uint16, 2*size), log: make([]uint16, size)}
	x := 1
	for i := range size - 1 {
		f.exp[i], f.exp[i+size-1] = uint16(x), uint16(x)
		f.log[x] = uint16(i)
		if x <<= 1; x >= size {
			x ^= poly
		}
	}
	return f
}

// Mul returns a*b.
func (f *Field) Mul(a, b uint16) uint16 {
	if a == 0 || b == 0 {
		return 0
	}
	return f.exp[int(f.log[a])+int(f.log[b])]
}

// Div returns a/b; b is not zero.
func (f *Field) Div(a, b uint16) uint16 {
	if a == 0 {
		return 0
	}
	return f.exp[int(f.log[a])+f.size-1-int(f.log[b])]
}

// Exp returns the n-th power of the primitive element.
func (f *Field) Exp(n int) uint16 {
	n %= f.size - 1
	if n < 0 {
		n += f.size - 1
	}
	return f.exp[n]
}

// eval returns p(x); p holds the lowest power first.
func (f *Field) eval(p []uint16, x uint16) uint16 {
	var y uint16
	for i := len(p) - 1; i >= 0; i-- {
		y = f.Mul(y, x) ^ p[i]
	}
	return y
}
