package datamatrix_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	library "github.com/makiuchi-d/gozxing/datamatrix"

	"citygate/scanner/datamatrix"
	"citygate/scanner/zinttest"
)

// TestDecodeGozxing reads what gozxing's encoder draws, in many sizes and all schemes but Base 256, in which it writes a byte too
// many; zint tests that.
func TestDecodeGozxing(t *testing.T) {
	d := datamatrix.NewDecoder()
	rng := rand.New(rand.NewPCG(1, 1))
	for _, alphabet := range []string{"0123456789", "ABCDEFGHIJ 0123", "abcdefgh ij", "Ab1-/:.#", "A*>\r"} {
		for n := 1; n < 400; n += 1 + n/4 {
			var text strings.Builder
			for range n {
				text.WriteRune(rune(alphabet[rng.IntN(len(alphabet))]))
			}
			b, err := library.NewDataMatrixWriter().Encode(text.String(), gozxing.BarcodeFormat_DATA_MATRIX, 0, 0, nil)
			if err != nil {
				continue // the encoder gives up on some texts
			}
			m := &datamatrix.Modules{Rows: b.GetHeight(), Cols: b.GetWidth()}
			for y := range m.Rows {
				for x := range m.Cols {
					v := int16(-100)
					if b.Get(x, y) {
						v = 100
					}
					m.V = append(m.V, v)
				}
			}
			if s, ok := d.Decode(m); !ok || s.Text != text.String() {
				t.Errorf("%d of %q: %v, %q, want %q", n, alphabet, ok, s.Text, text.String())
			}
		}
	}
}

// TestDecodeZint reads every size, extended rectangles too, as zint draws them, and damages each symbol within what its check codewords correct.
func TestDecodeZint(t *testing.T) {
	zinttest.Need(t)
	widths := []int{10, 12, 14, 16, 18, 20, 22, 24, 26, 32, 36, 40, 44, 48, 52, 64, 72, 80, 88, 96, 104, 120, 132, 144, 18, 32, 26, 36, 36, 48,
		48, 64, 80, 96, 120, 144, 64, 88, 64, 36, 44, 64, 48, 48, 64, 40, 48, 64}
	d := datamatrix.NewDecoder()
	for i, width := range widths {
		text := "ab"
		if i > 12 {
			text = "Ab 12"
		}
		drawn, err := zinttest.Draw("DATAMATRIX", width, text, fmt.Sprintf("--vers=%d", i+1))
		if err != nil {
			t.Errorf("size %d: %v", i+1, err)
			continue
		}
		m := &datamatrix.Modules{Rows: drawn.H, Cols: drawn.W, V: drawn.Soft()}
		if s, ok := d.Decode(m); !ok || s.Text != text {
			t.Errorf("size %d (%dx%d): %v, %q", i+1, m.Rows, m.Cols, ok, s.Text)
		}
		at := m.Cols*(m.Rows/2) + m.Cols/2
		m.V[at], m.V[at+1] = -m.V[at], -m.V[at+1]
		if s, ok := d.Decode(m); !ok || s.Text != text {
			t.Errorf("size %d (%dx%d), damaged: %v, %q", i+1, m.Rows, m.Cols, ok, s.Text)
		}
	}
}

// TestDecodeZintContent reads what only zint writes: interpretations, GS1, structured append, reader programming.
func TestDecodeZintContent(t *testing.T) {
	zinttest.Need(t)
	d := datamatrix.NewDecoder()
	for _, c := range []struct {
		data, text string
		args       []string
		check      func(datamatrix.Symbol) bool
	}{
		{"石家庄", "石家庄", []string{"--eci=26"}, nil},
		{"石家庄", "石家庄", []string{"--eci=29"}, nil},
		{"Grüße", "Grüße", nil, nil},
		{"[01]04912345123459", "0104912345123459", []string{"--gs1"}, func(s datamatrix.Symbol) bool { return s.FNC1 }},
		{"part", "part", []string{"--structapp=2,3"}, func(s datamatrix.Symbol) bool { return s.Index == 1 && s.Symbols == 3 }},
		{"setup", "setup", []string{"--init"}, func(s datamatrix.Symbol) bool { return s.Reader }},
	} {
		drawn, err := zinttest.Draw("DATAMATRIX", 0, c.data, append(c.args, "--square")...)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		s, ok := d.Decode(&datamatrix.Modules{Rows: drawn.H, Cols: drawn.W, V: drawn.Soft()})
		if !ok || s.Text != c.text || (c.check != nil && !c.check(s)) {
			t.Errorf("%q %v: %v, %+v", c.data, c.args, ok, s)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint8(10), uint8(10), []byte("seed"))
	f.Add(uint8(144), uint8(144), []byte{0x55, 0xaa, 0x0f})
	d := datamatrix.NewDecoder()
	d.Erasures = true
	f.Fuzz(func(t *testing.T, rows, cols uint8, bits []byte) {
		m := &datamatrix.Modules{Rows: int(rows), Cols: int(cols), V: make([]int16, int(rows)*int(cols))}
		for i := range m.V {
			if len(bits) > 0 && bits[i/8%len(bits)]>>(i%8)&1 == 1 {
				m.V[i] = 1
			}
		}
		d.Decode(m)
	})
}
