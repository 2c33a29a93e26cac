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

// vectors are symbols as zint 2.11.1 draws them, for machines without it.
var vectors = []struct {
	width      int
	dump, want string
}{
	{43, "FEAAAEAAAAE/8256AB84D8A/BABF1F869FE/BA6EFAD3222/BA23EF6C72A/82E05AFEFA2/FEAAAEAAABE",
		"LAMP.42"},
	{139, "FEAAAABAAAAAABAAAAAABAAAAAABAAAAAAE/82D6FEA9EFD4EEF6DB296AFD2DBE878AC82/BA14AA3A2FD7F7EE3D4DBC4AA88BDC328BE/BA7D1CADBA9BE86FD4F403E012EC09F1222/BAEE68BEABFBBF840FF43EFB5C7F9BD78AA/8281EBE92E7E0E8A54196F15CE8ECD0EF62/FEAAAABAAAAAABAAAAAABAAAAAABAAAAABE",
		"HTTPS://ID.SJZ.EXAMPLE/1"},
	{59, "FEAABAAAABAAAAE/82932F58FEF915A/BAB0FB4CAF8756A/BA230FA4FAE740C/BA50B6618DAE5FE/82032CC33E220A2/FE43FC8263A45EA/00696D4B4AEF062/EAAABAAAABAAABE",
		"lamp.000421/156"},
	{27, "FEAAAAE/8260E7A/BA1FFA2/BAF89C8/BA43B5A/82EE9E4/FE5FEBE/009F322/D326BEA/A5C35A2/EAAAABE",
		"LAMP"},
	{43, "FEAAAEAAAAE/82FE0A36212/BAEA8FD3ECA/BACEC3491F8/BAB356927CA/8264F342F10/FEB42D28FD2/00C1FA0E8D8/CE8E6CB7D7E/4825881CF62/E65BCEA982A/9FD74B662A2/EAAAAEAAABE",
		"石家庄市路灯"},
	{77, "FEAAAAEAAAAABAAAAAB8/82E065B9566C6CF5B5C8/BAA186F5D1F27DA34CC8/BA76DA3BCF5A200CDF00/BA74CCC1DCC192208058/8234E988428647D1D880/FE89365A43A4105E3098/005524ADBFE1A102A970/EA890F41A76B71AFDFF8/51F49DA172DDC4495BC0/A376B07A41573AB1D7F8/033B511A69C0C36E6088/CFD7F6E34CFD7A5D26A8/8DBD94BF3FE128222888/EAAAAAEAAAAABAAAAAF8",
		"HTTPS://ID.SJZ.EXAMPLE/156.1301.01"},
	{139, "FEAAAABAAAAAABAAAAAABAAAAAABAAAAAAE/824B272BCE4D3AC4F8A7ED4B924282897AA/BAEEEF790F61F7F4960D7D1BE39BF1EDFFE/BA4F64A9335C0E19C7180EF3287AA97A51C/BA0C2C50872499036932BFF71D6D277C90E/8202936D061D3246B827CD79A3CC5A8DDA0/FEE54F194D57E7E4120B7529F29FF2E52F6/00ECA461F03B1E394F110D131874A53C760/EA9D283C4B2EDB13659276B60D612FBE476/73F291CD2E9B3246B061AF34A3CC5AE2950/9D714C781630A7E412FA78A1F29FF268A5A/36D0A6A388C71E794F97414B1874A50F7BC/A74D49BC5B0B9B93649DF416CD612BB6D7E/7E8871EE283C7286905A0EB0AFEC3BC1862/917D187824C427A201FABFE53A9FB52B16A/BE4862ABA80B16B54C87E94F91C6F63C662/EAAAAABAAAAAABAAAAAABAAAAAABAAAAABE",
		"HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421 0123456789 gate"},
}

func TestVectors(t *testing.T) {
	d := rmqr.NewDecoder()
	for _, v := range vectors {
		m, err := zinttest.Parse(strings.ReplaceAll(v.dump, "/", "\n"), v.width)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := d.Decode(&rmqr.Modules{W: m.W, H: m.H, V: m.Soft()}); !ok || s.Text != v.want {
			t.Errorf("%q: %v, %+v", v.want, ok, s)
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
