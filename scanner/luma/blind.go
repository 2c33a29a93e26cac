package luma

import "math"

// This file implements what a module may say: where glare or a thumb lies over a symbol, its surroundings are all of one gray, and however far that is from
// any threshold, it tells nothing.

const (
	blindReach = 2 // modules to each side that are a module's surroundings
	seeing     = 2 // a contrast of one in so many of the whole symbol's is as good as all of it
)

// Blind finds modules that tell nothing. It keeps its working memory.
type Blind struct{ low, top []int32 }

// Discount lowers the confidence, in soft, of modules whose surroundings have little contrast. Both are rows of w modules; what is not of one size is left as it is.
func (b *Blind) Discount(w, h int, gray []int32, soft []int16) {
	n := w * h
	if len(gray) != n || len(soft) != n || n == 0 {
		return
	}
	if cap(b.low) < n {
		b.low, b.top = make([]int32, n), make([]int32, n)
	}
	low, top := b.low[:n], b.top[:n]
	dark, light, darks := int64(0), int64(0), int64(0)
	for y := range h {
		row := gray[y*w : (y+1)*w]
		for x := range row {
			a, b := int32(math.MaxInt32), int32(math.MinInt32)
			for _, v := range row[max(x-blindReach, 0):min(x+blindReach+1, w)] {
				a, b = min(a, v), max(b, v)
			}
			low[y*w+x], top[y*w+x] = a, b
			if soft[y*w+x] > 0 {
				dark, darks = dark+int64(row[x]), darks+1
			} else {
				light += int64(row[x])
			}
		}
	}
	if darks == 0 || darks == int64(n) {
		return
	}
	full := light/(int64(n)-darks) - dark/darks
	if full = max(full, -full) / seeing; full == 0 {
		return
	}
	for y := range h {
		for x := range w {
			a, b := int32(math.MaxInt32), int32(math.MinInt32)
			for j := max(y-blindReach, 0); j < min(y+blindReach+1, h); j++ {
				a, b = min(a, low[j*w+x]), max(b, top[j*w+x])
			}
			if c := int64(b) - int64(a); c < full {
				soft[y*w+x] = int16(int64(soft[y*w+x]) * c / full)
			}
		}
	}
}

// Discount lowers the confidence of modules that tell nothing in what was judged last, and returns that.
func (g *Grid) Discount() []int16 {
	g.blind.Discount(g.W, g.H, g.Gray, g.soft)
	return g.soft
}
