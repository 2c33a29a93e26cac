package scanner

import (
	"bytes"
	"time"
)

// This file implements what a Tracker does with one frame. Where it looks is in tracker_where.go, what it skips in tracker_change.go, and what it puts
// together in tracker_fuse.go.

// Sighting is a code in a frame of a video.
type Sighting struct {
	Symbol
	ID    uint64    // of this code's stay: the same while it is held, another when it comes back; never 0
	New   bool      // it was not held before this frame: it is seen for the first time, or came back
	Since time.Time // the frame in which it was seen first since it came
}

// TrackerOptions choose what a Tracker looks for and how. The zero value is every format with the default limits.
type TrackerOptions struct {
	Options               // of the scanner
	Gone    time.Duration // a code that was not seen for so long is held no more; 0 is DefaultGone
}

// maxHeld bounds the codes that are held. A frame of more, or a film that shows others all the time, loses those that were not seen for longest.
const maxHeld = 512

// DefaultGone is how long a code may be out of sight and still be held. A hand that shakes or a glare that passes takes less.
const DefaultGone = time.Second

// Tracker reads codes in a video. It looks first where a code was and spends about a quarter of a frame elsewhere while it holds one; it skips frames that did not
// change, and puts together what several frames show of a code that none of them shows well enough. A code is New once while it is held, and again
// when it comes back.
//
// It has no clock: the times are those of the frames. A pause between frames counts as half of what makes a code gone at most, so that a code is
// never gone because nobody looked. It keeps its working memory, so it is not safe for concurrent use.
type Tracker struct {
	scanner *Scanner
	gone    time.Duration
	last    time.Time     // of the frame before
	frame   int           // how many were looked at
	watched time.Duration // how long frames have been coming
	held    []holding
	stays   uint64 // how many there were
	seen    []Sighting
	change  change
	round   round
	piles   []pile
	fused   decoders
}

// holding is a code that is held.
type holding struct {
	symbol Symbol
	id     uint64
	since  time.Time
	at     time.Duration // when it was seen last, as watched
	moved  Point         // by how much its middle moved from look to look
	fresh  bool          // not reported yet
	found  bool          // in this frame
}

// NewTracker returns a Tracker for the given options.
func NewTracker(o TrackerOptions) *Tracker {
	t := &Tracker{scanner: New(o.Options), gone: o.Gone}
	if t.gone <= 0 {
		t.gone = DefaultGone
	}
	t.scanner.keepMissed()
	return t
}

// Scan returns the codes in f, which was taken at the given time. The result is valid until the next call. A frame whose dimensions do not fit its pixels is passed over.
func (t *Tracker) Scan(f Frame, at time.Time) []Sighting {
	t.seen = t.seen[:0]
	if !f.Valid() {
		return nil
	}
	if !t.last.IsZero() {
		t.watched += min(max(at.Sub(t.last), 0), t.gone/2)
	}
	t.last = at
	same := !t.change.differs(&f)
	if same && t.round.resting() && len(t.piles) == 0 {
		t.again()
	} else {
		t.look(&f, at, same)
	}
	t.release()
	for i := range t.held {
		if h := &t.held[i]; h.found {
			t.seen = append(t.seen, Sighting{Symbol: h.symbol, ID: h.id, New: h.fresh, Since: h.since})
			h.fresh = false
		}
	}
	return t.seen
}

// Held reports whether the code of a stay is held still, in sight or out of it for less than Gone.
func (t *Tracker) Held(id uint64) bool {
	for i := range t.held {
		if t.held[i].id == id {
			return true
		}
	}
	return false
}

// Forget takes every code as gone. It is for a camera that was opened anew.
func (t *Tracker) Forget() {
	clear(t.held)
	t.held, t.piles, t.seen = t.held[:0], t.piles[:0], t.seen[:0]
	t.last, t.change.kept, t.round.left = time.Time{}, false, 0
}

// again takes it that what was found in the frame before is still there.
func (t *Tracker) again() {
	for i := range t.held {
		if h := &t.held[i]; h.found {
			h.at, h.moved = t.watched, Point{}
		}
	}
}

// look reads the places where codes were, and then a part of the rest, or all of it where a code is not where it was.
func (t *Tracker) look(f *Frame, at time.Time, same bool) {
	t.frame++
	all := len(t.held) == 0
	for i := range t.held {
		t.held[i].found = false
	}
	if t.tooMany(f) {
		all = true
	} else {
		for i := range t.held {
			if h := &t.held[i]; !h.found {
				t.scan(f, h.window(f), at)
				all = all || !(h.found || t.growing(h))
			}
		}
	}
	switch {
	case all:
		t.scan(f, rect{0, 0, f.Width, f.Height}, at)
		t.round.rest(f)
	default:
		t.elsewhere(f, at, same)
	}
	t.fuse(at)
	t.change.remember()
}

// scan reads one part of the frame.
func (t *Tracker) scan(f *Frame, w rect, at time.Time) {
	if w.w < 1 || w.h < 1 {
		return
	}
	found := t.scanner.Scan(w.of(f))
	for i := range found {
		t.hold(found[i].moved(Point{float64(w.x), float64(w.y)}), at)
	}
	t.collect(w)
}

// hold notes that a symbol was seen.
func (t *Tracker) hold(s Symbol, at time.Time) {
	for i := range t.held {
		h := &t.held[i]
		if h.symbol.Format != s.Format || h.symbol.Text != s.Text || !bytes.Equal(h.symbol.Bytes, s.Bytes) {
			continue
		}
		if !h.found {
			a, b := s.middle(), h.symbol.middle()
			h.moved = Point{a.X - b.X, a.Y - b.Y}
		}
		h.symbol.Corners, h.at, h.found = s.Corners, t.watched, true
		return
	}
	t.stays++
	h := holding{symbol: s, id: t.stays, since: at, at: t.watched, fresh: true, found: true}
	if len(t.held) < maxHeld {
		t.held = append(t.held, h)
	} else if i := t.longestGone(); !t.held[i].found {
		t.held[i] = h
	}
}

// longestGone is the index of the code that was not seen for longest.
func (t *Tracker) longestGone() (oldest int) {
	for i := range t.held {
		if h := &t.held[i]; !h.found && (t.held[oldest].found || h.at < t.held[oldest].at) {
			oldest = i
		}
	}
	return oldest
}

// release forgets the codes that are gone.
func (t *Tracker) release() {
	kept := t.held[:0]
	for _, h := range t.held {
		if h.found || t.watched-h.at < t.gone {
			kept = append(kept, h)
		}
	}
	clear(t.held[len(kept):])
	t.held = kept
}

// moved returns the symbol with its corners moved by d.
func (s Symbol) moved(d Point) Symbol {
	for i := range s.Corners {
		s.Corners[i].X += d.X
		s.Corners[i].Y += d.Y
	}
	return s
}

func (s *Symbol) middle() (m Point) {
	for _, c := range s.Corners {
		m.X, m.Y = m.X+c.X/4, m.Y+c.Y/4
	}
	return m
}
