package qr_test

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/encoder"
	"rsc.io/qr/coding"

	"citygate/scanner/qr"
)

// modules returns the symbol whose dark modules black tells.
func modules(side int, black func(x, y int) bool) *qr.Modules {
	m := &qr.Modules{Side: side, V: make([]int16, side*side)}
	for y := range side {
		for x := range side {
			m.V[y*side+x] = -100
			if black(x, y) {
				m.V[y*side+x] = 100
			}
		}
	}
	return m
}

// TestDecodeRSC reads every version at every level and mask in turn, as Russ Cox's encoder draws it: full, with three kinds of segments.
func TestDecodeRSC(t *testing.T) {
	d := qr.NewDecoder()
	rng := rand.New(rand.NewPCG(1, 1))
	for v := 1; v <= 40; v++ {
		for level := coding.L; level <= coding.H; level++ {
			mask := (v + int(level)) % 8
			plan, err := coding.NewPlan(coding.Version(v), level, coding.Mask(mask))
			if err != nil {
				t.Fatal(err)
			}
			room := coding.Version(v).DataBytes(level) - 14
			head := "HTTPS://"
			if v < 2 {
				head, room = "A:", room+8
			}
			tail := make([]byte, max(room-len(head), 0))
			for i := range tail {
				tail[i] = "abcdefghijklmnop-"[rng.IntN(17)]
			}
			code, err := plan.Encode(coding.Alpha(head), coding.Num("012"), coding.String(tail))
			if err != nil {
				t.Fatalf("version %d-%v: %v", v, level, err)
			}
			s, ok := d.Decode(modules(code.Size, code.Black))
			if want := head + "012" + string(tail); !ok || s.Text != want || s.Version != v || s.Mask != mask || s.Level != qr.Level(level) {
				t.Errorf("version %d level %v mask %d: %v, %+v", v, level, mask, ok, s)
			}
			m, n := modules(code.Size, func(x, y int) bool { return code.Black(y, x) }), code.Size
			for range 3 { // damage in the mirrored symbol
				m.V[(n-1-rng.IntN(4))*n+n-1-rng.IntN(4)] = 1
			}
			if s, ok := d.Decode(m); !ok || !s.Mirrored {
				t.Errorf("version %d level %v mirrored: %v", v, level, ok)
			}
		}
	}
}

// TestDecodeGozxing reads what gozxing's encoder draws: byte segments with and without ECI, Kanji.
func TestDecodeGozxing(t *testing.T) {
	d := qr.NewDecoder()
	for _, c := range []struct{ text, charset string }{
		{"12345", "ISO-8859-1"}, {"HTTPS://ID.SJZ.EXAMPLE/1", "ISO-8859-1"}, {"Grüße", "ISO-8859-1"}, {"石家庄市路灯", "UTF-8"}, {"茗荷", "Shift_JIS"},
		{strings.Repeat("0123456789ABCDEF/", 120), "UTF-8"},
	} {
		for _, level := range []decoder.ErrorCorrectionLevel{decoder.ErrorCorrectionLevel_L, decoder.ErrorCorrectionLevel_M} {
			code, err := encoder.Encoder_encode(c.text, level, map[gozxing.EncodeHintType]interface{}{gozxing.EncodeHintType_CHARACTER_SET: c.charset})
			if err != nil {
				t.Fatal(err)
			}
			b := code.GetMatrix()
			s, ok := d.Decode(modules(b.GetWidth(), func(x, y int) bool { return b.Get(x, y) == 1 }))
			if !ok || s.Text != c.text {
				t.Errorf("%.20q at %v: %v, %.20q", c.text, level, ok, s.Text)
			}
		}
	}
}

// TestDecodeZint reads what zint draws, where it is installed: structured append, ECI, GS1, Kanji, all versions.
func TestDecodeZint(t *testing.T) {
	zint, err := exec.LookPath("zint")
	if err != nil {
		t.Skip("zint is not installed: its independent encoder is not compared (Debian package zint)")
	}
	d := qr.NewDecoder()
	for _, c := range []struct {
		want string
		args []string
	}{
		{"Hello", []string{"-d", "Hello"}},
		{"石家庄", []string{"--eci", "29", "-d", "石家庄"}},
		{"石家庄", []string{"--eci", "26", "-d", "石家庄"}},
		{"点茗荷", []string{"-d", "点茗荷"}},
		{"0104912345123459\x1d", []string{"--gs1", "-d", "[01]04912345123459[10]%"}},
	} {
		out, err := exec.Command(zint, append([]string{"-b", "QRCODE", "--filetype=TXT", "--dump"}, c.args...)...).Output()
		if err != nil {
			t.Fatalf("%v: %v", c.args, err)
		}
		m := dumped(string(out))
		s, ok := d.Decode(m)
		if !ok || (s.Text != c.want && !s.FNC1) {
			t.Errorf("%v: %v, %q, want %q", c.args, ok, s.Text, c.want)
		}
	}
}

// dumped reads zint's --dump: rows of hexadecimal, four modules to a digit.
func dumped(s string) *qr.Modules {
	rows := strings.Fields(strings.ReplaceAll(strings.TrimSpace(s), " ", ""))
	n := len(rows)
	return modules(n, func(x, y int) bool {
		return strings.IndexByte("0123456789ABCDEF", rows[y][x/4])>>(3-x%4)&1 == 1
	})
}

// TestDecodeDamage: with half of the correction capacity of one block plus erasures a symbol is still read, and never with another text.
func TestDecodeDamage(t *testing.T) {
	plan, err := coding.NewPlan(10, coding.H, 3)
	if err != nil {
		t.Fatal(err)
	}
	const text = "MA.156.1301.01/LAMP.000421"
	code, err := plan.Encode(coding.Alpha(text))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	read := map[bool]int{}
	for round := range 200 {
		m := modules(code.Size, code.Black)
		for y := 14; y < 14+32; y++ { // an unsure patch, half of it wrong
			for x := 12; x < 12+24+round%12; x++ {
				m.V[y*m.Side+x] = int16(rng.IntN(21) - 10)
			}
		}
		for _, erasures := range []bool{false, true} {
			d := qr.NewDecoder()
			d.Erasures = erasures
			if s, ok := d.Decode(m); ok {
				read[erasures]++
				if s.Text != text {
					t.Fatalf("wrong text %q", s.Text)
				}
			}
		}
	}
	if read[true] <= read[false] {
		t.Errorf("read %d of 200 with erasures, %d without", read[true], read[false])
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint8(1), []byte("seed"))
	d := qr.NewDecoder()
	d.Erasures = true
	f.Fuzz(func(t *testing.T, v uint8, bits []byte) {
		n := 17 + 4*int(v%42)
		m := modules(n, func(x, y int) bool { i := y*n + x; return len(bits) > 0 && bits[i/8%len(bits)]>>(i%8)&1 == 1 })
		d.Decode(m)
	})
}
