// Package qrcode writes QR codes (ISO/IEC 18004) for city codes and for any other text.
//
// A city code's text has three parts that QR packs differently: "HTTPS://HOST/PATH" in alphanumeric mode (5.5 bits for a character), "#" as one
// byte, and the digits in numeric mode (10 bits for three). [Encode] uses these three segments for such a text, a single segment for any other,
// the smallest version that holds it, and the mask with the lowest penalty of section 7.8.3:
//
//	m, err := qrcode.Encode("HTTPS://ID.EXAMPLE/156.1301#00123", qrcode.M)
//	os.WriteFile("code.png", m.PNG(8), 0o644)
//
// A [Matrix] holds the modules without the quiet zone; PNG and SVG add the 4 modules that section 6.3.8 demands. Data is packed and error correction
// computed by rsc.io/qr/coding, which shares nothing with the project's reader.
package qrcode

import (
	"compress/zlib"
	"fmt"
	"strings"

	"rsc.io/qr/coding"
)

// QuietZone is the width of the light border around the symbol, in modules (section 6.3.8).
const QuietZone = 4

// Level is the error correction level: the share of the symbol that may be unreadable.
type Level = coding.Level

// The levels recover about 7, 15, 25 and 30 % of the symbol. Labels are printed at M.
const (
	L = coding.L
	M = coding.M
	Q = coding.Q
	H = coding.H
)

// ParseLevel reads a level's letter, "L", "M", "Q" or "H".
func ParseLevel(s string) (Level, error) {
	i := strings.Index("LMQH", s)
	if len(s) != 1 || i < 0 {
		return 0, fmt.Errorf("error correction level %q is not L, M, Q or H", s)
	}
	return Level(i), nil
}

// A Matrix is the square of a symbol's modules, without the quiet zone. Its zero value has size 0. It is immutable.
type Matrix struct {
	size int
	dark []bool // row by row
}

// Size is the number of modules on a side: 4*version + 17.
func (m Matrix) Size() int { return m.size }

// Version is the symbol's version, 1 to 40.
func (m Matrix) Version() int { return (m.size - 17) / 4 }

// At reports whether the module in column x and row y, counted from the top left, is dark. Outside of the symbol all is light.
func (m Matrix) At(x, y int) bool {
	return x >= 0 && y >= 0 && x < m.size && y < m.size && m.dark[y*m.size+x]
}

// Encode makes the smallest symbol of the given level that holds text. It fails only if no version does: beyond 2,331 bytes, 3,391
// alphanumeric characters or 5,596 digits at level M.
func Encode(text string, level Level) (Matrix, error) { return new(Encoder).Encode(text, level) }

// An Encoder is Encode for many texts: it keeps the layouts of versions that it has met, which saves two thirds of the time.
// The zero value is ready. It is not safe for concurrent use.
type Encoder struct {
	layouts map[layoutKey]*layout
	deflate *zlib.Writer // of PNG
}

type layoutKey struct {
	version coding.Version
	level   Level
}

// layout is where a version's modules are. The eight masks of a symbol differ in the same modules whatever its data is, format information
// included, so data is laid out once, with mask 0.
type layout struct {
	plan *coding.Plan
	flip [8]grid // the modules in which mask i differs from mask 0
}

// Encode is the function Encode of this package.
func (e *Encoder) Encode(text string, level Level) (Matrix, error) {
	if level < L || level > H {
		return Matrix{}, fmt.Errorf("no error correction level %d", int(level))
	}
	segments := split(text)
	version, ok := fit(segments, level)
	if !ok {
		return Matrix{}, fmt.Errorf("text of %d bytes does not fit a QR code at level %v", len(text), level)
	}
	l, err := e.layout(version, level)
	if err != nil {
		return Matrix{}, fmt.Errorf("lay out QR version %d: %w", version, err)
	}
	c, err := l.plan.Encode(segments...)
	if err != nil {
		return Matrix{}, fmt.Errorf("encode QR version %d: %w", version, err)
	}
	first := newGrid(c.Size, c.Black)
	best, lowest := grid{}, -1
	for _, flip := range l.flip {
		g := first.xor(flip)
		if n := g.penalty(); lowest < 0 || n < lowest {
			best, lowest = g, n
		}
	}
	return best.matrix(), nil
}

// layout gives the layout of a version and level.
func (e *Encoder) layout(v coding.Version, level Level) (*layout, error) {
	key := layoutKey{v, level}
	if l, ok := e.layouts[key]; ok {
		return l, nil
	}
	l := new(layout)
	for mask := range l.flip {
		p, err := coding.NewPlan(v, level, coding.Mask(mask))
		if err != nil {
			return nil, err
		}
		if mask == 0 {
			l.plan = p
		}
		l.flip[mask] = newGrid(len(p.Pixel), func(x, y int) bool {
			return (p.Pixel[y][x]^l.plan.Pixel[y][x])&coding.Black != 0
		})
	}
	if e.layouts == nil {
		e.layouts = make(map[layoutKey]*layout)
	}
	e.layouts[key] = l
	return l, nil
}

// split gives a city code's text its three segments, and any other text the most compact single one.
func split(text string) []coding.Encoding {
	if head, digits, ok := strings.Cut(text, "#"); ok && head != "" && digits != "" &&
		coding.Alpha(head).Check() == nil && coding.Num(digits).Check() == nil {
		return []coding.Encoding{coding.Alpha(head), coding.String("#"), coding.Num(digits)}
	}
	switch {
	case text == "":
		return []coding.Encoding{coding.String("")}
	case coding.Num(text).Check() == nil:
		return []coding.Encoding{coding.Num(text)}
	case coding.Alpha(text).Check() == nil:
		return []coding.Encoding{coding.Alpha(text)}
	}
	return []coding.Encoding{coding.String(text)}
}

// fit finds the smallest version that holds the segments.
func fit(segments []coding.Encoding, level Level) (coding.Version, bool) {
	for v := coding.Version(coding.MinVersion); v <= coding.MaxVersion; v++ {
		bits := 0
		for _, s := range segments {
			bits += s.Bits(v)
		}
		if bits <= 8*v.DataBytes(level) {
			return v, true
		}
	}
	return 0, false
}

func (g grid) matrix() Matrix {
	m := Matrix{size: g.size, dark: make([]bool, 0, g.size*g.size)}
	for _, row := range g.rows {
		for x := range g.size {
			m.dark = append(m.dark, row[x/64]>>(x%64)&1 != 0)
		}
	}
	return m
}
