package qr

import (
	"slices"

	"citygate/scanner/symbol"
)

// This file implements codewords: reading them off the modules with their confidence, and correcting them block by block (sections 7.5 to 7.7).

// Modules is a sampled symbol. A value above 0 is a dark module, and its size says how sure that is.
type Modules struct {
	Side int
	V    []int16 // rows of Side values
}

func (m *Modules) at(x, y int) int { return int(m.V[y*m.Side+x]) }

// transpose exchanges rows and columns: a mirrored symbol becomes an upright one.
func (m *Modules) transpose() {
	n := m.Side
	for y := range n {
		for x := range y {
			m.V[y*n+x], m.V[x*n+y] = m.V[x*n+y], m.V[y*n+x]
		}
	}
}

// readCodewords reads the codewords in the order of their placement (section 7.7.3), unmasked: two columns at a time from the right, up and down
// in turn, past the vertical timing pattern. The confidence of a codeword is that of its least sure module.
func (d *Decoder) readCodewords(m *Modules, mask int) {
	n, word, count, least := m.Side, 0, 0, 1<<15
	d.words, d.sure = d.words[:0], d.sure[:0]
	for right, up := n-1, true; right > 0; right, up = right-2, !up {
		if right == 6 {
			right--
		}
		for i := range n {
			y := i
			if up {
				y = n - 1 - i
			}
			for x := right; x > right-2; x-- {
				if d.layout.function[y*n+x] {
					continue
				}
				v := m.at(x, y)
				if (v > 0) != symbol.Masked(mask, x, y) {
					word |= 1 << (7 - count)
				}
				least = min(least, max(v, -v))
				if count++; count == 8 {
					d.words, d.sure = append(d.words, byte(word)), append(d.sure, int16(least))
					word, count, least = 0, 0, 1<<15
				}
			}
		}
	}
}

// correct sorts the codewords into their blocks, corrects each, and leaves the data codewords in d.data.
func (d *Decoder) correct(level Level) bool {
	v := d.layout.version - 1
	nb, check, total := int(blocks[level][v]), int(checkCodewords[level][v]), d.layout.codewords
	short, long := total/nb, total%nb // the last `long` blocks have one data codeword more
	d.data = d.data[:0]
	for b := range nb {
		size := short
		if b >= nb-long {
			size++
		}
		d.block, d.blockSure = d.block[:0], d.blockSure[:0]
		for i := range size {
			at := i*nb + b
			if i >= short-check && size == short { // behind the data codewords of the short blocks
				at += long
			} else if i == short-check { // the codeword that only long blocks have
				at = (short-check)*nb + b - (nb - long)
			} else if i > short-check {
				at = (i-1)*nb + b + long
			}
			d.block, d.blockSure = append(d.block, uint16(d.words[at])), append(d.blockSure, d.sure[at])
		}
		if !d.correctBlock(check) {
			return false
		}
		for _, w := range d.block[:size-check] {
			d.data = append(d.data, byte(w))
		}
	}
	return true
}

// correctBlock corrects one block, first trusting all codewords alike, then giving up the least sure ones as erasures. Erasures use up what tells
// a right correction from a wrong one, so the result has to agree with most of what was seen, and some check symbols stay unused.
func (d *Decoder) correctBlock(check int) bool {
	if changed, ok := d.rs.Decode(d.block, check, nil); ok {
		d.changed += changed
		return true
	}
	if !d.Erasures || check < minCheckForErasures {
		return false
	}
	d.order = d.order[:0]
	for i := range d.block {
		d.order = append(d.order, i)
	}
	sure := d.blockSure
	slices.SortFunc(d.order, func(a, b int) int { return int(sure[a]) - int(sure[b]) })
	for _, eighths := range [...]int{2, 4, 6} {
		e := check * eighths / 8
		if check-e < spareCheck {
			break
		}
		if changed, ok := d.rs.Decode(d.block, check, d.order[:e]); ok {
			d.changed += changed
			d.erased = true
			return true
		}
	}
	return false
}

const (
	minCheckForErasures = 10
	spareCheck          = 6 // check symbols that erasures leave for errors
)
