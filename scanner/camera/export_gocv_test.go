//go:build !nogocv

package camera

import (
	"fmt"

	"citygate/scanner"

	"gocv.io/x/gocv"
)

// LumaOfDevice is the luma of a frame as a device gives it: pix holds the
// pixels, of which kind says how they are packed.
func LumaOfDevice(kind string, w, h int, pix []byte, f *scanner.Frame) error {
	rows, cols, mt := h, w, gocv.MatTypeCV8UC1
	switch kind {
	case "GREY":
	case "YUYV", "UYVY":
		mt = gocv.MatTypeCV8UC2
	case "NV12":
		rows = h * 3 / 2
	case "BGR3":
		mt = gocv.MatTypeCV8UC3
	case "BGR4":
		mt = gocv.MatTypeCV8UC4
	case "Y16":
		mt = gocv.MatTypeCV16UC1
	case "MJPG":
		rows, cols = 1, len(pix)
	default:
		return fmt.Errorf("no kind %s", kind)
	}
	mat, err := gocv.NewMatFromBytes(rows, cols, mt, pix)
	if err != nil {
		return err
	}
	defer mat.Close()
	c := capture{mat: mat, gray: gocv.NewMat(), uyvy: kind == "UYVY", about: Info{Width: w, Height: h}}
	defer c.gray.Close()
	return c.luma(f)
}
