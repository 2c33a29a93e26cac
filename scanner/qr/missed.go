package qr

import (
	"citygate/scanner/fuse"
	"citygate/scanner/luma"
)

// This file keeps the symbols that were located but not decoded, for a tracker that has more frames of them.

const (
	missedSharpening = 30   // in 1/256
	keptGuess        = 0.60 // agreement beside the finders for a place that has one guessed
)

// miss keeps the place whose gray is in the grid, if that is wanted and the frame shows all of it.
func (r *Reader) miss(p *place, light bool) {
	if !r.Missed.Keep || p.guessed && p.beside < keptGuess {
		return
	}
	n := side(p.version)
	frame := &r.look.Levels[0].Image
	for _, c := range luma.Rect(1, 1, float64(n-1), float64(n-1)) {
		if at := p.at(c); !frame.Inside(at.X, at.Y) {
			return
		}
	}
	s := fuse.Sample{W: n, H: n, Soft: r.grid.Judge(missedSharpening, light), Gray: r.grid.Gray, Light: light, Score: p.score}
	for i, c := range luma.Rect(0, 0, float64(n), float64(n)) {
		s.Corners[i] = p.at(c)
	}
	r.Missed.Add(s)
}
