package qrcode_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"citygate/internal/qrcode"
	"github.com/makiuchi-d/gozxing"
	zxing "github.com/makiuchi-d/gozxing/qrcode"
)

// city makes a text of a city code's form with n digits.
func city(n int) string {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	var b strings.Builder
	b.WriteString("HTTPS://SJZ.EXAMPLE/156.1301.01/LAMP.000421#")
	for range n {
		b.WriteByte(byte('0' + r.IntN(10)))
	}
	return b.String()
}

// read decodes a picture with an independent reader.
func read(t *testing.T, m qrcode.Matrix, scale int) string {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(m.PNG(scale)))
	if err != nil {
		t.Fatal(err)
	}
	if want := (m.Size() + 2*qrcode.QuietZone) * scale; img.Bounds().Dx() != want || img.Bounds().Dy() != want {
		t.Fatalf("picture is %v, want %d pixels on a side", img.Bounds(), want)
	}
	bmp, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	res, err := zxing.NewQRCodeReader().Decode(bmp, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		t.Fatalf("read back: %v", err)
	}
	return res.GetText()
}

func TestReadBack(t *testing.T) {
	texts := []string{"1", "0123456789", "HELLO WORLD", "https://example.org/some/page?x=1", "§ 3 石家庄", "A#", "#1", "a#1", "A#1", city(200), city(315), city(787), city(955)}
	for v := 1; v <= 40; v += 3 { // every size class and alignment layout
		texts = append(texts, strings.Repeat("7", 14*v*v/2+10))
	}
	for _, text := range texts {
		for _, level := range []qrcode.Level{qrcode.L, qrcode.M, qrcode.Q, qrcode.H} {
			m, err := qrcode.Encode(text, level)
			if err != nil {
				if len(text) < 3000 {
					t.Errorf("%.20q at %v: %v", text, level, err)
				}
				continue
			}
			if got := read(t, m, 3); got != text {
				t.Errorf("%.20q at %v: read %.20q", text, level, got)
			}
		}
	}
}

// The sizes that the code's design counts on, with a host and path of 43 characters.
func TestVersionsOfCityCodes(t *testing.T) {
	for _, c := range []struct{ bytes, version int }{{132, 9}, {390, 16}, {324, 14}} {
		digits := c.bytes/7*17 + []int{0, 3, 5, 8, 10, 13, 15}[c.bytes%7]
		m, err := qrcode.Encode(city(digits), qrcode.M)
		if err != nil || m.Version() != c.version {
			t.Errorf("%d bytes: version %d, %v; want %d", c.bytes, m.Version(), err, c.version)
		}
	}
}

func TestTooLong(t *testing.T) {
	if _, err := qrcode.Encode(strings.Repeat("x", 2332), qrcode.M); err == nil {
		t.Error("2,332 bytes fitted level M")
	}
	if m, err := qrcode.Encode(strings.Repeat("x", 2331), qrcode.M); err != nil || m.Version() != 40 {
		t.Errorf("2,331 bytes: version %d, %v", m.Version(), err)
	}
	if _, err := qrcode.Encode("x", 4); err == nil {
		t.Error("took level 4")
	}
}

func TestEncoderGivesTheSame(t *testing.T) {
	var e qrcode.Encoder
	for range 2 {
		for _, n := range []int{200, 300, 787} {
			a, err1 := e.Encode(city(n), qrcode.M)
			b, err2 := qrcode.Encode(city(n), qrcode.M)
			if err1 != nil || err2 != nil || !bytes.Equal(a.PNG(1), b.PNG(1)) {
				t.Errorf("%d digits: differs from Encode: %v, %v", n, err1, err2)
			}
		}
	}
}

// The penalty of the chosen symbol is the lowest of the eight; a plain recount in the standard's own words is the oracle.
func TestMaskIsTheBest(t *testing.T) {
	for _, text := range []string{"1", "HELLO WORLD", city(200), city(787)} {
		m, err := qrcode.Encode(text, qrcode.M)
		if err != nil {
			t.Fatal(err)
		}
		lowest, chosen := qrcode.Penalties(text, qrcode.M, recount), recount(m)
		if chosen != lowest {
			t.Errorf("%.20q: penalty %d, the lowest is %d", text, chosen, lowest)
		}
	}
}

// recount computes the penalty from strings, slowly.
func recount(m qrcode.Matrix) int {
	n, dark := 0, 0
	for i := range m.Size() {
		var row, column strings.Builder
		for j := range m.Size() {
			row.WriteByte("01"[btoi(m.At(j, i))])
			column.WriteByte("01"[btoi(m.At(i, j))])
			dark += btoi(m.At(j, i))
			if i > 0 && j > 0 && m.At(j, i) == m.At(j-1, i) && m.At(j, i) == m.At(j, i-1) && m.At(j, i) == m.At(j-1, i-1) {
				n += 3
			}
		}
		for _, s := range []string{row.String(), column.String()} {
			for _, c := range []string{"0", "1"} {
				other := string("10"[c[0]-'0'])
				for run := range strings.SplitSeq(s, other) {
					if len(run) >= 5 {
						n += len(run) - 2
					}
				}
			}
			padded := "0000" + s + "0000"
			for k := range len(padded) - 10 {
				if w := padded[k : k+11]; w == "00001011101" || w == "10111010000" {
					n += 40
				}
			}
		}
	}
	share := 100 * float64(dark) / float64(m.Size()*m.Size())
	return n + 10*int(max(share-50, 50-share)/5)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestSVG(t *testing.T) {
	m, err := qrcode.Encode("HELLO", qrcode.M)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Width   string `xml:"width,attr"`
		ViewBox string `xml:"viewBox,attr"`
		Path    []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(m.SVG(0.5), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.ViewBox != "0 0 29 29" || doc.Width != "14.5mm" || len(doc.Path) != 2 {
		t.Fatalf("view box %q, width %q, %d paths", doc.ViewBox, doc.Width, len(doc.Path))
	}
	// Paint the runs again and compare.
	painted := make(map[[2]int]bool)
	for run := range strings.SplitSeq(strings.TrimSuffix(doc.Path[1].D, "z"), "z") {
		var x, y, w, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &w, &back); err != nil || w != back {
			t.Fatalf("run %q: %v", run, err)
		}
		for i := range w {
			painted[[2]int{x + i - qrcode.QuietZone, y - qrcode.QuietZone}] = true
		}
	}
	for y := -1; y <= m.Size(); y++ {
		for x := -1; x <= m.Size(); x++ {
			if painted[[2]int{x, y}] != m.At(x, y) {
				t.Fatalf("module %d,%d differs", x, y)
			}
		}
	}
}

func TestParseLevel(t *testing.T) {
	for i, s := range []string{"L", "M", "Q", "H"} {
		if l, err := qrcode.ParseLevel(s); err != nil || int(l) != i {
			t.Errorf("%s: %v, %v", s, l, err)
		}
	}
	for _, s := range []string{"", "m", "LM", "X"} {
		if _, err := qrcode.ParseLevel(s); err == nil {
			t.Errorf("took level %q", s)
		}
	}
}

func FuzzReadBack(f *testing.F) {
	f.Add("HTTPS://A/1#12", byte(1))
	f.Add("plain", byte(0))
	f.Fuzz(func(t *testing.T, text string, level byte) {
		m, err := qrcode.Encode(text, qrcode.Level(level%4))
		if err != nil {
			if len(text) < 1200 {
				t.Errorf("%d bytes: %v", len(text), err)
			}
			return
		}
		// The reader guesses character sets, so only plain ASCII reads back the same.
		for _, c := range []byte(text) {
			if c < ' ' || c > '~' {
				return
			}
		}
		if text != "" && read(t, m, 2) != text {
			t.Errorf("%q did not read back", text)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	var e qrcode.Encoder
	text := city(787)
	for b.Loop() {
		if _, err := e.Encode(text, qrcode.M); err != nil {
			b.Fatal(err)
		}
	}
}
