package fuse

import "math"

// This file implements what a module may say: where glare or a thumb lies over the code, its surroundings are all of one gray, and however far that is from
// any threshold, it tells nothing.

const (
	blindReach = 2 // modules to each side that are a module's surroundings
	seeing     = 2 // a contrast of one in so many of the whole symbol's is as good as all of it
)

// weigh lowers the confidence of modules whose surroundings have little contrast.
func (m *Missed) weigh(s *Sample, soft []int16) {
	n := s.W * s.H
	if len(s.Gray) != n || len(soft) != n || n == 0 {
		return
	}
	if cap(m.low) < n {
		m.low, m.top = make([]int32, n), make([]int32, n)
	}
	low, top := m.low[:n], m.top[:n]
	dark, light, darks := int64(0), int64(0), int64(0)
	for y := range s.H {
		row := s.Gray[y*s.W : (y+1)*s.W]
		for x := range row {
			a, b := int32(math.MaxInt32), int32(math.MinInt32)
			for _, v := range row[max(x-blindReach, 0):min(x+blindReach+1, s.W)] {
				a, b = min(a, v), max(b, v)
			}
			low[y*s.W+x], top[y*s.W+x] = a, b
			if soft[y*s.W+x] > 0 {
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
	for y := range s.H {
		for x := range s.W {
			a, b := int32(math.MaxInt32), int32(math.MinInt32)
			for j := max(y-blindReach, 0); j < min(y+blindReach+1, s.H); j++ {
				a, b = min(a, low[j*s.W+x]), max(b, top[j*s.W+x])
			}
			if c := int64(b) - int64(a); c < full {
				soft[y*s.W+x] = int16(int64(soft[y*s.W+x]) * c / full)
			}
		}
	}
}
