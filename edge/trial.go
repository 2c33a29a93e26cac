package edge

import (
	"context"
	"errors"
	"sync"

	"citygate/edge/kiosk"
	"citygate/scanner"
	"citygate/scanner/camera"
)

// SourceTrial is what the detail "source" of a trial's events says. The events of a gateway's own camera have no such
// detail.
const SourceTrial = "trial"

// Trial is the gateway's path from frame to answer for frames that are handed to it one by one: those of the page /try,
// which come from a laptop's own camera. Verdict, decision and the order "durable first, then shown" are the gateway's
// own. Three things differ: its events are marked (SourceTrial), nothing is opened by it, and its memory of earlier
// scans is its own, so that a trial uses up no code at the real lens.
//
// Look may be called from any goroutine; one frame is looked at at a
// time, and for another one the error is kiosk.ErrBusy.
type Trial struct {
	mu sync.Mutex // guards all below
	g  *Gateway
	n  uint64 // frames
	is seen
}

// seen is the screen of a trial: it keeps what came of the frame.
type seen struct{ answer *kiosk.Answer }

// Answer keeps the newest answer.
func (s *seen) Answer(a kiosk.Answer) { s.answer = &a }

// Nonce ignores the nonce: a trial's page shows the gateway's own.
func (s *seen) Nonce(kiosk.Nonce) {}

// State ignores the states on the way: a trial's page draws its own.
func (s *seen) State(kiosk.State) {}

// NewTrial prepares a trial with a gateway's options and a tracker of its own. Cameras, Screen, Gate, Health and Metrics
// of the options are not used.
func NewTrial(o Options, tr Tracker) *Trial {
	t := new(Trial)
	o.Cameras, o.Gate, o.Health, o.Metrics, o.Screen, o.source = []Camera{{Tracker: tr}}, nil, nil, nil, &t.is, SourceTrial
	t.g = New(o)
	return t
}

// Look reads one frame. The answer is nil while there is nothing new in it; the outline is that of a code in it.
func (t *Trial) Look(ctx context.Context, f scanner.Frame) (*kiosk.Answer, *[4][2]float64, error) {
	if !t.mu.TryLock() {
		return nil, nil, kiosk.ErrBusy
	}
	defer t.mu.Unlock()
	if !f.Valid() {
		return nil, nil, errors.New("the frame's size does not fit its bytes")
	}
	t.n++
	l, now := t.g.lenses[0], t.g.o.Now()
	t.is, l.inSight = seen{}, nil
	t.g.names.roll(now)
	if err := l.look(ctx, camera.Frame{Frame: f, Seq: t.n, At: now}); err != nil {
		return nil, nil, err
	}
	if t.g.storage {
		return nil, nil, errors.New("the event cannot be stored")
	}
	return t.is.answer, l.inSight, nil
}
