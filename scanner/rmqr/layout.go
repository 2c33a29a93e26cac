package rmqr

// This file implements the layout: which modules are function patterns and of which colour, and which hold format information (section 7.2,
// figures 3 to 8, and figure 21).

// colour is what is known of a module before it is read.
type colour uint8

const (
	data colour = iota
	dark
	light
	formatInfo
)

// layout is the colours of one version, row by row.
type layout struct {
	set    bool
	size   *size
	colour [maxWidth * maxHeight]colour
}

func (l *layout) at(x, y int) colour { return l.colour[y*l.size.w+x] }

func (l *layout) put(x, y int, isDark bool) {
	c := light
	if isDark {
		c = dark
	}
	l.colour[y*l.size.w+x] = c
}

// make fills the layout. Later patterns overwrite earlier ones where they share modules.
func (l *layout) make(s *size) {
	if l.set && l.size == s {
		return
	}
	l.set, l.size = true, s
	clear(l.colour[:])
	w, h := s.w, s.h
	for x := range w {
		l.put(x, 0, x%2 == 0)
		l.put(x, h-1, x%2 == 0)
	}
	for y := range h {
		l.put(0, y, y%2 == 0)
		l.put(w-1, y, y%2 == 0)
		for _, x := range s.columns() {
			l.put(x, y, y%2 == 0)
		}
	}
	for _, x := range s.columns() { // alignment patterns at both ends
		for _, y := range [...]int{1, h - 2} {
			for j := -1; j <= 1; j++ {
				for i := -1; i <= 1; i++ {
					l.put(x+i, y+j, i != 0 || j != 0)
				}
			}
		}
	}
	for _, c := range [...][2]int{{w - 3, 0}, {w - 2, 0}, {w - 1, 0}, {w - 1, 1}, {0, h - 1}, {1, h - 1}, {2, h - 1}, {0, h - 2}} { // the corners
		l.put(c[0], c[1], true)
	}
	l.put(w-2, 1, false)
	l.put(1, h-2, false)
	l.finders()
	l.format()
}

// finders draws the finder pattern with its separator, and the sub-finder pattern at the far corner.
func (l *layout) finders() {
	w, h := l.size.w, l.size.h
	for y := 0; y < min(h, 8); y++ {
		for x := range 8 {
			d := max(x-3, 3-x, y-3, 3-y)
			l.put(x, y, d != 2 && d != 4)
		}
	}
	for y := -2; y <= 2; y++ {
		for x := -2; x <= 2; x++ {
			l.put(w-3+x, h-3+y, max(x, -x, y, -y) != 1)
		}
	}
}

// format marks both copies of the format information.
func (l *layout) format() {
	for i := range formatBits {
		for _, sub := range [...]bool{false, true} {
			x, y := formatPlace(i, sub, l.size.w, l.size.h)
			l.colour[y*l.size.w+x] = formatInfo
		}
	}
}
