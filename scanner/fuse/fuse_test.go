package fuse_test

import (
	"math/rand/v2"
	"testing"

	"citygate/scanner/fuse"
	"citygate/scanner/luma"
)

const side = 25

// symbol returns random modules, true for dark.
func symbol(rng *rand.Rand) (dark [side * side]bool) {
	for i := range dark {
		dark[i] = rng.IntN(2) == 0
	}
	return dark
}

// sample shows a symbol in noise of the given deviation, dark and light being 100 apart.
func sample(rng *rand.Rand, dark [side * side]bool, noise float64) fuse.Sample {
	s := fuse.Sample{W: side, H: side, Corners: luma.Rect(100, 100, 200, 200)}
	for _, d := range dark {
		gray := int32(150 + noise*rng.NormFloat64())
		if d {
			gray -= 100
		}
		s.Gray, s.Soft = append(s.Gray, gray), append(s.Soft, int16(100-gray))
	}
	return s
}

// wrong counts the modules of other colours.
func wrong(soft []int16, dark [side * side]bool) (n int) {
	for i, v := range soft {
		if (v > 0) != dark[i] {
			n++
		}
	}
	return n
}

// TestPile: errors of single samples vanish in the sum, and samples of another symbol do not match.
func TestPile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	dark, other := symbol(rng), symbol(rng)
	var p fuse.Pile
	s := sample(rng, dark, 45)
	alone := wrong(s.Soft, dark)
	p.Start(&s)
	for range 9 {
		s, o := sample(rng, dark, 45), sample(rng, other, 45)
		if !p.Matches(&s) || p.Matches(&o) {
			t.Errorf("the same symbol matches: %v, another one: %v", p.Matches(&s), p.Matches(&o))
		}
		p.Add(&s)
	}
	if n := wrong(p.Soft(), dark); alone < 50 || n > alone/20 || p.Frames != 10 {
		t.Errorf("%d modules are wrong in one sample, %d in the sum of %d", alone, n, p.Frames)
	}
	s.Corners = luma.Rect(300, 100, 400, 200)
	if p.Matches(&s) {
		t.Error("a sample from elsewhere matches")
	}
}

// TestMissed: the best samples are kept, one of each place, none unless asked for, and what lies under glare is not believed.
func TestMissed(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var m fuse.Missed
	s := sample(rng, symbol(rng), 5)
	if m.Add(s); len(m.All()) != 0 {
		t.Error("samples are kept that nobody wants")
	}
	m.Keep = true
	for y := range 9 { // glare
		for x := range 9 {
			s.Gray[y*side+x], s.Soft[y*side+x] = 255, -155
		}
	}
	for i := range 8 {
		s.Score, s.Corners = float64(i%5), luma.Rect(float64(200*(i%4)), 0, float64(200*(i%4)+100), 100)
		m.Add(s)
	}
	all := m.All()
	if len(all) != fuse.MaxMissed {
		t.Fatalf("%d samples are kept", len(all))
	}
	for i := range all {
		if all[i].Score < 2 {
			t.Errorf("a sample of score %g is kept", all[i].Score)
		}
		if v := all[i].Soft[3*side+3]; v < -5 {
			t.Errorf("a module under glare counts %d", v)
		}
		if v := all[i].Soft[20*side+20]; v > -40 && v < 40 {
			t.Errorf("a module beside the glare counts %d", v)
		}
	}
	if m.Reset(); len(m.All()) != 0 {
		t.Error("samples outlive a reset")
	}
}
