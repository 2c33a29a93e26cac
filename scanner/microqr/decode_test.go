package microqr_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"citygate/scanner/microqr"
	"citygate/scanner/zinttest"
)

// kinds are the versions at their levels with the error correction capacity that table 9 allows, and the zint level.
var kinds = []struct {
	version  int
	level    microqr.Level
	capacity int
}{
	{1, microqr.Detection, 0}, {2, microqr.L, 1}, {2, microqr.M, 2}, {3, microqr.L, 2}, {3, microqr.M, 4},
	{4, microqr.L, 3}, {4, microqr.M, 5}, {4, microqr.Q, 7},
}

// draw draws data in a version and level, or fails where it does not fit.
func draw(version int, level microqr.Level, data string) (*microqr.Modules, error) {
	args := []string{fmt.Sprintf("--vers=%d", version)}
	if level > 0 {
		args = append(args, fmt.Sprintf("--secure=%d", level))
	}
	m, err := zinttest.Draw("MICROQR", 0, data, args...)
	if err != nil {
		return nil, err
	}
	return &microqr.Modules{Side: m.W, V: m.Soft()}, nil
}

// longest returns the symbol of the longest start of data that fits, and that start.
func longest(t *testing.T, version int, level microqr.Level, data string) (*microqr.Modules, string) {
	t.Helper()
	r := []rune(data)
	for n := len(r); n > 0; n-- {
		if m, err := draw(version, level, string(r[:n])); err == nil {
			return m, string(r[:n])
		}
	}
	return nil, ""
}

// TestDecodeZint reads every version at every level in every mode, short and full.
func TestDecodeZint(t *testing.T) {
	zinttest.Need(t)
	d := microqr.NewDecoder()
	texts := []string{"7", "42", "01234567890123456789012345678901234", "A", "CITY-GATE 156/1301", "lamp.7/x", "点茗荷", "12ab石"}
	read := 0
	for _, k := range kinds {
		for _, text := range texts {
			m, want := longest(t, k.version, k.level, text)
			if m == nil {
				continue
			}
			s, ok := d.Decode(m)
			if !ok || s.Text != want || s.Version != k.version || s.Level != k.level || s.Mirrored {
				t.Errorf("M%d-%v %q: %v, %+v", k.version, k.level, want, ok, s)
				continue
			}
			for y := range m.Side {
				for x := range y {
					m.V[y*m.Side+x], m.V[x*m.Side+y] = m.V[x*m.Side+y], m.V[y*m.Side+x]
				}
			}
			if s, ok := d.Decode(m); !ok || !s.Mirrored || s.Text != want {
				t.Errorf("M%d-%v %q mirrored: %v, %+v", k.version, k.level, want, ok, s)
			}
			read++
		}
	}
	if read < 40 {
		t.Errorf("only %d symbols could be drawn", read)
	}
}

// TestDamage: up to its capacity a symbol is read, beyond it hardly ever, and never with another text unless that is a code word of its own.
func TestDamage(t *testing.T) {
	zinttest.Need(t)
	d := microqr.NewDecoder()
	rng := rand.New(rand.NewPCG(7, 7))
	for _, k := range kinds {
		m, want := longest(t, k.version, k.level, "012345")
		wrong := 0
		for range 300 {
			damaged := &microqr.Modules{Side: m.Side, V: append([]int16(nil), m.V...)}
			for range 1 + rng.IntN(k.capacity+1) { // one module each, so at most capacity+1 codewords
				x, y := 9+rng.IntN(m.Side-9), 1+rng.IntN(m.Side-1)
				damaged.V[y*m.Side+x] *= -1
			}
			if s, ok := d.Decode(damaged); ok && s.Text != want {
				wrong++
			}
		}
		if wrong > 0 {
			t.Errorf("M%d-%v: %d of 300 damaged symbols gave another text", k.version, k.level, wrong)
		}
		if k.capacity > 0 {
			m.V[3*m.Side+10] *= -1
			if s, ok := d.Decode(m); !ok || s.Text != want || s.Changed != 1 {
				t.Errorf("M%d-%v: one wrong module: %v %+v", k.version, k.level, ok, s)
			}
		}
	}
}

// vectors are symbols as zint 2.11.1 draws them, for machines without it.
var vectors = []struct{ dump, want string }{
	{"FEA/82C/BA8/BA0/BAE/826/FE8/006/CE6/518/F06",
		"12345"},
	{"FEA8/8280/BAA0/BA88/BA70/82C8/FEB8/00E8/DAA8/5728/ABD8/01B0/DE70",
		"LAMP7"},
	{"FEA8/82E0/BAD8/BA60/BA70/82E8/FE08/0078/E7A0/7900/E038/6C68/C698",
		"1234"},
	{"FEAA/82E6/BA2A/BA1A/BA56/8212/FEBE/0046/F93C/0BD8/9A9E/417A/FE06/1562/F83C",
		"CITYGATE 00421"},
	{"FEAA/822A/BA3A/BA66/BA0E/82E8/FEBC/0062/8C8A/792E/F0D8/3724/D1EC/7112/E3EE",
		"gate 7"},
	{"FEAA8/82838/BA700/BAD90/BA5A0/82918/FEFE0/00108/97768/0D118/9D7E8/03018/8F7A8/486C8/E24D8/0E778/E87F8",
		"LAMP.000421/156.13"},
	{"FEAA8/820F0/BAB08/BAA18/BA000/824D8/FEDA0/00F98/AF6C0/2F0B8/C9838/10D18/E1460/10188/FC2E8/28FC0/BA9A0",
		"点茗荷"},
	{"FEAA8/82B28/BAF40/BA790/BA160/82418/FEE00/00C08/B48E8/4E818/A79E8/49618/A07E8/03E70/80BA8/2FC08/D4B58",
		"LAMP.000421"},
}

func TestVectors(t *testing.T) {
	d := microqr.NewDecoder()
	for _, v := range vectors {
		m, err := zinttest.Parse(strings.ReplaceAll(v.dump, "/", "\n"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := d.Decode(&microqr.Modules{Side: m.W, V: m.Soft()}); !ok || s.Text != v.want {
			t.Errorf("%q: %v, %+v", v.want, ok, s)
		}
	}
}

// TestNoise: random modules, with the format information of a symbol of M2 or above, hardly ever make a text.
func TestNoise(t *testing.T) {
	d := microqr.NewDecoder()
	rng := rand.New(rand.NewPCG(3, 3))
	accepted := 0
	const rounds = 200_000
	for i := range rounds {
		n := 11 + 2*(i%4)
		m := &microqr.Modules{Side: n, V: make([]int16, n*n)}
		for j := range m.V {
			m.V[j] = int16(rng.IntN(255) - 127)
		}
		if _, ok := d.Decode(m); ok {
			accepted++
		}
	}
	t.Logf("%d of %d random symbols accepted", accepted, rounds)
	if accepted > rounds/2000 {
		t.Errorf("%d of %d random symbols accepted", accepted, rounds)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint8(1), []byte("seed"))
	d := microqr.NewDecoder()
	f.Fuzz(func(t *testing.T, v uint8, bits []byte) {
		n := 9 + 2*int(v%6)
		m := &microqr.Modules{Side: n, V: make([]int16, n*n)}
		for i := range m.V {
			if m.V[i] = -5; len(bits) > 0 && bits[i/8%len(bits)]>>(i%8)&1 == 1 {
				m.V[i] = 5
			}
		}
		d.Decode(m)
	})
}
