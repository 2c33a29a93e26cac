package luma

// Level is one picture of a pyramid and what was seen on it.
type Level struct {
	Image
	Thresholds Thresholds
	Hits       []Hit
	Scale      float64 // pixels of the frame to one pixel of this picture: 1, 2, 4, ...
}

// Look is one look at a frame, shared by all symbologies: the pyramid with thresholds and hits.
type Look struct {
	Levels []*Level // finest first
	store  []*Level
	small  Image   // a small frame with a border
	Origin Point   // of the frame, in pixels of Levels[0]
	Zoom   float64 // pixels of Levels[0] to one of the frame
	Trace  *Trace  // what readers tried; nil: nobody asks
}

const (
	maxLevels = 9
	minSide   = 24  // a level with a shorter side than this is not looked at
	smallSide = 160 // frames up to this side get a border
	border    = 16
)

// At looks at a frame, enlarged zoom times (1 for as it is; more is for small frames). With bullseyes also the middles of Aztec symbols become hits.
// The frame's pixels are used until the next call.
func (k *Look) At(frame Image, zoom int, bullseyes bool) {
	frame = k.framed(frame, zoom)
	k.Levels = k.Levels[:0]
	for i := 0; i < maxLevels; i++ {
		l := k.level(i)
		if i == 0 {
			l.Image, l.Scale = frame, 1
		}
		next := k.level(i + 1)
		l.Image.Halve(&next.Image)
		next.Scale = 2 * l.Scale
		if next.W < 1 || next.H < 1 || (i > 0 && min(l.W, l.H) < minSide) {
			break
		}
		l.Thresholds.measure(&next.Image, l.W, l.H)
		k.Levels = append(k.Levels, l)
	}
	for i, l := range k.Levels {
		var smaller *Thresholds
		if i+1 < len(k.Levels) {
			smaller = &k.Levels[i+1].Thresholds
		}
		l.Thresholds.settle(l.Thresholds.noise(smaller))
		step := 3 - min(i, 1)
		if bullseyes {
			step = 2 // the middle row of a bullseye is one module high
		}
		l.scanRows(step, bullseyes)
	}
}

// level returns the i-th of the kept levels.
func (k *Look) level(i int) *Level {
	for len(k.store) <= i {
		k.store = append(k.store, new(Level))
	}
	return k.store[i]
}

// framed puts a border around a small frame, so that a symbol that fills it has something around it, and enlarges it zoom times, so that a module
// of one pixel becomes an area. The border has the frame's light.
func (k *Look) framed(f Image, zoom int) Image {
	k.Origin, k.Zoom = Point{}, float64(zoom)
	if zoom == 1 && (min(f.W, f.H) > smallSide || f.W*f.H > 4*smallSide*smallSide) {
		return f
	}
	k.Origin = Point{border, border}
	w, h := zoom*f.W+2*border, zoom*f.H+2*border
	if cap(k.small.Pix) < w*h {
		k.small.Pix = make([]byte, w*h)
	}
	k.small = Image{k.small.Pix[:w*h], w, w, h}
	light := edgeLevel(&f)
	for i := range k.small.Pix {
		k.small.Pix[i] = light
	}
	for y := range zoom * f.H {
		row := k.small.Pix[(y+border)*w+border:][:zoom*f.W]
		if zoom == 1 {
			copy(row, f.Row(y))
			continue
		}
		for x := range row {
			row[x] = byte((f.At((float64(x)+0.5)/k.Zoom, (float64(y)+0.5)/k.Zoom) + 128) >> 8)
		}
	}
	return k.small
}

// edgeLevel returns the mean of the brighter half of the frame's range along its edge: the quiet zone's likely gray.
func edgeLevel(f *Image) byte {
	top, sum, n := 0, 0, 0
	each := func(visit func(int)) {
		for x := range f.W {
			visit(int(f.Pix[x]))
			visit(int(f.Pix[(f.H-1)*f.Stride+x]))
		}
		for y := range f.H {
			visit(int(f.Pix[y*f.Stride]))
			visit(int(f.Pix[y*f.Stride+f.W-1]))
		}
	}
	each(func(v int) { top = max(top, v) })
	each(func(v int) {
		if 4*v >= 3*top {
			sum, n = sum+v, n+1
		}
	})
	return byte(sum / max(n, 1))
}
