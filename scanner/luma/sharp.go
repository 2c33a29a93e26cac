package luma

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// This file implements the second look for finder patterns that blur has closed: where a module is not much wider than the blur, the light ring does not reach the
// threshold any more. Twice a pixel less the mean of its neighbours a module away undoes that. It is done on the fly: along rows for the scan, along a column for the
// first test, and on a patch around what is left.

// reaches are the distances to the neighbours in pixels, about a module; the scan tries each on the finest level.
var reaches = [...]int{3}

const (
	maxSharpHits     = 4000
	minSharpContrast = 10   // gray levels between the runs of a hit
	sharpStep        = 4    // rows between those that are scanned
	maxPatch         = 96   // pixels to a side
	textureHits      = 2500 // plain hits of a frame that is full of detail, and so not blurred
	maxPatches       = 160
)

// Blurred adds the finder patterns that show only when the finest level is sharpened, or show better, and reports whether there are any.
func (c *Finders) Blurred(k *Look) bool {
	if len(k.Levels) == 0 || len(k.Levels[0].Hits) > textureHits {
		return false
	}
	l := k.Levels[0]
	c.sharp.Thresholds = l.Thresholds
	patches, changed := 0, false
	for _, reach := range reaches {
		c.hits = c.hits[:0]
		for y := sharpStep / 2; y < l.H && len(c.hits) < maxSharpHits; y += sharpStep {
			c.sharpRow(l, y, reach)
		}
		for i := range c.hits {
			if h := &c.hits[i]; c.Work > 0 && patches < maxPatches && len(c.Found) < maxFinders && c.sharpUpright(l, h, reach) && !c.known(h) {
				patches++
				changed = c.verifyPatch(l, h, reach) || changed
			}
		}
	}
	return changed
}

// sharpRow appends the hits of one sharpened row.
func (c *Finders) sharpRow(l *Level, y, reach int) {
	row, t := l.Row(y), l.Thresholds.T[y/Block*l.Thresholds.Stride:]
	var p0, p1, p2, p3, p4, p5 int
	var last uint64
	contrast := max(minSharpContrast, l.Thresholds.Floor*3/4)
	for b := 0; b*Block < len(row); b += 8 {
		words := binary.LittleEndian.Uint64(t[b:])
		if words == 0 && last == 0 {
			continue
		}
		m := sharpBits(row, b*Block, words, reach)
		changes := m ^ (m<<1 | last)
		last = m >> 63
		for ; changes != 0; changes &= changes - 1 {
			k := bits.TrailingZeros64(changes)
			p0, p1, p2, p3, p4, p5 = p1, p2, p3, p4, p5, b*Block+k
			w, total := p3-p2, p5-p0
			if w*64 < total*17 || w*64 > total*40 || p0 == 0 || total < 4*reach || total > 12*reach || !finderRuns(p1-p0, p2-p1, w, p4-p3, p5-p4) {
				continue
			}
			if len(c.hits) < maxSharpHits && sharpDistinct(row, [5]int{p0 + p1, p1 + p2, p2 + p3, p3 + p4, p4 + p5}, reach, contrast) {
				c.hits = append(c.hits, Hit{X: float64(p2+p3) / 2, Y: float64(y) + 0.5, Width: float64(total), Light: m>>k&1 == 1})
			}
		}
	}
}

// sharpDistinct is distinct on sharpened pixels.
func sharpDistinct(row []byte, sums [5]int, reach, contrast int) bool {
	var v [5]int
	for i, s := range sums {
		x := s >> 1
		if x < reach || x+reach >= len(row) {
			return false
		}
		v[i] = 2*int(row[x]) - (int(row[x-reach])+int(row[x+reach]))/2
	}
	return min(v[1], v[3])-max(v[0], v[2], v[4]) >= contrast || min(v[0], v[2], v[4])-max(v[1], v[3]) >= contrast
}

// sharpBits is darkBits on sharpened pixels: 2p - mean(left, right) < t is p < mean(t, mean(left, right)).
func sharpBits(row []byte, at int, thresholds uint64, reach int) (m uint64) {
	if at < reach || at+64+reach > len(row) {
		return darkBits(row[at:], thresholds)
	}
	left, mid, right := row[at-reach:at-reach+64], row[at:at+64], row[at+reach:at+reach+64]
	for k := 0; k < 64; k += 8 {
		t := (thresholds >> k & 255) * ones
		if t == 0 {
			continue
		}
		around := average(binary.LittleEndian.Uint64(left[k:]), binary.LittleEndian.Uint64(right[k:]))
		m |= gather(^geTop(binary.LittleEndian.Uint64(mid[k:]), average(t, around))) << k
	}
	return m
}

// average returns the means of the bytes of a and b, rounded down.
func average(a, b uint64) uint64 { return a&b + (a^b)>>1&^tops }

// sharpUpright walks the sharpened pixel column through a hit, as upright does the plain one.
func (c *Finders) sharpUpright(l *Level, h *Hit, reach int) bool {
	x, y, t := int(h.X), int(h.Y), l.Thresholds.At(int(h.X), int(h.Y))
	if t == 0 {
		return false
	}
	limit := int(h.Width * 1.3)
	var runs [2][3]int
	for side, step := range [...]int{-1, 1} {
		light, run, start := h.Light, 0, 0
		for n := 0; n < limit && run < 3; n++ {
			yy := y + n*step
			if yy < reach || yy+reach >= l.H {
				return false
			}
			o := yy*l.Stride + x
			v := 2*int(l.Pix[o]) - (int(l.Pix[o-reach*l.Stride])+int(l.Pix[o+reach*l.Stride]))/2
			if (v >= t) != light {
				runs[side][run] = n - start
				run, start, light = run+1, n, !light
			}
		}
		c.Work -= limit / 2
		if run < 3 {
			return false
		}
	}
	core := runs[0][0] + runs[1][0] - 1
	total := core + runs[0][1] + runs[0][2] + runs[1][1] + runs[1][2]
	v := total*2/3 + 10
	return abs(7*core-3*total) < 2*v && abs(7*runs[0][1]-total) < v && abs(7*runs[0][2]-total) < v && abs(7*runs[1][1]-total) < v && abs(7*runs[1][2]-total) < v
}

// known reports whether a clean finder is there already, and counts the hit for it.
func (c *Finders) known(h *Hit) bool {
	i := c.near(h)
	if i < 0 || c.Found[i].Clean < cleanEnough {
		return false
	}
	c.Found[i].Hits++
	return true
}

// near returns the index of the finder at a hit, or -1.
func (c *Finders) near(h *Hit) int {
	for i := range c.Found {
		f := &c.Found[i]
		if math.Abs(f.Center.X-h.X)+math.Abs(f.Center.Y-h.Y) < sameFinder*f.Module && f.Light == h.Light {
			return i
		}
	}
	return -1
}

// cleanEnough is the cleanness of a finder above which no better one is looked for in the sharpened picture.
const cleanEnough = 0.9

// verifyPatch sharpens the surroundings of a hit and verifies the pattern there. The finder keeps its widths, as its lines cannot be walked again. It
// reports whether the pattern is new, or cleaner than the one that was known.
func (c *Finders) verifyPatch(l *Level, h *Hit, reach int) bool {
	half := min(int(h.Width*1.2)+2, maxPatch/2)
	x0, y0 := max(int(h.X)-half, reach), max(int(h.Y)-half, reach)
	x1, y1 := min(int(h.X)+half, l.W-reach), min(int(h.Y)+half, l.H-reach)
	if x1-x0 < 16 || y1-y0 < 16 {
		return false
	}
	p := &c.sharp
	p.W, p.H, p.Stride = x1-x0, y1-y0, x1-x0
	if cap(p.Pix) < maxPatch*maxPatch {
		p.Pix = make([]byte, maxPatch*maxPatch)
	}
	p.Pix = p.Pix[:p.W*p.H]
	sharpen := func(from, to int) {
		for y := y0; y < y1; y++ {
			o := y*l.Stride + x0 + from
			sharpenRow(p.Row(y - y0)[from:to], l.Pix[o:], l.Pix[o-reach*l.Stride:], l.Pix[o+reach*l.Stride:], l.Pix[o-reach:], l.Pix[o+reach:])
		}
	}
	at, t := Point{h.X - float64(x0), h.Y - float64(y0)}, l.Thresholds.At(int(h.X), int(h.Y))<<8
	strip := min(max(int(at.X)-4, 0), p.W-8)
	sharpen(strip, strip+8) // two of three patterns fail in the column of the hit already
	if _, ok := p.cut(at, Point{0, 1}, t, h.Light, h.Width, h.Width, &c.Work); !ok {
		return false
	}
	sharpen(0, p.W)
	c.Work -= len(p.Pix) / 4
	f, ok := p.concentric(at, h.Width, t, h.Light, &c.Work)
	if !ok {
		return false
	}
	f.Hits, f.Blurred = 1, true
	for i := range f.Widths {
		sin, cos := math.Sincos(math.Pi * float64(i) / float64(len(f.Widths)))
		if w, ok := p.cut(f.Center, Point{cos, sin}, t, h.Light, h.Width, 0.6*h.Width, &c.Work); ok {
			f.Widths[i] = w.width
		}
	}
	f.Center = f.Center.Add(Point{float64(x0), float64(y0)})
	switch i := c.near(h); {
	case i < 0:
		c.Found = append(c.Found, f)
	case c.Found[i].Clean < f.Clean:
		c.Found[i] = f
	default:
		return false
	}
	return true
}

// sharpenRow sets out to twice the pixels of mid less the means of their four neighbours, which begin at the same column. Pictures end behind their last pixel.
func sharpenRow(out, mid, up, down, left, right []byte) {
	n := len(out)
	x := 0
	for ; x+8 <= n && x+8 <= len(right) && x+8 <= len(down); x += 8 {
		p, u, d := binary.LittleEndian.Uint64(mid[x:]), binary.LittleEndian.Uint64(up[x:]), binary.LittleEndian.Uint64(down[x:])
		a, b := binary.LittleEndian.Uint64(left[x:]), binary.LittleEndian.Uint64(right[x:])
		even := (u&evens + d&evens + a&evens + b&evens) >> 2 & evens
		odd := (u>>8&evens + d>>8&evens + a>>8&evens + b>>8&evens) >> 2 & evens
		around := even | odd<<8
		// One of the differences is 0 in each byte; adding and taking away stop at the ends of the range.
		binary.LittleEndian.PutUint64(out[x:], minus(^minus(^p, minus(p, around)), minus(around, p)))
	}
	for ; x < n; x++ {
		around := int(left[x]) + int(right[x]) + int(up[x]) + int(down[x])
		out[x] = byte(min(max(2*int(mid[x])-around/4, 0), 255))
	}
}

// Along returns the width of a blurred finder along a direction, from the nearest lines that were cut, or 0.
func (f *Finder) Along(dir Point) float64 {
	n := len(f.Widths)
	a := math.Atan2(dir.Y, dir.X) / math.Pi * float64(n)
	a -= math.Floor(a/float64(n)) * float64(n)
	i := int(a) % n
	w, v, share := f.Widths[i], f.Widths[(i+1)%n], a-math.Floor(a)
	switch {
	case w == 0:
		return v
	case v == 0:
		return w
	}
	return w*(1-share) + v*share
}
