package jpegluma

// This file implements the inverse DCT (A.3.3) by the algorithm of Loeffler,
// Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms with 11
// multiplications" (ICASSP 1989), in fixed point: once along the columns, once
// along the rows. The two passes together scale by 8.

const (
	fraction = 13 // bits after the point of a constant
	between  = 2  // bits after the point between the passes

	f0298 = 2446  // the constants of the algorithm, times 1<<13
	f0390 = 3196  //
	f0541 = 4433  //
	f0765 = 6270  //
	f0899 = 7373  //
	f1175 = 9633  //
	f1501 = 12299 //
	f1847 = 15137 //
	f1961 = 16069 //
	f2053 = 16819 //
	f2562 = 20995 //
	f3072 = 25172 //
)

// butterfly is the one-dimensional transform. Its results are scaled by
// 1<<fraction: first the sums that give samples 0 to 3, then what is to be
// added for them and taken away for their mirror images 7 to 4.
func butterfly(c0, c1, c2, c3, c4, c5, c6, c7 int32) (e0, e1, e2, e3, o0, o1, o2, o3 int32) {
	z := (c2 + c6) * f0541
	t2, t3 := z-c6*f1847, z+c2*f0765
	t0, t1 := (c0+c4)<<fraction, (c0-c4)<<fraction
	e0, e3, e1, e2 = t0+t3, t0-t3, t1+t2, t1-t2

	z1, z2, z3, z4 := -(c7+c1)*f0899, -(c5+c3)*f2562, c7+c3, c5+c1
	z5 := (z3 + z4) * f1175
	z3, z4 = z5-z3*f1961, z5-z4*f0390
	o3 = c7*f0298 + z1 + z3
	o2 = c5*f2053 + z2 + z4
	o1 = c3*f3072 + z2 + z3
	o0 = c1*f1501 + z1 + z4
	return
}

// inverse transforms a block of dequantised coefficients into samples.
func inverse(b *[64]int32, out []byte, stride int) {
	const half1 = 1 << (fraction - between - 1)
	for x := range 8 {
		c := b[x:]
		if c[8]|c[16]|c[24]|c[32]|c[40]|c[48]|c[56] == 0 {
			v := c[0] << between
			c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56] = v, v, v, v, v, v, v, v
			continue
		}
		e0, e1, e2, e3, o0, o1, o2, o3 := butterfly(c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56])
		const down = fraction - between
		c[0], c[56] = (e0+o0+half1)>>down, (e0-o0+half1)>>down
		c[8], c[48] = (e1+o1+half1)>>down, (e1-o1+half1)>>down
		c[16], c[40] = (e2+o2+half1)>>down, (e2-o2+half1)>>down
		c[24], c[32] = (e3+o3+half1)>>down, (e3-o3+half1)>>down
	}
	const down = fraction + between + 3
	const half2 = 1<<(down-1) + 128<<down // rounding, and the level shift of A.3.1
	for y := range 8 {
		c := b[8*y : 8*y+8 : 8*y+8]
		e0, e1, e2, e3, o0, o1, o2, o3 := butterfly(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7])
		row := out[y*stride : y*stride+8 : y*stride+8]
		row[0], row[7] = sample((e0+o0+half2)>>down), sample((e0-o0+half2)>>down)
		row[1], row[6] = sample((e1+o1+half2)>>down), sample((e1-o1+half2)>>down)
		row[2], row[5] = sample((e2+o2+half2)>>down), sample((e2-o2+half2)>>down)
		row[3], row[4] = sample((e3+o3+half2)>>down), sample((e3-o3+half2)>>down)
	}
}

// flat writes a block that has only its mean.
func flat(out []byte, stride int, dc int32) {
	v := uint64(sample((dc+4)>>3+128)) * 0x0101010101010101
	for y := range 8 {
		row := out[y*stride : y*stride+8 : y*stride+8]
		row[0], row[1], row[2], row[3] = byte(v), byte(v), byte(v), byte(v)
		row[4], row[5], row[6], row[7] = byte(v), byte(v), byte(v), byte(v)
	}
}

// sample saturates.
func sample(v int32) byte {
	if uint32(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return byte(v)
}
