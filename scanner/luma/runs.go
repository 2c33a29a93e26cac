package luma

import (
	"encoding/binary"
	"math/bits"
)

// This file implements the row scan: pixels against their thresholds, eight in a word, 64 to a word of bits, changes by exclusive or; then the
// lengths of neighbouring runs against the patterns that symbols are found by, dark and light exchanged or not in the same pass. No binary picture
// is ever stored.

// Hit is a row of runs that looks like a cut through a concentric pattern.
type Hit struct {
	X, Y     float64 // the middle of the middle run
	Width    float64 // of the whole pattern
	Light    bool    // the middle run is light
	Bullseye bool    // equal runs, as in the middle of an Aztec symbol, rather than 1:1:3:1:1
	Open     bool    // 1:1:3:1:1 but for an outer run that is longer, without a quiet zone
}

// maxHits bounds the hits of one picture; a picture with more is texture.
const maxHits = 16000

// scanRows appends the hits in every step-th row.
func (l *Level) scanRows(step int, bullseyes bool) {
	l.Hits = l.Hits[:0]
	for y := step / 2; y < l.H && len(l.Hits) < maxHits; y += step {
		row, t := l.Row(y), l.Thresholds.T[y/Block*l.Thresholds.Stride:]
		l.scanRow(row, t[:l.Thresholds.Stride], y, bullseyes)
	}
}

// scanRow keeps the last six changes p0..p5 and tests the five runs between them at each one. The ends of the row count as changes.
func (l *Level) scanRow(row, t []byte, y int, bullseyes bool) {
	var p0, p1, p2, p3, p4, p5 int
	var last uint64
	contrast := max(minHitContrast, l.Thresholds.Floor*3/8)
	for b := 0; b*Block < len(row); b += 8 {
		words := binary.LittleEndian.Uint64(t[b:])
		if words == 0 && last == 0 {
			continue
		}
		m := darkBits(row[b*Block:], words)
		changes := m ^ (m<<1 | last)
		last = m >> 63
		for ; changes != 0; changes &= changes - 1 {
			k := bits.TrailingZeros64(changes)
			p0, p1, p2, p3, p4, p5 = p1, p2, p3, p4, p5, b*Block+k
			// Three of five modules or so between two alike, or one of three.
			left, c, right := p2-p1, p3-p2, p4-p3
			if w := left + c + right; (c*128 > w*45 && c*128 < w*108 || bullseyes) && left <= 3*right+2 && right <= 3*left+2 {
				l.testRuns(row, [6]int{p0, p1, p2, p3, p4, p5}, y, m>>k&1 == 1, bullseyes, contrast)
			}
		}
	}
	if p0, p1, p2, p3, p4, p5 = p1, p2, p3, p4, p5, len(row); p4 < p5 {
		l.testRuns(row, [6]int{p0, p1, p2, p3, p4, p5}, y, last == 0, bullseyes, contrast)
	}
}

// testRuns appends a hit if the runs between six changes are those of a pattern.
func (l *Level) testRuns(row []byte, p [6]int, y int, light, bullseyes bool, contrast int) {
	a, b, c, d, e := p[1]-p[0], p[2]-p[1], p[3]-p[2], p[4]-p[3], p[5]-p[4]
	switch total := p[5] - p[0]; {
	case a <= 0:
	case c*64 < total*17 && bullseyes && equalRuns(a, b, c, d, e):
		if distinct(row, p[0]+p[1], p[1]+p[2], p[2]+p[3], p[3]+p[4], p[4]+p[5], contrast) {
			l.hit(p[2], p[3], y, Hit{Width: float64(total), Light: light, Bullseye: true})
		}
	case c*64 >= total*17 && c*64 <= total*40 && finderRuns(a, b, c, d, e):
		if distinct(row, p[0]+p[1], p[1]+p[2], p[2]+p[3], p[3]+p[4], p[4]+p[5], contrast) {
			l.hit(p[2], p[3], y, Hit{Width: float64(total), Light: light})
		}
	case openRuns(a, b, c, d, e):
		m := (b + c + d) / 5
		if distinct(row, 2*p[1]-m, p[1]+p[2], p[2]+p[3], p[3]+p[4], 2*p[4]+m, contrast) {
			l.hit(p[2], p[3], y, Hit{Width: float64(7*m + 2), Light: light, Open: true})
		}
	}
}

// hit appends h at the middle of a run.
func (l *Level) hit(p2, p3, y int, h Hit) {
	if len(l.Hits) < maxHits {
		h.X, h.Y = float64(p2+p3)/2, float64(y)+0.5
		l.Hits = append(l.Hits, h)
	}
}

// darkBits compares up to 64 pixels with the thresholds of their eight blocks; bit k tells that pixel k is dark.
func darkBits(row []byte, thresholds uint64) (m uint64) {
	if len(row) < 64 {
		var padded [64]byte
		copy(padded[:], row)
		for i := len(row); i < 64; i++ {
			padded[i] = row[len(row)-1]
		}
		row = padded[:]
	}
	row = row[:64]
	for k := 0; k < 64; k += 8 {
		a := binary.LittleEndian.Uint64(row[k:])
		m |= gather(^geTop(a, (thresholds>>k&255)*ones)) << k
	}
	return m
}

// finderRuns reports whether five runs are 1:1:3:1:1, give or take a blurred edge and sampling.
func finderRuns(a, b, c, d, e int) bool {
	total := a + b + c + d + e
	if total < 7 {
		return false
	}
	// In sevenths of the total: each run within half a module and half a pixel, the middle one within twice as much.
	v := total/2 + 4
	return abs(7*a-total) < v && abs(7*b-total) < v && abs(7*c-3*total) < 2*v && abs(7*d-total) < v && abs(7*e-total) < v
}

// openRuns reports whether five runs are those of a finder pattern without a quiet zone: one of the outer ones runs into what lies beside the symbol.
func openRuns(a, b, c, d, e int) bool {
	w := b + c + d
	if w < minOpen {
		return false
	}
	// In fifths of the middle: each run within half a module.
	v := w / 2
	if abs(5*b-w) > v || abs(5*c-3*w) > v || abs(5*d-w) > v || 2*b > 3*d || 2*d > 3*b {
		return false
	}
	return abs(5*a-w) <= v && 5*e > w || abs(5*e-w) <= v && 5*a > w
}

// minOpen is the least width in pixels of the middle of a pattern without a quiet zone.
const minOpen = 8

// equalRuns reports whether five runs are of one length.
func equalRuns(a, b, c, d, e int) bool {
	total := a + b + c + d + e
	v := total/3 + 4
	return total >= 6 && abs(5*a-total) < v && abs(5*b-total) < v && abs(5*c-total) < v && abs(5*d-total) < v && abs(5*e-total) < v
}

// distinct reports whether the middles of five runs, given as sums of their ends, differ by at least contrast: changes of noise about a threshold do not.
func distinct(row []byte, a, b, c, d, e, contrast int) bool {
	if e>>1 >= len(row) {
		return false
	}
	v0, v1, v2, v3, v4 := row[a>>1], row[b>>1], row[c>>1], row[d>>1], row[e>>1]
	outerMin, outerMax := int(min(v0, v2, v4)), int(max(v0, v2, v4))
	ringMin, ringMax := int(min(v1, v3)), int(max(v1, v3))
	return ringMin-outerMax >= contrast || outerMin-ringMax >= contrast
}

// minHitContrast is the least difference between the runs of a hit, in gray levels.
const minHitContrast = 6

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}
