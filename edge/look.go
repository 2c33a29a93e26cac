package edge

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"citygate/edge/kiosk"
	"citygate/edge/relay"
	"citygate/scanner"
	"citygate/scanner/camera"
	"citygate/trust"
)

// This file implements what happens to one frame: symbols, verdicts, and which of them are new scans.

// scanKey tells scans apart. The text of a code is no part of it: one record can be written in many ways.
type scanKey struct {
	log   string
	index uint64
	why   trust.Reason
	body  [32]byte
	lens  int // of what is no code of ours: nothing tells one before one camera from another one before another
}

// key is that of a verdict before this camera.
func (l *lens) key(v *trust.Verdict) scanKey {
	k := scanKey{log: v.Log, index: v.Index, why: v.Reason, body: v.BodyHash}
	if v.BodyHash == [32]byte{} {
		k.lens = l.number
	}
	return k
}

// scan is one that was answered.
type scan struct {
	key      scanKey
	nonce    string // as in sighting
	accepted bool
}

// sighting is a code in a frame and its verdict.
type sighting struct {
	stay     uint64
	key      scanKey
	verdict  trust.Verdict
	nonce    string // that it was checked with, "" where none is shown
	format   string
	outline  *[4][2]float64
	scanned  time.Duration
	verified time.Duration
	frameAt  time.Time
	test     bool // the staff mode's test read
}

// look reads one frame and answers what is new in it. An error is the camera's: it has to be opened again.
func (l *lens) look(ctx context.Context, f camera.Frame) error {
	g := l.g
	begin := g.o.Now()
	codes := l.camera.Tracker.Scan(f.Frame, f.At)
	scanned := g.o.Now().Sub(begin)
	g.o.Metrics.frame(scanned)
	g.frames.Add(1)
	if err := l.inspect(f, len(codes)); err != nil {
		return err
	}
	l.enter()
	defer l.leave()
	maps.DeleteFunc(l.held, func(stay uint64, _ scan) bool { return !l.camera.Tracker.Held(stay) })
	l.aim(f, len(codes), begin)
	seen := make([]sighting, len(codes))
	for i := range codes {
		seen[i] = l.verify(&codes[i], f, scanned)
		l.inSight = seen[i].outline
	}
	fresh := l.unanswered(seen)
	// Of several new codes the last one stays on the screen: a poster's web link gives way to a city code.
	slices.SortStableFunc(fresh, func(a, b sighting) int { return rank(a) - rank(b) })
	for _, s := range fresh {
		l.answer(ctx, s)
	}
	return nil
}

// unanswered is what is new among the codes in sight, each scan once.
func (l *lens) unanswered(seen []sighting) (fresh []sighting) {
	for _, s := range seen {
		if h, ok := l.g.holds(s.key); ok {
			if l.held[s.stay] != h && h.accepted {
				l.g.decide.Spend(s.verdict, s.frameAt) // a holder's screen has written its code anew
			}
			l.held[s.stay] = h
		} else if !slices.ContainsFunc(fresh, func(o sighting) bool { return o.key == s.key }) {
			fresh = append(fresh, s)
		}
	}
	return fresh
}

func rank(s sighting) int {
	if s.verdict.Reason == trust.Foreign {
		return 0
	}
	return 1
}

// verify gives the verdict on one symbol, by the newest view. It needs the turn.
func (l *lens) verify(s *scanner.Sighting, f camera.Frame, scanned time.Duration) sighting {
	g := l.g
	begin := g.o.Now()
	v, nonce := g.check(s.Text, trust.Moment{Now: begin, Synced: g.o.Synced(), Started: g.started, Place: g.o.Place})
	verified := g.o.Now().Sub(begin)
	g.o.Metrics.verify.Observe(verified.Seconds())
	return sighting{
		stay: s.ID, key: l.key(&v),
		verdict: v, nonce: nonce, format: s.Format.String(), outline: outline(s.Corners, f.Frame),
		scanned: scanned, verified: verified, frameAt: f.At,
	}
}

// aim shows the outline of what looks like a code and cannot be read yet, so that people see where they hold it. It
// stays for a moment without: a hand that shakes must not make the screen flicker. It needs the
// turn.
func (l *lens) aim(f camera.Frame, read int, now time.Time) {
	corners, located := l.camera.Tracker.Located()
	switch {
	case read == 0 && located:
		l.inSight, l.aimedAt = outline(corners, f.Frame), now
		l.g.show(kiosk.State{State: kiosk.StateAiming, Outline: l.inSight, Camera: l.number})
	case !l.aimedAt.IsZero() && (read > 0 || now.Sub(l.aimedAt) >= aimingFor || now.Before(l.aimedAt)):
		l.aimedAt = time.Time{}
		if read == 0 {
			l.g.show(kiosk.State{State: kiosk.StateIdle})
		}
	}
}

// outline is where a symbol with these corners is, as fractions of the frame.
func outline(corners [4]scanner.Point, f scanner.Frame) *[4][2]float64 {
	if f.Width < 1 || f.Height < 1 || corners == [4]scanner.Point{} {
		return nil
	}
	var o [4][2]float64
	for i, p := range corners {
		o[i] = [2]float64{p.X / float64(f.Width), p.Y / float64(f.Height)}
	}
	return &o
}

// scans are those that were answered and of which a symbol is held before any camera. It needs the turn.
func (g *Gateway) scans() iter.Seq[scan] {
	return func(yield func(scan) bool) {
		for _, l := range g.lenses {
			for _, h := range l.held {
				if !yield(h) {
					return
				}
			}
		}
	}
}

// holds finds the scan of a key.
func (g *Gateway) holds(k scanKey) (scan, bool) {
	for h := range g.scans() {
		if h.key == k {
			return h, true
		}
	}
	return scan{}, false
}

// answer records one new scan and shows its answer when the event is durable. If it cannot be stored, the scan is not
// held, so the next frame tries again. It needs the turn.
func (l *lens) answer(ctx context.Context, s sighting) {
	g := l.g
	now := g.o.Now()
	if ctx.Err() != nil || now.Before(g.retryAt) {
		return
	}
	g.show(kiosk.State{State: kiosk.StateChecking, Outline: s.outline, Camera: l.number})
	reason := g.decide.Decide(s.verdict, now)
	s.test = g.testRead.Load()
	epoch, seq, err := g.store(ctx, l, l.scanEvent(s, reason, now))
	if err != nil {
		g.show(kiosk.State{State: kiosk.StateIdle})
		return
	}
	g.testRead.CompareAndSwap(s.test, false)
	if !s.test {
		g.decide.Remember(s.verdict, reason, now)
	}
	l.held[s.stay] = scan{s.key, s.nonce, reason.Class() == trust.Accepted}
	g.o.Screen.Answer(l.screenAnswer(s, reason, now, epoch, seq))
	if g.opens(s, reason) {
		opens := g.o.Gate.Open(relay.Pulse{Device: g.o.Device, Camera: l.number, Epoch: epoch, Seq: seq, At: now.UTC(), Verdict: string(reason), Kind: s.verdict.Kind})
		if !opens {
			l.log.Info("gate was busy", "seq", seq)
		}
	}
	if !s.test {
		g.used(s, reason, now)
	}
	g.show(kiosk.State{State: kiosk.StateIdle})
	g.o.Metrics.answered(reason, g.o.Now().Sub(s.frameAt))
	l.log.Info("scan", "verdict", string(reason), "seq", seq, "symbology", s.format,
		"scan_us", s.scanned.Microseconds(), "verify_us", s.verified.Microseconds())
}
