package qrcode

import "math/bits"

// This file implements the penalty of a masked symbol, ISO/IEC 18004 section 7.8.3: the lower, the less the data looks like the
// patterns that a reader searches for, and the more even its light and dark are. All modules of a line are judged at once, as bits.

// Weights of table 11.
const (
	weightRun    = 3  // five or more modules of one colour in a line, and one more for each further module
	weightBlock  = 3  // each 2 by 2 block of one colour, overlapping ones counted
	weightFinder = 40 // 1:1:3:1:1 in a line with four light modules before or after it
	weightShare  = 10 // each full 5 % between the share of dark modules and one half
)

// line is a row or a column: bit i is module i, set if dark. 192 bits hold the largest symbol, 177, and four light modules on each side.
type line [3]uint64

func (l line) right(n uint) line {
	return line{l[0]>>n | l[1]<<(64-n), l[1]>>n | l[2]<<(64-n), l[2] >> n}
}

func (l line) left(n uint) line {
	return line{l[0] << n, l[1]<<n | l[0]>>(64-n), l[2]<<n | l[1]>>(64-n)}
}

func (l line) and(m line) line    { return line{l[0] & m[0], l[1] & m[1], l[2] & m[2]} }
func (l line) andNot(m line) line { return line{l[0] &^ m[0], l[1] &^ m[1], l[2] &^ m[2]} }
func (l line) xor(m line) line    { return line{l[0] ^ m[0], l[1] ^ m[1], l[2] ^ m[2]} }
func (l line) not() line          { return line{^l[0], ^l[1], ^l[2]} }

func (l line) count() int {
	return bits.OnesCount64(l[0]) + bits.OnesCount64(l[1]) + bits.OnesCount64(l[2])
}

func (l *line) set(i int) { l[i/64] |= 1 << (i % 64) }

// below has the first n bits set.
func below(n int) (l line) {
	for i := range l {
		l[i] = ^uint64(0)
		if rest := n - 64*i; rest < 64 {
			l[i] = 1<<max(rest, 0) - 1
		}
	}
	return l
}

// grid is a square of modules, once by rows and once by columns.
type grid struct {
	size          int
	rows, columns []line
}

func newGrid(size int, dark func(x, y int) bool) grid {
	g := grid{size, make([]line, size), make([]line, size)}
	for y := range size {
		for x := range size {
			if dark(x, y) {
				g.rows[y].set(x)
				g.columns[x].set(y)
			}
		}
	}
	return g
}

// xor gives the modules in which two grids of one size differ.
func (g grid) xor(h grid) grid {
	d := grid{g.size, make([]line, g.size), make([]line, g.size)}
	for i := range g.size {
		d.rows[i], d.columns[i] = g.rows[i].xor(h.rows[i]), g.columns[i].xor(h.columns[i])
	}
	return d
}

func (g grid) penalty() int {
	n, dark := 0, 0
	pairs := below(g.size - 1)
	for i, row := range g.rows {
		n += row.penalty(g.size) + g.columns[i].penalty(g.size)
		dark += row.count()
		if i > 0 {
			up := g.rows[i-1]
			alike := row.xor(up).not()                  // as the module above
			block := alike.and(alike.right(1))          // and so is the next one
			block = block.andNot(row.xor(row.right(1))) // which is like this one
			n += weightBlock * block.and(pairs).count()
		}
	}
	total := g.size * g.size
	off := 2*dark - total // twice the distance from one half
	return n + weightShare*(max(off, -off)*10/total)
}

// penalty counts a line's runs and look-alikes of a finder pattern. What lies outside of the symbol is light.
func (l line) penalty(size int) int {
	same := l.xor(l.right(1)).not().and(below(size - 1)) // like its neighbour
	runs := same.and(same.right(1))
	runs = runs.and(runs.right(2)) // the first of five alike: a run of k has k-4 of these
	starts := runs.andNot(runs.left(1))
	n := runs.count() + (weightRun-1)*starts.count()

	p := l.left(4)
	finder := p.andNot(p.right(1)).and(p.right(2)).and(p.right(3)).and(p.right(4)).andNot(p.right(5)).and(p.right(6))
	dark4 := func(at uint) line { // any dark module among four
		two := p.right(at)
		for i := uint(1); i < 4; i++ {
			q := p.right(at + i)
			two = line{two[0] | q[0], two[1] | q[1], two[2] | q[2]}
		}
		return two
	}
	after := finder.andNot(dark4(7))
	before := finder.right(4).andNot(dark4(0))
	return n + weightFinder*(after.count()+before.count())
}
