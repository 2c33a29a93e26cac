package datamatrix

// This file implements the encodation schemes other than ASCII: C40, Text, X12, EDIFACT and Base 256 (sections 5.2.5 to 5.2.9, annex C).

// The shift sets of C40 and Text (table C.1); set 1 are the control characters.
const (
	shift2    = "!\"#$%&'()*+,-./:;<=>?@[\\]^_"
	c40Basic  = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	textBasic = " 0123456789abcdefghijklmnopqrstuvwxyz"
	c40Shift3 = "`abcdefghijklmnopqrstuvwxyz{|}~\x7f"
	textShift = "`ABCDEFGHIJKLMNOPQRSTUVWXYZ{|}~\x7f"
	x12Basic  = "\r*> 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// triplets reads C40, Text or X12: three values in two codewords, up to an unlatch or the last single codeword.
func (p *parser) triplets(scheme int) bool {
	shift := 0
	for p.at+1 < len(p.in) {
		if p.in[p.at] == unlatch {
			p.at++
			return true
		}
		v := int(p.in[p.at])<<8 + int(p.in[p.at+1]) - 1
		p.at += 2
		for _, k := range [...]int{v / 1600, v / 40 % 40, v % 40} {
			if v < 0 || v/1600 > 39 {
				return false
			}
			ok := true
			if scheme == latchX12 {
				p.put(int(x12Basic[k]))
			} else if shift, ok = p.value(scheme, shift, k); !ok {
				return false
			}
		}
	}
	if p.at < len(p.in) && p.in[p.at] == unlatch {
		p.at++
	}
	return true
}

// value appends what one value of C40 or Text means under the shift, and returns the shift for the next one.
func (p *parser) value(scheme, shift, k int) (next int, ok bool) {
	basic, third := c40Basic, c40Shift3
	if scheme == latchText {
		basic, third = textBasic, textShift
	}
	switch shift {
	case 0:
		if k < 3 {
			return k + 1, true
		}
		p.put(int(basic[k-3]))
	case 1:
		if k > 31 {
			return 0, false
		}
		p.put(k)
	case 2:
		switch {
		case k < len(shift2):
			p.put(int(shift2[k]))
		case k == 27:
			p.put(0x1d) // FNC1
		case k == 30:
			p.upper = true
		default:
			return 0, false
		}
	case 3:
		if k > 31 {
			return 0, false
		}
		p.put(int(third[k]))
	}
	return 0, true
}

// edifact reads four values of six bits in three codewords, up to the unlatch value (section 5.2.7).
func (p *parser) edifact() {
	for len(p.in)-p.at > 2 {
		v := int(p.in[p.at])<<16 | int(p.in[p.at+1])<<8 | int(p.in[p.at+2])
		for k := range 4 {
			c := v >> (18 - 6*k) & 63
			if c == 31 {
				p.at += [...]int{1, 2, 3, 3}[k]
				return
			}
			if c < 32 {
				c |= 64
			}
			p.put(c)
		}
		p.at += 3
	}
}

// base256 reads bytes, whose codewords are randomised by their position (section 5.2.9, annex B.2).
func (p *parser) base256() bool {
	next := func() int {
		if p.at >= len(p.in) {
			return -1
		}
		p.at++
		return (int(p.in[p.at-1]) - (149*p.at%255 + 1) + 512) & 255
	}
	n := next()
	switch {
	case n == 0:
		n = len(p.in) - p.at
	case n >= 250:
		n = 250*(n-249) + next()
	}
	if n < 0 || n > len(p.in)-p.at {
		return false
	}
	for range n {
		p.put(next())
	}
	return true
}
