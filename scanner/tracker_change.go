package scanner

// This file implements whether a frame shows anything that the one looked at last did not. A thirty-second of the pixels are compared, cell by cell, as a
// change may be small; how much they differ by noise alone is what most cells show.

const (
	cell        = 64 // pixels, side of a cell
	cellRows    = 8  // from one row that is compared to the next
	cellGap     = 4  // from one pixel that is compared to the next
	changeFloor = 2  // gray levels in the mean that a cell may differ by, beyond noise, without having changed
	changeHalfs = 3  // halves of the usual difference that are noise
)

// change remembers what the last frame looked at was like.
type change struct {
	width, height int
	now, before   []byte
	differences   []int // of the cells of one row
	usual         int   // mean difference of a pixel, in sixteenths, over cells that did not change
	kept          bool
}

// differs samples f and compares it with what is remembered.
func (c *change) differs(f *Frame) bool {
	n := ((f.Width + cellGap - 1) / cellGap) * ((f.Height + cellRows - 1) / cellRows)
	fresh := !c.kept || c.width != f.Width || c.height != f.Height
	if cap(c.now) < n {
		c.now, c.before = make([]byte, n), make([]byte, n)
	}
	c.now, c.before = c.now[:n], c.before[:n]
	c.width, c.height = f.Width, f.Height
	o := 0
	for y := 0; y < f.Height; y += cellRows {
		row := f.Pix[y*f.Stride : y*f.Stride+f.Width]
		for x := 0; x < len(row); x += cellGap {
			c.now[o] = row[x]
			o++
		}
	}
	if fresh {
		c.kept = false
		return true
	}
	return c.compare()
}

// compare reports whether any cell differs by more than noise. The noise is learned: the least difference of a row of cells is that of cells without change.
func (c *change) compare() bool {
	columns := (c.width + cellGap - 1) / cellGap
	perCell := cell / cellGap
	cells := (columns + perCell - 1) / perCell
	if cap(c.differences) < cells {
		c.differences = make([]int, cells)
	}
	d := c.differences[:cells]
	limit := changeFloor*16 + changeHalfs*c.usual/2
	changed, least := false, 1<<30
	rows := len(c.now) / columns
	for y := 0; y < rows; {
		clear(d)
		n := 0
		for ; n < cell/cellRows && y < rows; n, y = n+1, y+1 {
			a, b := c.now[y*columns:(y+1)*columns], c.before[y*columns:(y+1)*columns]
			for k := range d {
				part := a[k*perCell : min((k+1)*perCell, columns)]
				other := b[k*perCell:][:len(part)]
				sum := 0
				for i, v := range part {
					e := int(v) - int(other[i])
					sum += max(e, -e)
				}
				d[k] += sum
			}
		}
		for k, sum := range d {
			mean := sum * 16 / (n * (min((k+1)*perCell, columns) - k*perCell))
			least = min(least, mean)
			changed = changed || mean > limit
		}
	}
	c.usual += (least - c.usual) / 4
	return changed
}

// remember makes the frame at hand the one to compare with.
func (c *change) remember() {
	c.now, c.before = c.before, c.now
	c.kept = true
}
