package datamatrix

// This file implements the placement of codewords in the mapping matrix (annex F.3): each is a shape of eight modules, wrapped around the edges, with four
// special shapes at corners.

// placement tells for each module of the mapping matrix which bit it is: 8*codeword + bit, bit 0 the most significant; -1 where no codeword lies.
type placement struct {
	rows, cols int
	bit        []int32
}

// set fills the placement for a mapping matrix.
func (p *placement) set(rows, cols int) {
	if p.rows == rows && p.cols == cols {
		return
	}
	p.rows, p.cols = rows, cols
	if cap(p.bit) < rows*cols {
		p.bit = make([]int32, rows*cols)
	}
	p.bit = p.bit[:rows*cols]
	for i := range p.bit {
		p.bit[i] = -1
	}
	word := 0
	for row, col := 4, 0; row < rows || col < cols; {
		word = p.corner(row, col, word)
		for ; row >= 0 && col < cols; row, col = row-2, col+2 {
			word = p.utah(row, col, word)
		}
		for row, col = row+1, col+3; row < rows && col >= 0; row, col = row+2, col-2 {
			word = p.utah(row, col, word)
		}
		row, col = row+3, col+1
	}
}

// cornerShapes are the four shapes at corners, as rows and columns; a negative one counts from the end.
var cornerShapes = [4][8][2]int{
	{{-1, 0}, {-1, 1}, {-1, 2}, {0, -2}, {0, -1}, {1, -1}, {2, -1}, {3, -1}},
	{{-3, 0}, {-2, 0}, {-1, 0}, {0, -4}, {0, -3}, {0, -2}, {0, -1}, {1, -1}},
	{{-3, 0}, {-2, 0}, {-1, 0}, {0, -2}, {0, -1}, {1, -1}, {2, -1}, {3, -1}},
	{{-1, 0}, {-1, -1}, {0, -3}, {0, -2}, {0, -1}, {1, -3}, {1, -2}, {1, -1}},
}

// corner places a codeword in the corner shape that is due at (row, col), if any, and returns the next codeword.
func (p *placement) corner(row, col, word int) int {
	k := -1
	switch {
	case row == p.rows && col == 0:
		k = 0
	case row == p.rows-2 && col == 0 && p.cols%4 != 0:
		k = 1
	case row == p.rows-2 && col == 0 && p.cols%8 == 4:
		k = 2
	case row == p.rows+4 && col == 2 && p.cols%8 == 0:
		k = 3
	}
	if k < 0 {
		return word
	}
	for b, m := range cornerShapes[k] {
		r, c := m[0], m[1]
		if r < 0 {
			r += p.rows
		}
		if c < 0 {
			c += p.cols
		}
		p.bit[r%p.rows*p.cols+c] = int32(8*word + b)
	}
	return word + 1
}

// utahShape is the usual shape, relative to its last module.
var utahShape = [8][2]int{{-2, -2}, {-2, -1}, {-1, -2}, {-1, -1}, {-1, 0}, {0, -2}, {0, -1}, {0, 0}}

// utah places a codeword in the usual shape ending at (row, col), unless that is outside or taken.
func (p *placement) utah(row, col, word int) int {
	if row < 0 || row >= p.rows || col < 0 || col >= p.cols || p.bit[row*p.cols+col] >= 0 {
		return word
	}
	for b, m := range utahShape {
		r, c := row+m[0], col+m[1]
		if r < 0 {
			r, c = r+p.rows, c+4-(p.rows+4)%8
		}
		if c < 0 {
			r, c = r+4-(p.cols+4)%8, c+p.cols
		}
		p.bit[r%p.rows*p.cols+c] = int32(8*word + b)
	}
	return word + 1
}
