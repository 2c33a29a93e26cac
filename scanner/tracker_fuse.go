package scanner

import (
	"time"

	"citygate/scanner/fuse"
	"citygate/scanner/luma"
	"citygate/scanner/microqr"
	"citygate/scanner/qr"
	"citygate/scanner/rmqr"
)

// This file implements codes that no single frame shows well enough: their modules are piled up from frame to frame, and the sums decoded.

// pile is a fuse.Pile of one format.
type pile struct {
	fuse.Pile
	format Format
	at     time.Duration // when a sample was put on it last, as watched
	frame  int           // and in which frame
	tried  int           // how many samples it held when it was decoded last
	read   bool          // its sums make a code
}

const (
	maxPiles      = 4
	maxPileFrames = 48 // after which a pile is given up
)

// decoders are those of the formats that are piled up.
type decoders struct {
	qr    *qr.Decoder
	micro *microqr.Decoder
	rect  *rmqr.Decoder
}

// keepMissed makes the readers keep what they could not decode.
func (s *Scanner) keepMissed() {
	s.missed(func(m *fuse.Missed, _ Format) { m.Keep = true })
}

// missed visits what each reader could not decode in the last look.
func (s *Scanner) missed(visit func(*fuse.Missed, Format)) {
	if s.qr != nil {
		visit(&s.qr.Missed, QR)
	}
	if s.single.micro != nil {
		visit(&s.single.micro.Missed, MicroQR)
	}
	if s.single.rect != nil {
		visit(&s.single.rect.Missed, RMQR)
	}
}

// collect puts what the last scan, of the part w of a frame, could not decode on the piles that match, or starts new ones.
func (t *Tracker) collect(w rect) {
	t.scanner.missed(func(m *fuse.Missed, format Format) {
		all := m.All()
		for i := range all {
			s := &all[i]
			for k, c := range t.scanner.corners(s.Corners) {
				s.Corners[k] = luma.Point{X: c.X + float64(w.x), Y: c.Y + float64(w.y)}
			}
			t.put(s, format)
		}
	})
}

func (t *Tracker) put(s *fuse.Sample, format Format) {
	for i := range t.piles {
		if p := &t.piles[i]; p.format == format && p.frame != t.frame && p.Matches(s) {
			p.Add(s)
			p.at, p.frame = t.watched, t.frame
			return
		}
	}
	if n := len(t.piles); n < maxPiles {
		if n < cap(t.piles) {
			t.piles = t.piles[:n+1]
		} else {
			t.piles = append(t.piles, pile{})
		}
		p := &t.piles[n]
		p.Start(s)
		p.format, p.at, p.frame, p.tried, p.read = format, t.watched, t.frame, 1, false
	}
}

// fuse decodes the piles that grew in this frame, and drops those that have become old.
func (t *Tracker) fuse(at time.Time) {
	for i := 0; i < len(t.piles); {
		p := &t.piles[i]
		covered := t.covered(p)
		if p.Frames > p.tried && !covered {
			p.tried = p.Frames
			var s Symbol
			if s, p.read = t.fused.decode(p); p.read {
				t.hold(s, at)
			}
		}
		if (!p.read && (covered || p.Frames >= maxPileFrames)) || t.watched-p.at >= t.gone/2 {
			last := len(t.piles) - 1
			t.piles[i], t.piles[last] = t.piles[last], t.piles[i]
			t.piles = t.piles[:last]
			continue
		}
		i++
	}
}

// growing reports whether a pile where a code is held has got a sample from this frame: it is there, and not read yet.
func (t *Tracker) growing(h *holding) bool {
	for i := range t.piles {
		if p := &t.piles[i]; p.frame == t.frame && within(&h.symbol.Corners, Point(p.Corners.Center())) {
			return true
		}
	}
	return false
}

// covered reports whether a code that was read in this frame lies where the pile has one.
func (t *Tracker) covered(p *pile) bool {
	c := p.Corners.Center()
	for i := range t.held {
		if h := &t.held[i]; h.found && within(&h.symbol.Corners, Point(c)) {
			return true
		}
	}
	return false
}

// decode reads the sums of a pile.
func (d *decoders) decode(p *pile) (Symbol, bool) {
	s := Symbol{Format: p.format}
	for i, c := range p.Corners {
		s.Corners[i] = Point(c)
	}
	ok := false
	for _, erasures := range [...]bool{false, true} {
		switch p.format {
		case QR:
			if d.qr == nil {
				d.qr = qr.NewDecoder()
			}
			d.qr.Erasures = erasures
			var sym qr.Symbol
			if sym, ok = d.qr.Decode(&qr.Modules{Side: p.W, V: p.Soft()}); ok {
				s.Text, s.Bytes = sym.Text, sym.Bytes
			}
		case MicroQR:
			if d.micro == nil {
				d.micro = microqr.NewDecoder()
			}
			var sym microqr.Symbol
			if sym, ok = d.micro.Decode(&microqr.Modules{Side: p.W, V: p.Soft()}); ok {
				s.Text, s.Bytes = sym.Text, sym.Bytes
			}
		case RMQR:
			if d.rect == nil {
				d.rect = rmqr.NewDecoder()
			}
			d.rect.Erasures = erasures
			var sym rmqr.Symbol
			if sym, ok = d.rect.Decode(&rmqr.Modules{W: p.W, H: p.H, V: p.Soft()}); ok {
				s.Text, s.Bytes = sym.Text, sym.Bytes
			}
		}
		if ok {
			break
		}
	}
	return s, ok
}
