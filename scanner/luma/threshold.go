package luma

import "encoding/binary"

// This file implements local thresholds: one for each block of 8x8 pixels, midway between dark and light around it, and none where the
// surroundings hold nothing but noise. They are measured on the picture of half the size, whose pixels are means of four: that is a quarter of the
// work and half of the noise.

// Block is the side of a block in pixels.
const Block = 8

const (
	minContrast   = 14   // least difference of dark and light in a block, in gray levels, to count at all
	maxNoiseFloor = 200  // however noisy, a block with more contrast than this counts
	boxRadius     = 2    // thresholds are averaged over (2*boxRadius+1)^2 blocks
	minBlocks     = 3    // of which this many must have contrast
	smallPicture  = 2500 // blocks
	surelyNoise   = 12   // contrast of the quieter blocks that is not that of a pattern
)

// Thresholds holds the thresholds of one picture. A pixel is dark if it is below the threshold of its block; where a block has none its
// threshold is 0, and nothing is dark.
type Thresholds struct {
	T        []byte // rows of Stride blocks; a multiple of 8, so that a word of blocks can be read; unused ones are 0
	Stride   int
	W, H     int // blocks
	Floor    int // contrast up to which a block counted as flat
	mid      []byte
	contrast []byte
	column   []uint32
	hist     [256]int
}

// At returns the threshold at the pixel (x, y).
func (t *Thresholds) At(x, y int) int {
	return int(t.T[min(max(y, 0)/Block, t.H-1)*t.Stride+min(max(x, 0)/Block, t.W-1)])
}

// measure finds the range of gray in each block of a picture of w x h pixels, from that picture at half the size.
func (t *Thresholds) measure(half *Image, w, h int) {
	t.W, t.H = (w+Block-1)/Block, (h+Block-1)/Block
	t.Stride = (t.W + 7) &^ 7
	n := t.Stride * t.H
	if cap(t.T) < n {
		t.T, t.mid, t.contrast, t.column = make([]byte, n), make([]byte, n), make([]byte, n), make([]uint32, t.Stride)
	}
	t.T, t.mid, t.contrast = t.T[:n], t.mid[:n], t.contrast[:n]
	if len(t.column) < t.Stride {
		t.column = make([]uint32, t.Stride)
	}
	t.hist = [256]int{}
	for by := range t.H {
		row := func(k int) []byte {
			y := min(4*by+k, half.H-1) * half.Stride
			return half.Pix[y : y+half.Stride]
		}
		t.measureRow(by*t.Stride, row(0), row(1), row(2), row(3))
	}
}

// measureRow measures one row of blocks, two in each step: a block is four pixels wide at half the size.
func (t *Thresholds) measureRow(o int, r0, r1, r2, r3 []byte) {
	mid, contrast := t.mid[o:o+t.Stride], t.contrast[o:o+t.Stride]
	r1, r2, r3 = r1[:len(r0)], r2[:len(r0)], r3[:len(r0)]
	i := 0
	for ; i+1 < t.Stride && len(r0) >= 8; i += 2 {
		a, b := maxmin(binary.LittleEndian.Uint64(r0), binary.LittleEndian.Uint64(r1))
		c, d := maxmin(binary.LittleEndian.Uint64(r2), binary.LittleEndian.Uint64(r3))
		mx, _ := maxmin(a, c)
		_, mn := maxmin(b, d)
		// Neighbours in the even bytes: maxima and inverted minima reduce together.
		x, _ := maxmin(mx, mx>>8)
		n, _ := maxmin(^mn, ^mn>>8)
		z := x&evens | n&evens<<8
		z, _ = maxmin(z, z>>16)
		for k := range 2 {
			hi, lo := int(z>>(32*k)&255), 255-int(z>>(32*k+8)&255)
			mid[i+k], contrast[i+k] = byte((hi+lo+1)/2), byte(hi-lo)
			t.hist[hi-lo]++
		}
		r0, r1, r2, r3 = r0[8:], r1[8:], r2[8:], r3[8:]
	}
	for ; i < t.Stride; i++ {
		mid[i], contrast[i] = 0, 0
		t.hist[0]++
	}
}

// quantile returns the contrast that the share num/den of the blocks does not exceed.
func (t *Thresholds) quantile(num, den int) int {
	want := t.Stride * t.H * num / den
	for c, n := range t.hist {
		if want -= n; want < 0 {
			return c
		}
	}
	return 255
}

// noise returns the contrast up to which a block counts as flat: twice that of the quieter blocks. Where these have much contrast, that may be a pattern that
// fills the picture: halving a picture halves the range of noise and leaves that of a pattern, so the difference of this picture and the next smaller one tells
// the two apart. A small picture may be all pattern, and as fine as noise.
func (t *Thresholds) noise(smaller *Thresholds) int {
	low, spread := t.quantile(1, 5), 0
	if smaller != nil {
		spread = max(0, 2*(low-smaller.quantile(1, 5)))
	}
	floor := min(2*max(min(low, surelyNoise), min(low, spread)), maxNoiseFloor)
	if t.W*t.H < smallPicture {
		floor = min(2*min(low, spread), t.quantile(9, 10)*5/8)
	}
	return max(minContrast, floor)
}

// settle computes the thresholds from the blocks with more contrast than floor: the mean of their middles over a box of blocks, by running sums.
func (t *Thresholds) settle(floor int) {
	t.Floor = floor
	const one = 1 << 16 // a block counts one above the sum of up to 25 middles
	column := t.column[:t.Stride]
	clear(column)
	value := func(i int) uint32 {
		if int(t.contrast[i]) > floor {
			return uint32(t.mid[i]) + one
		}
		return 0
	}
	for by := -boxRadius; by < t.H; by++ {
		if in := by + boxRadius; in < t.H {
			for i := range t.W {
				column[i] += value(in*t.Stride + i)
			}
		}
		if out := by - boxRadius - 1; out >= 0 {
			for i := range t.W {
				column[i] -= value(out*t.Stride + i)
			}
		}
		if by >= 0 {
			t.settleRow(t.T[by*t.Stride:by*t.Stride+t.Stride], column)
		}
	}
}

func (t *Thresholds) settleRow(out []byte, column []uint32) {
	var sum uint32
	for i := range min(boxRadius, t.W) {
		sum += column[i]
	}
	for i := range out {
		if in := i + boxRadius; in < t.W {
			sum += column[in]
		}
		if gone := i - boxRadius - 1; gone >= 0 && gone < t.W {
			sum -= column[gone]
		}
		out[i] = 0
		if n := sum >> 16; n >= minBlocks && i < t.W {
			out[i] = byte((sum & 0xffff) * reciprocal[n] >> 16)
		}
	}
}

// reciprocal holds 65536/n rounded up, for the mean of n blocks without a division.
var reciprocal = func() (r [26]uint32) {
	for n := 1; n < len(r); n++ {
		r[n] = uint32((65536 + n - 1) / n)
	}
	return r
}()
