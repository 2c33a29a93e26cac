package aztec_test

import (
	"fmt"
	"testing"

	"citygate/scanner/aztec"
	"citygate/scanner/zinttest"
)

func read(t *testing.T, symbology, data string, args ...string) (aztec.Symbol, *aztec.Modules, bool) {
	t.Helper()
	drawn, err := zinttest.Draw(symbology, 0, data, args...)
	if err != nil {
		t.Fatal(err)
	}
	m := &aztec.Modules{Side: drawn.W, V: drawn.Soft()}
	s, ok := aztec.NewDecoder().Decode(m)
	return s, m, ok
}

// TestDecodeZint reads every size that zint draws, compact and full, whole and damaged within what check words correct.
func TestDecodeZint(t *testing.T) {
	zinttest.Need(t)
	const text = "Ab 12, c.\r\nD: \x01@~"
	for size := 1; size <= 36; size++ {
		data := text
		if size < 3 || size == 5 {
			data = "Ab1"
		}
		s, m, ok := read(t, "AZTEC", data, fmt.Sprintf("--vers=%d", size))
		if !ok || s.Text != data || s.Compact != (size <= 4) {
			t.Errorf("size %d (%d modules): %v, %+v", size, m.Side, ok, s)
			continue
		}
		m.V[m.Side/3] = -m.V[m.Side/3]
		m.V[len(m.V)-m.Side/3] *= -1
		if s, ok := aztec.NewDecoder().Decode(m); !ok || s.Text != data {
			t.Errorf("size %d (%d modules), damaged: %v, %q", size, m.Side, ok, s.Text)
		}
	}
}

// TestDecodeZintContent reads what the modes of text are for.
func TestDecodeZintContent(t *testing.T) {
	zinttest.Need(t)
	for _, c := range []struct {
		data string
		args []string
	}{
		{"HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421", nil},
		{"0123456789,.012345", nil},
		{"Grüße", nil},
		{"石家庄市路灯", []string{"--eci=26"}},
		{"mixed \x1d\x1e\x1f and (punct!) 1, 2. 3: x", nil},
	} {
		if s, _, ok := read(t, "AZTEC", c.data, c.args...); !ok || s.Text != c.data {
			t.Errorf("%q %v: %v, %q", c.data, c.args, ok, s.Text)
		}
	}
	for _, value := range []int{0, 25, 255} {
		if s, _, ok := read(t, "AZRUNE", fmt.Sprint(value)); !ok || s.Text != fmt.Sprintf("%03d", value) || s.Layers != 0 {
			t.Errorf("rune %d: %v, %+v", value, ok, s)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint8(15), []byte("seed"))
	d := aztec.NewDecoder()
	d.Erasures = true
	f.Fuzz(func(t *testing.T, side uint8, bits []byte) {
		m := &aztec.Modules{Side: int(side), V: make([]int16, int(side)*int(side))}
		for i := range m.V {
			if len(bits) > 0 && bits[i/8%len(bits)]>>(i%8)&1 == 1 {
				m.V[i] = 1
			}
		}
		d.Decode(m)
	})
}
