package reedsolomon

// Decoder corrects words of one code family. It keeps its working memory, so it is not safe for concurrent use.
type Decoder struct {
	field *Field
	first int // the generator's roots are the powers first, first+1, ...

	syndromes, locator, last, next, magnitude, derivative []uint16
	positions                                             []int
}

// NewDecoder returns a decoder for codes over f whose generator polynomials have the roots a^first, a^(first+1), ...
func NewDecoder(f *Field, first int) *Decoder { return &Decoder{field: f, first: first} }

// Decode corrects word in place; its last check symbols are the parity, the first symbol is the highest power. Positions in erasures are known to
// be unreliable: each costs one parity symbol, an error elsewhere two. It returns the number of symbols changed. It is false, and word unchanged,
// where the word is farther from every codeword than that.
func (d *Decoder) Decode(word []uint16, check int, erasures []int) (changed int, ok bool) {
	if len(word) >= d.field.size || check < 1 || check > len(word) || len(erasures) > check {
		return 0, false
	}
	if d.clean(word, check) {
		return 0, true
	}
	if !d.findLocator(len(word), check, erasures) || !d.findPositions(len(word)) {
		return 0, false
	}
	d.findMagnitudes(check)
	for i, p := range d.positions {
		at := len(word) - 1 - p
		if d.magnitude[i] != 0 {
			changed++
			word[at] ^= d.magnitude[i]
		}
	}
	if d.clean(word, check) {
		return changed, true
	}
	for i, p := range d.positions {
		word[len(word)-1-p] ^= d.magnitude[i]
	}
	return 0, false
}

// clean computes the syndromes and reports whether all are zero: the word is a codeword.
func (d *Decoder) clean(word []uint16, check int) bool {
	d.syndromes = grow(d.syndromes, check)
	f, all := d.field, uint16(0)
	for i := range d.syndromes {
		x, y := int(f.log[f.Exp(d.first+i)]), uint16(0)
		for _, c := range word {
			if y != 0 {
				y = f.exp[int(f.log[y])+x]
			}
			y ^= c
		}
		d.syndromes[i] = y
		all |= y
	}
	return all == 0
}

// findLocator runs the Berlekamp-Massey algorithm, started with the locator of the erasures (Blahut, "Algebraic Codes for Data Transmission",
// section 7.4). The result's roots are the inverses of the places.
func (d *Decoder) findLocator(n, check int, erasures []int) bool {
	f := d.field
	d.locator, d.last, d.next = grow(d.locator, check+2), grow(d.last, check+2), grow(d.next, check+2)
	clear(d.locator)
	d.locator[0] = 1
	for k, e := range erasures {
		if e < 0 || e >= n {
			return false
		}
		x := f.Exp(n - 1 - e)
		for i := k + 1; i > 0; i-- {
			d.locator[i] ^= f.Mul(d.locator[i-1], x)
		}
	}
	copy(d.last, d.locator)
	length := len(erasures)
	for r := len(erasures); r < check; r++ {
		var delta uint16
		for i := 0; i <= length && i <= r; i++ {
			delta ^= f.Mul(d.locator[i], d.syndromes[r-i])
		}
		copy(d.last[1:], d.last[:check+1]) // times x
		d.last[0] = 0
		if delta == 0 {
			continue
		}
		for i := range d.next {
			d.next[i] = d.locator[i] ^ f.Mul(delta, d.last[i])
		}
		if 2*length <= r+len(erasures) {
			length = r + 1 + len(erasures) - length
			for i := range d.last {
				d.last[i] = f.Div(d.locator[i], delta)
			}
		}
		d.locator, d.next = d.next, d.locator
	}
	if 2*(length-len(erasures))+len(erasures) > check {
		return false
	}
	d.locator = d.locator[:length+1]
	return d.locator[length] != 0
}

// findPositions finds the powers at which the locator is zero, by trying all of the word (Chien search). There have to be as many as its degree.
func (d *Decoder) findPositions(n int) bool {
	d.positions = d.positions[:0]
	for p := range n {
		if d.field.eval(d.locator, d.field.Exp(-p)) == 0 {
			d.positions = append(d.positions, p)
		}
	}
	return len(d.positions) == len(d.locator)-1
}

// findMagnitudes computes what to add at each position (Forney's algorithm).
func (d *Decoder) findMagnitudes(check int) {
	f, degree := d.field, len(d.locator)-1
	omega := grow(d.next, degree)
	for i := range omega {
		omega[i] = 0
		for j := 0; j <= i; j++ {
			omega[i] ^= f.Mul(d.locator[j], d.syndromes[i-j])
		}
	}
	d.derivative = grow(d.derivative, degree)
	for i := range d.derivative {
		d.derivative[i] = 0
		if i%2 == 0 {
			d.derivative[i] = d.locator[i+1]
		}
	}
	d.magnitude = grow(d.magnitude, degree)
	for i, p := range d.positions {
		x := f.Exp(-p)
		m := f.Div(f.eval(omega, x), f.eval(d.derivative, x))
		d.magnitude[i] = f.Mul(m, f.Exp(p*(1-d.first)))
	}
}

func grow(s []uint16, n int) []uint16 {
	if cap(s) < n {
		return make([]uint16, n, max(n, 72))
	}
	return s[:n]
}
