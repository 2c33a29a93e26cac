package rmqr_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"citygate/scanner/rmqr"
	"citygate/scanner/zinttest"
)

var widths = []int{43, 59, 77, 99, 139, 43, 59, 77, 99, 139, 27, 43, 59, 77, 99, 139, 27, 43, 59, 77, 99, 139, 43, 59, 77, 99, 139, 43, 59, 77, 99, 139}

// draw draws data in a version and level, or fails where it does not fit.
func draw(v rmqr.Version, level rmqr.Level, data string, more ...string) (*rmqr.Modules, error) {
	m, err := zinttest.Draw("RMQR", widths[v], data, append(more, fmt.Sprintf("--vers=%d", v+1), fmt.Sprintf("--secure=%d", 2+2*level))...)
	if err != nil {
		return nil, err
	}
	return &rmqr.Modules{W: m.W, H: m.H, V: m.Soft()}, nil
}

// longest returns the symbol of the longest start of text that fits, and that start.
func longest(v rmqr.Version, level rmqr.Level, text string) (*rmqr.Modules, string) {
	r := []rune(text)
	lo, hi := 0, len(r)+1
	var best *rmqr.Modules
	for lo+1 < hi {
		n := (lo + hi) / 2
		if m, err := draw(v, level, string(r[:n])); err == nil {
			lo, best = n, m
		} else {
			hi = n
		}
	}
	return best, string(r[:lo])
}

// TestDecodeZint reads every version at both levels in every mode, full.
func TestDecodeZint(t *testing.T) {
	zinttest.Need(t)
	d := rmqr.NewDecoder()
	for v := range rmqr.Version(32) {
		for level := rmqr.M; level <= rmqr.H; level++ {
			for _, text := range []string{
				strings.Repeat("0123456789", 40), strings.Repeat("HTTPS://ID.SJZ/", 18), strings.Repeat("lamp.7/x", 20), strings.Repeat("点茗荷", 30),
			} {
				m, want := longest(v, level, text)
				if m == nil {
					t.Errorf("%v-%v: nothing fits", v, level)
					continue
				}
				s, ok := d.Decode(m)
				if !ok || s.Text != want || s.Version != v || s.Level != level || s.Changed != 0 {
					t.Errorf("%v-%v %q: %v, %+v", v, level, want, ok, s)
				}
			}
			m, err := draw(v, level, "7")
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := d.Decode(m); !ok || s.Text != "7" {
				t.Errorf("%v-%v 7: %v, %+v", v, level, ok, s)
			}
		}
	}
}

// TestModes reads what the modes beyond the four ask for.
func TestModes(t *testing.T) {
	zinttest.Need(t)
	d := rmqr.NewDecoder()
	for _, c := range []struct {
		want, data string
		args       []string
	}{
		{"石家庄", "石家庄", []string{"--eci=26"}},
		{"石家庄", "石家庄", []string{"--eci=29"}},
		{"0104912345123459", "[01]04912345123459", []string{"--gs1"}},
	} {
		m, err := draw(31, rmqr.M, c.data, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := d.Decode(m); !ok || s.Text != c.want {
			t.Errorf("%v: %v, %+v", c.args, ok, s)
		}
	}
}

// TestDamage: within the capacity of its blocks a symbol is read, with erasures beyond it, and never with another text.
func TestDamage(t *testing.T) {
	zinttest.Need(t)
	rng := rand.New(rand.NewPCG(5, 5))
	for v := rmqr.Version(0); v < 32; v += 3 {
		m, want := longest(v, rmqr.H, "0123456789ABCDEF-LAMP")
		read := map[bool]int{}
		for range 60 {
			damaged := &rmqr.Modules{W: m.W, H: m.H, V: slices.Clone(m.V)}
			x0, wide := 13+rng.IntN(m.W-26), 2+rng.IntN(m.W/12)
			for y := 1; y < m.H-1; y++ { // an unsure patch, half of it wrong
				for x := x0; x < min(x0+wide, m.W-9); x++ {
					damaged.V[y*m.W+x] = int16(rng.IntN(21) - 10)
				}
			}
			for _, erasures := range []bool{false, true} {
				d := rmqr.NewDecoder()
				d.Erasures = erasures
				if s, ok := d.Decode(damaged); ok {
					read[erasures]++
					if s.Text != want {
						t.Fatalf("%v: %q became %q", v, want, s.Text)
					}
				}
			}
		}
		if read[true] < read[false] || read[true] == 0 {
			t.Errorf("%v: %d of 60 read with erasures, %d without", v, read[true], read[false])
		}
	}
}

// TestNoise: random modules never make a text.
func TestNoise(t *testing.T) {
	d := rmqr.NewDecoder()
	d.Erasures = true
	rng := rand.New(rand.NewPCG(3, 3))
	heights := []int{7, 7, 7, 7, 7, 9, 9, 9, 9, 9, 11, 11, 11, 11, 11, 11, 13, 13, 13, 13, 13, 13, 15, 15, 15, 15, 15, 17, 17, 17, 17, 17}
	accepted := 0
	for i := range 30_000 {
		m := &rmqr.Modules{W: widths[i%32], H: heights[i%32]}
		for range m.W * m.H {
			m.V = append(m.V, int16(rng.IntN(255)-127))
		}
		if _, ok := d.Decode(m); ok {
			accepted++
		}
	}
	if accepted > 0 {
		t.Errorf("%d of 30000 random symbols accepted", accepted)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint8(1), []byte("seed"))
	d := rmqr.NewDecoder()
	d.Erasures = true
	f.Fuzz(func(t *testing.T, v uint8, bits []byte) {
		m := &rmqr.Modules{W: widths[v%32], H: 7 + 2*int(v/32%6)}
		for i := range m.W * m.H {
			if len(bits) > 0 && bits[i/8%len(bits)]>>(i%8)&1 == 1 {
				m.V = append(m.V, 5)
			} else {
				m.V = append(m.V, -5)
			}
		}
		d.Decode(m)
	})
}
