package scene

// This file implements the sensor and everything that is random.

import "math"

// mix is the finaliser of splitmix64: it turns a counter into noise.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// random is a stream of numbers from a seed.
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	return mix(r.state)
}

// in returns a number from [from, to).
func (r *random) in(from, to float64) float64 {
	return from + (to-from)*float64(r.next()>>11)/(1<<53)
}

// below returns a number from [0, n).
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

const normalBits = 12

// normals is a table of the normal distribution's quantiles: a random index
// gives a normal deviate, of at most 3.7 standard deviations.
func (r *Renderer) normals() []float32 {
	if r.normal == nil {
		r.normal = make([]float32, 1<<normalBits)
		for i := range r.normal {
			p := (float64(i) + 0.5) / float64(len(r.normal))
			r.normal[i] = float32(math.Sqrt2 * math.Erfinv(2*p-1))
		}
	}
	return r.normal
}

// expose turns a channel's light into levels in out, one in every stride.
func (r *Renderer) expose(s *Scene, channel int, out []byte, stride int) {
	plane := r.work.ch[channel]
	if s.Noise <= 0 && s.Shot <= 0 {
		for i, v := range plane {
			out[i*stride] = eight(r.tone.level(v))
		}
		return
	}
	table := r.normals()
	rnd := random{state: mix(s.Seed ^ uint64(channel+1)<<56)}
	dark, shot := float32(s.Noise), float32(s.Shot)
	dark *= dark
	var bits uint64
	for i, v := range plane {
		if i%5 == 0 {
			bits = rnd.next()
		}
		deviate := table[bits&(1<<normalBits-1)]
		bits >>= normalBits
		level := r.tone.level(v)
		out[i*stride] = eight(level + deviate*sqrt32(dark+shot*max(level, 0)))
	}
}

func sqrt32(v float32) float32 { return float32(math.Sqrt(float64(v))) }

// eight saturates and rounds.
func eight(v float32) byte {
	switch {
	case v <= 0:
		return 0
	case v >= 255:
		return 255
	}
	return byte(v + 0.5)
}

// fractal is a tile of smooth noise between 0 and 1 that repeats.
type fractal struct {
	seed  uint64
	ready bool
	tile  []float32
}

const fractalSide = 256

// fill makes the tile of a seed, unless it is there.
func (f *fractal) fill(seed uint64) {
	if f.ready && f.seed == seed {
		return
	}
	f.seed, f.ready = seed, true
	f.tile = make([]float32, fractalSide*fractalSide)
	weight := float32(0.5)
	for cell := 64; cell >= 4; cell /= 2 {
		f.octave(cell, weight, mix(seed+uint64(cell)))
		weight /= 1.6
	}
	low, high := f.tile[0], f.tile[0]
	for _, v := range f.tile {
		low, high = min(low, v), max(high, v)
	}
	for i := range f.tile {
		f.tile[i] = (f.tile[i] - low) / (high - low)
	}
}

// octave adds noise with one value for each cell, smoothly between them.
func (f *fractal) octave(cell int, weight float32, seed uint64) {
	cells := fractalSide / cell
	value := func(x, y int) float32 {
		return float32(mix(seed+uint64(y%cells*cells+x%cells))>>40) / (1 << 24)
	}
	for y := range fractalSide {
		cy, fy := y/cell, smooth(float32(y%cell)/float32(cell))
		for x := range fractalSide {
			cx, fx := x/cell, smooth(float32(x%cell)/float32(cell))
			top := value(cx, cy) + (value(cx+1, cy)-value(cx, cy))*fx
			low := value(cx, cy+1) + (value(cx+1, cy+1)-value(cx, cy+1))*fx
			f.tile[y*fractalSide+x] += weight * (top + (low-top)*fy)
		}
	}
}

func smooth(t float32) float32 { return t * t * (3 - 2*t) }

// at reads the tile at a point, repeated.
func (f *fractal) at(x, y float64) float64 {
	ix, iy := int(math.Floor(x))&(fractalSide-1), int(math.Floor(y))&(fractalSide-1)
	return float64(f.tile[iy*fractalSide+ix])
}
