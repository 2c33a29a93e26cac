package scanner_test

import (
	"testing"
	"time"

	"citygate/scanner"
)

// FuzzTracker scans films of frames of any pixels, sizes and times.
func FuzzTracker(f *testing.F) {
	f.Add(uint16(40), uint16(30), uint8(2), int64(40e6), []byte("seed"))
	f.Add(uint16(1), uint16(900), uint8(0), int64(-1), []byte{0, 255})
	tr := scanner.NewTracker(scanner.TrackerOptions{})
	at := time.Unix(0, 0)
	f.Fuzz(func(t *testing.T, w, h uint16, gap uint8, step int64, pix []byte) {
		fr := scanner.Frame{Width: int(w % 600), Height: int(h % 600)}
		fr.Stride = fr.Width + int(gap)
		fr.Pix = make([]byte, fr.Stride*fr.Height)
		for i := range fr.Pix {
			if len(pix) > 0 {
				fr.Pix[i] = pix[i%len(pix)]
			}
		}
		for range 3 {
			at = at.Add(time.Duration(step))
			for _, s := range tr.Scan(fr, at) {
				if s.Text == "" && len(s.Bytes) == 0 {
					t.Errorf("an empty %v symbol", s.Format)
				}
			}
		}
	})
}
