package luma

// DarkBits opens the comparison of 64 pixels to tests.
var DarkBits = darkBits

// MaxMin opens the bytewise maximum and minimum to tests.
var MaxMin = maxmin

// Measure measures the blocks of a picture from its half and returns their middles and contrasts.
func Measure(half *Image, w, h int) (t *Thresholds, mid, contrast []byte) {
	t = &Thresholds{}
	t.measure(half, w, h)
	return t, t.mid, t.contrast
}

// Settle computes the thresholds.
func (t *Thresholds) Settle(floor int) { t.settle(floor) }

// SharpBits opens the comparison of sharpened pixels to tests.
var SharpBits = sharpBits

// SharpenRow opens the sharpening of a row to tests.
var SharpenRow = sharpenRow
