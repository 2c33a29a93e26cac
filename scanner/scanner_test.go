package scanner_test

import (
	"testing"

	"rsc.io/qr"

	"citygate/scanner"
)

// draw returns a frame with the QR code of text, side pixels to a module and a quiet zone of four modules.
func draw(t *testing.T, text string, level qr.Level, side int) scanner.Frame {
	t.Helper()
	c, err := qr.Encode(text, level)
	if err != nil {
		t.Fatal(err)
	}
	n := (c.Size + 8) * side
	f := scanner.Frame{Pix: make([]byte, n*n), Stride: n, Width: n, Height: n}
	for y := range n {
		for x := range n {
			f.Pix[y*n+x] = 230
			if c.Black(x/side-4, y/side-4) {
				f.Pix[y*n+x] = 20
			}
		}
	}
	return f
}

func TestScanReadsQR(t *testing.T) {
	for _, text := range []string{"HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421", "https://example.com/ä", "1234567890"} {
		got := scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.QR)}).Scan(draw(t, text, qr.M, 4))
		if len(got) != 1 || got[0].Text != text || got[0].Format != scanner.QR {
			t.Errorf("Scan(%q) = %+v", text, got)
		}
	}
}

func TestScanOfBadFrames(t *testing.T) {
	s := scanner.New(scanner.Options{})
	for _, f := range []scanner.Frame{
		{}, {Width: -1, Height: 4}, {Width: 4, Height: 4, Stride: 4}, {Width: 4, Height: 4, Stride: 2, Pix: make([]byte, 64)},
		{Width: 1, Height: 1, Stride: 1, Pix: []byte{7}}, {Width: 3, Height: 2, Stride: 5, Pix: make([]byte, 8)},
		{Width: 1, Height: 900, Stride: 1, Pix: make([]byte, 900)},
	} {
		if got := s.Scan(f); len(got) != 0 {
			t.Errorf("Scan(%dx%d) = %+v, want nothing", f.Width, f.Height, got)
		}
	}
}

func TestParseFormats(t *testing.T) {
	s, err := scanner.ParseFormats("qr, datamatrix")
	if err != nil || s != scanner.FormatSet(scanner.QR, scanner.DataMatrix) || s.String() != "qr,datamatrix" {
		t.Errorf("ParseFormats = %v, %v", s, err)
	}
	for _, bad := range []string{"", "qr,,aztec", "ean13"} {
		if _, err := scanner.ParseFormats(bad); err == nil {
			t.Errorf("ParseFormats(%q) has no error", bad)
		}
	}
}
