// Package fuse puts together what several frames show of a code that none of them shows well enough: the modules of the same symbol, sampled in
// each frame, are added up, each frame weighed by its own contrast, so that noise averages out and glare that moves leaves every module seen at some time.
//
// It knows no symbology. A wrong sum is no danger to the text: what is added up still has to pass the symbology's error correction.
package fuse

import "citygate/scanner/luma"

// Sample is a symbol that was located in a frame and sampled, but not decoded.
type Sample struct {
	W, H    int
	Soft    []int16 // rows of W modules, above 0 dark, the size is the confidence
	Gray    []int32 // the same modules in gray levels of any unit; nil if they are not known
	Light   bool    // light modules on a dark ground; Soft is above 0 for the symbol's own dark ones
	Corners luma.Quad
	Score   float64 // how well known modules agreed; higher is better
}

// MaxMissed is the most samples that are kept of one frame.
const MaxMissed = 3

// Missed keeps the best samples of a frame that were not decoded. The zero value keeps none.
type Missed struct {
	Keep bool // whether samples are wanted

	list  [MaxMissed]Sample
	n     int
	blind luma.Blind
}

// Reset forgets all samples.
func (m *Missed) Reset() { m.n = 0 }

// All returns the samples, valid until the next Add or Reset.
func (m *Missed) All() []Sample { return m.list[:m.n] }

// Add keeps a copy of s unless better ones fill the list. Of two samples of one place the better one stays.
func (m *Missed) Add(s Sample) {
	if !m.Keep {
		return
	}
	at := -1
	for i := range m.list[:m.n] {
		if near(&m.list[i].Corners, &s.Corners) {
			if m.list[i].Score >= s.Score {
				return
			}
			at = i
		}
	}
	if at < 0 && m.n < MaxMissed {
		at = m.n
		m.n++
	}
	for i := 0; at < 0 && i < m.n; i++ {
		if m.list[i].Score < s.Score {
			at = i
		}
	}
	if at >= 0 {
		soft := append(m.list[at].Soft[:0], s.Soft...)
		m.list[at] = s
		m.list[at].Soft, m.list[at].Gray = soft, nil
		m.blind.Discount(s.W, s.H, s.Gray, soft)
	}
}

// near reports whether two quadrilaterals are the same place: the centre of one lies within half a diagonal of the other's.
func near(a, b *luma.Quad) bool {
	return 2*a.Center().Sub(b.Center()).Len() <= a[0].Sub(a[2]).Len()
}

// Pile adds up the samples of one symbol.
type Pile struct {
	W, H    int
	Light   bool
	Corners luma.Quad // where it was last
	Frames  int       // how many samples it holds

	sum  []int32
	soft []int16
}

const (
	unit      = 256     // the mean confidence of a sample in a pile
	most      = 3       // times the mean: the most that one module counts
	sameShare = 0.3     // of the least correlation between a sample and a pile of the same symbol
	forget    = 8       // a sum loses one in so many with each sample, so that a bad one does not stay for ever
	ceiling   = 1 << 14 // of a value that is returned
)

// Matches reports whether a sample may show the symbol of the pile: it is of the same size, near where that was, and most modules agree.
func (p *Pile) Matches(s *Sample) bool {
	if p.Frames == 0 || s.W != p.W || s.H != p.H || s.Light != p.Light || len(s.Soft) != len(p.sum) || !near(&p.Corners, &s.Corners) {
		return false
	}
	var agree, all int64
	for i, v := range s.Soft {
		d := int64(v) * int64(p.sum[i])
		agree += d
		all += max(d, -d)
	}
	return float64(agree) > sameShare*float64(all)
}

// Start empties the pile and puts a first sample on it.
func (p *Pile) Start(s *Sample) {
	if n := len(s.Soft); cap(p.sum) < n {
		p.sum, p.soft = make([]int32, n), make([]int16, n)
	}
	p.sum, p.soft = p.sum[:len(s.Soft)], p.soft[:len(s.Soft)]
	clear(p.sum)
	p.W, p.H, p.Light, p.Frames = s.W, s.H, s.Light, 0
	p.Add(s)
}

// Add puts a sample that matches on the pile.
func (p *Pile) Add(s *Sample) {
	total := 0
	for _, v := range s.Soft {
		total += max(int(v), -int(v))
	}
	mean := max(total/max(len(s.Soft), 1), 1)
	for i, v := range s.Soft {
		w := min(max(int(v)*unit/mean, -most*unit), most*unit)
		p.sum[i] += int32(w) - p.sum[i]/forget
	}
	p.Corners = s.Corners
	p.Frames++
}

// Clear empties the pile.
func (p *Pile) Clear() { p.Frames = 0 }

// Soft returns the sums as one sample's modules, for a decoder to change. They are valid until the next call.
func (p *Pile) Soft() []int16 {
	for i, v := range p.sum {
		p.soft[i] = int16(min(max(v, -ceiling), ceiling))
	}
	return p.soft
}
