package jpegluma

// This file implements the scan: blocks of coefficients in, luma out.

import "fmt"

// scanHeader reads B.2.3. A scan of all components interleaves them; one of
// the luma alone is all that is needed.
func (d *Decoder) scanHeader(b []byte) (alone bool, err error) {
	if len(b) < 1 || len(b) != 4+2*int(b[0]) || len(d.parts) == 0 {
		return false, fmt.Errorf("%w: scan header", ErrDamaged)
	}
	n := int(b[0])
	if n != 1 && n != len(d.parts) || !d.ycc && len(d.parts) == 3 {
		return false, ErrUnsupported
	}
	for i := range n {
		p := &d.parts[i]
		if int(b[1+2*i]) != p.id {
			return false, ErrUnsupported
		}
		p.dc, p.ac, p.last = int(b[2+2*i]>>4), int(b[2+2*i]&15), 0
		if p.dc > 3 || p.ac > 3 {
			return false, fmt.Errorf("%w: scan header", ErrDamaged)
		}
		if !d.dc[p.dc].set || !d.ac[p.ac].set || !d.quantSet[d.parts[0].quant] {
			return false, ErrUnsupported
		}
	}
	if rest := b[1+2*n:]; rest[0] != 0 || rest[1] != 63 || rest[2] != 0 {
		return false, fmt.Errorf("%w: scan header of another process", ErrDamaged)
	}
	return n == 1, nil
}

// scan decodes the entropy-coded data that follows the scan header.
func (d *Decoder) scan(header, data, buf []byte) (Picture, error) {
	alone, err := d.scanHeader(header)
	if err != nil {
		return Picture{}, err
	}
	h, v := d.parts[0].h, d.parts[0].v
	parts := d.parts
	if alone {
		h, v, parts = 1, 1, d.parts[:1] // A.2.2: an MCU is one block
	}
	across, down := (d.width+8*h-1)/(8*h), (d.height+8*v-1)/(8*v)
	out := Picture{Stride: across * 8 * h, Width: d.width, Height: d.height}
	if size := out.Stride * down * 8 * v; cap(buf) >= size {
		out.Pix = buf[:size]
	} else {
		out.Pix = make([]byte, size)
	}
	d.bits = bitReader{b: data}
	for y := range down {
		for x := range across {
			if n := y*across + x; d.restart > 0 && n > 0 && n%d.restart == 0 {
				if err := d.bits.next(n/d.restart - 1); err != nil {
					return Picture{}, err
				}
				for i := range parts {
					parts[i].last = 0
				}
			}
			for j := range v {
				at := (y*v+j)*8*out.Stride + x*h*8
				for i := range h {
					d.luma(&parts[0], out.Pix[at+8*i:], out.Stride)
				}
			}
			for i := 1; i < len(parts); i++ {
				for range parts[i].h * parts[i].v {
					d.pass(&parts[i])
				}
			}
		}
		if d.bits.damaged() {
			return Picture{}, fmt.Errorf("%w: nothing is right after %d of %d rows of blocks", ErrDamaged, y, down)
		}
	}
	return out, nil
}

// enough is the number of bits that a code and the value behind it may take.
const enough = 32

// luma decodes a block (F.2.2) and writes its samples.
func (d *Decoder) luma(p *component, out []byte, stride int) {
	r, q := &d.bits, &d.quant[p.quant]
	if r.n < enough {
		r.fill()
	}
	if k := r.symbol(&d.dc[p.dc]) & 15; k > 0 {
		p.last += r.extend(k)
	}
	t := &d.ac[p.ac]
	last := 0
	for k := 1; k < 64; {
		if r.n < enough {
			r.fill()
		}
		rs := r.symbol(t)
		size := rs & 15
		if size == 0 {
			if rs != 0xf0 {
				break // the rest is zero
			}
			k += 16
			continue
		}
		k += rs >> 4
		at := zigzag[k]
		d.block[at] = r.extend(size) * q[at]
		last = k
		k++
	}
	dc := p.last * q[0]
	if last == 0 {
		flat(out, stride, dc)
		return
	}
	d.block[0] = dc
	inverse(&d.block, out, stride)
	d.block = [64]int32{}
}

// pass reads past a block of colour.
func (d *Decoder) pass(p *component) {
	r := &d.bits
	if r.n < enough {
		r.fill()
	}
	r.skip(r.symbol(&d.dc[p.dc]) & 15)
	t := &d.ac[p.ac]
	for k := 1; k < 64; k++ {
		if r.n < enough {
			r.fill()
		}
		rs := r.symbol(t)
		size := rs & 15
		if size == 0 && rs != 0xf0 {
			return
		}
		r.skip(size)
		k += rs >> 4
	}
}
