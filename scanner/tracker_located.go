package scanner

// locatedTwice is in how many frames something must have looked like a code: noise seldom does so twice at one place.
const locatedTwice = 2

// Located returns the outline of what looks like a code in the last frame and was not read, the one that was seen longest,
// clockwise from the symbol's own top left. It is for drawing: what is not read may be no code at all.
func (t *Tracker) Located() (corners [4]Point, ok bool) {
	most := locatedTwice
	for i := range t.piles {
		p := &t.piles[i]
		if p.frame != t.frame || p.read || p.Frames < most {
			continue
		}
		most, ok = p.Frames, true
		for k, c := range p.Corners {
			corners[k] = Point(c)
		}
	}
	return corners, ok
}
