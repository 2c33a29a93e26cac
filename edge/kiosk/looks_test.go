package kiosk_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// This file compares what every state looks like with what it looked like when a person last looked at it, loosely: a
// sketch of a picture says for each cell of a coarse grid which of the page's colours fills most of it, and whether
// something is drawn there. Other versions of fonts and of the browser move strokes, not fields. After a change of the
// page, look at the pictures (-screens) and write the sketches anew (-update).

var update = flag.Bool("update", false, "write the sketches in testdata/looks.txt anew")

const (
	sketchColumns = 12 // of the shorter side; the longer one has cells of about the same size
	sketchScale   = 0.25
	sketchInk     = 0.10 // from this part of a cell on, what is not its field counts as drawn
	sketchAway    = 0.07 // of the cells may differ
)

// sketchColours are the page's own by day, each with the letter of a cell that it fills; a capital says that something is
// drawn there too.
var sketchColours = map[byte]color.RGBA{
	'p': {0xF1, 0xF4, 0xF3, 255}, // ground and surface
	'w': {0xCB, 0xD7, 0xD9, 255}, // wall
	'i': {0x0E, 0x1A, 0x1C, 255}, // ink
	'a': {0x0B, 0x4A, 0x75, 255}, // azurite
	'g': {0x00, 0x60, 0x4E, 255}, // malachite
	'r': {0x97, 0x1B, 0x1E, 255}, // cinnabar
	'y': {0xFF, 0xC2, 0x1A, 255}, // gamboge
	's': {0x46, 0x54, 0x5A, 255}, // slate
}

// sketch takes a small picture of the tab and sketches it, row by row.
func sketch(t *testing.T, tab context.Context, f format) string {
	t.Helper()
	var b []byte
	err := chromedp.Run(tab, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		b, err = page.CaptureScreenshot().WithClip(&page.Viewport{Width: float64(f.w), Height: float64(f.h), Scale: sketchScale}).Do(ctx)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return sketchOf(img)
}

func sketchOf(img image.Image) string {
	size := img.Bounds().Size()
	cell := float64(min(size.X, size.Y)) / sketchColumns
	columns, rows := int(float64(size.X)/cell+.5), int(float64(size.Y)/cell+.5)
	var out []string
	for y := range rows {
		var row []byte
		for x := range columns {
			row = append(row, sketchCell(img, image.Rect(x*size.X/columns, y*size.Y/rows, (x+1)*size.X/columns, (y+1)*size.Y/rows)))
		}
		out = append(out, string(row))
	}
	return strings.Join(out, "/")
}

// sketchCell names what fills most of a part of a picture.
func sketchCell(img image.Image, part image.Rectangle) byte {
	count := map[byte]int{}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			count[nearest(img.At(x, y))]++
		}
	}
	var field byte
	for _, letter := range slices.Sorted(maps.Keys(count)) {
		if field == 0 || count[letter] > count[field] {
			field = letter
		}
	}
	if float64(count[field]) < (1-sketchInk)*float64(part.Dx()*part.Dy()) {
		return field - 'a' + 'A'
	}
	return field
}

func nearest(c color.Color) (letter byte) {
	r, g, b, _ := c.RGBA()
	best := 1 << 30
	for _, l := range slices.Sorted(maps.Keys(sketchColours)) {
		p := sketchColours[l]
		dr, dg, db := int(r>>8)-int(p.R), int(g>>8)-int(p.G), int(b>>8)-int(p.B)
		if d := dr*dr + dg*dg + db*db; d < best {
			best, letter = d, l
		}
	}
	return letter
}

// away is the part of the cells in which two sketches differ: another field counts whole, other drawing by half.
func away(a, b string) float64 {
	if len(a) != len(b) {
		return 1
	}
	sum := 0.0
	for i := range a {
		switch {
		case a[i] == b[i]:
		case a[i]|0x20 == b[i]|0x20:
			sum += .5
		default:
			sum++
		}
	}
	return sum / float64(len(a))
}

// sketches are those of testdata/looks.txt: a line is "format language state sketch".
type sketches map[string]string

func readLooks(t *testing.T) sketches {
	t.Helper()
	name := filepath.Join("testdata", "looks.txt")
	all := sketches{}
	if *update {
		t.Cleanup(func() {
			var b strings.Builder
			for _, k := range slices.Sorted(maps.Keys(all)) {
				fmt.Fprintf(&b, "%s %s\n", k, all[k])
			}
			if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
				t.Error(err)
			}
		})
		return all
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		i := strings.LastIndexByte(line, ' ')
		all[line[:max(i, 0)]] = strings.TrimSpace(line[i+1:])
	}
	return all
}

// compare holds a state against its sketch, or keeps it where the sketches are written anew.
func (all sketches) compare(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		all[name] = got
		return
	}
	if d := away(got, all[name]); d > sketchAway {
		t.Errorf("%s looks different in %.0f %% of the cells (-update after a look at -screens):\n%s\nit was\n%s", name, d*100,
			strings.ReplaceAll(got, "/", "\n"), strings.ReplaceAll(all[name], "/", "\n"))
	}
}

// TestSketchesTellStatesApart holds the sketches themselves to their purpose: two states of different kinds are further
// from each other than what may differ.
func TestSketchesTellStatesApart(t *testing.T) {
	all := readLooks(t)
	if *update {
		t.Skip("they are being written")
	}
	kinds := []string{"idle", "valid", "revoked", "stale-trust", "out-of-service", "asked", "asked-again", "staff"}
	for _, f := range []string{"portrait zh-CN ", "landscape en "} {
		for i, a := range kinds {
			for _, b := range kinds[i+1:] {
				if d := away(all[f+a], all[f+b]); all[f+a] == "" || d < 1.3*sketchAway {
					t.Errorf("%s%s and %s are %.3f apart", f, a, b, d)
				}
			}
		}
	}
}
