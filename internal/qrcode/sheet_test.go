package qrcode_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"testing"

	"citygate/internal/qrcode"
)

func TestSheet(t *testing.T) {
	var b bytes.Buffer
	s, err := qrcode.NewSheet(&b, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	var want []qrcode.Matrix
	for i := range 37 {
		m, err := qrcode.Encode(city(200+i*13), qrcode.M)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(m, fmt.Sprintf(`label (%d) \ 石`, i)); err != nil {
			t.Fatal(err)
		}
		want = append(want, m)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkReferences(t, b.Bytes())
	pages, symbols := read1BitImages(t, b.Bytes())
	if len(symbols) != len(want) || pages < 2 {
		t.Fatalf("%d symbols on %d pages, want %d", len(symbols), pages, len(want))
	}
	for i, m := range want {
		n := m.Size() + 2*qrcode.QuietZone
		if symbols[i].width != n {
			t.Fatalf("symbol %d is %d wide, want %d", i, symbols[i].width, n)
		}
		for y := range n {
			for x := range n {
				dark := symbols[i].bits[y*((n+7)/8)+x/8]&(0x80>>(x%8)) != 0
				if dark != m.At(x-qrcode.QuietZone, y-qrcode.QuietZone) {
					t.Fatalf("symbol %d differs at %d,%d", i, x, y)
				}
			}
		}
	}
}

// checkReferences looks whether the file's directory points at its objects.
func checkReferences(t *testing.T, pdf []byte) {
	t.Helper()
	m := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(pdf)
	if m == nil {
		t.Fatal("no end")
	}
	at, _ := strconv.Atoi(string(m[1]))
	var n int
	if _, err := fmt.Sscanf(string(pdf[at:at+20]), "xref\n0 %d\n", &n); err != nil {
		t.Fatalf("directory: %v", err)
	}
	rows := regexp.MustCompile(`(\d{10}) 00000 n \n`).FindAllSubmatch(pdf[at:], -1)
	if len(rows) != n-1 {
		t.Fatalf("%d rows for %d objects", len(rows), n-1)
	}
	for i, r := range rows {
		off, _ := strconv.Atoi(string(r[1]))
		if !bytes.HasPrefix(pdf[off:], fmt.Appendf(nil, "%d 0 obj ", i+1)) {
			t.Errorf("object %d is not at %d", i+1, off)
		}
	}
}

type symbol struct {
	width int
	bits  []byte
}

func read1BitImages(t *testing.T, pdf []byte) (pages int, symbols []symbol) {
	t.Helper()
	head := regexp.MustCompile(`BI /W (\d+) /H (\d+) /IM true /BPC 1 /D \[1 0\] ID `)
	for _, at := range regexp.MustCompile(`/Length (\d+)/Filter/FlateDecode>>stream\n`).FindAllSubmatchIndex(pdf, -1) {
		n, _ := strconv.Atoi(string(pdf[at[2]:at[3]]))
		z, err := zlib.NewReader(bytes.NewReader(pdf[at[1] : at[1]+n]))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for {
			m := head.FindSubmatchIndex(content)
			if m == nil {
				break
			}
			w, _ := strconv.Atoi(string(content[m[2]:m[3]]))
			size := (w + 7) / 8 * w
			symbols = append(symbols, symbol{w, content[m[1] : m[1]+size]})
			content = content[m[1]+size:]
			if !bytes.HasPrefix(content, []byte("\nEI Q BT")) {
				t.Fatal("an image does not end where it should")
			}
		}
	}
	return pages, symbols
}

// broken fails after some bytes.
type broken int

func (b *broken) Write(p []byte) (int, error) {
	if *b -= broken(len(p)); *b < 0 {
		return 0, errors.New("disk")
	}
	return len(p), nil
}

func TestSheetErrors(t *testing.T) {
	m, err := qrcode.Encode(city(787), qrcode.M)
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range []float64{0, -1, 11} {
		if _, err := qrcode.NewSheet(io.Discard, module); err == nil {
			t.Errorf("took a module of %v mm", module)
		}
	}
	s, err := qrcode.NewSheet(io.Discard, 5)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(m, ""); err == nil {
		t.Error("a symbol of half a metre fitted")
	}
	w := broken(5000)
	s, err = qrcode.NewSheet(&w, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		s.Add(m, "x")
	}
	if err := s.Close(); err == nil {
		t.Error("a full disk was not noticed")
	}
	var b bytes.Buffer
	if s, err = qrcode.NewSheet(&b, 0.5); err != nil || s.Close() != nil {
		t.Error("an empty sheet failed")
	}
	checkReferences(t, b.Bytes())
}
