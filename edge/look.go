package edge

import (
	"context"
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
func (g *Gateway) look(ctx context.Context, f camera.Frame) error {
	begin := g.o.Now()
	codes := g.o.Tracker.Scan(f.Frame, f.At)
	scanned := g.o.Now().Sub(begin)
	g.o.Metrics.frame(scanned)
	g.frames.Add(1)
	if err := g.inspect(f, len(codes)); err != nil {
		return err
	}
	maps.DeleteFunc(g.held, func(stay uint64, _ scan) bool { return !g.o.Tracker.Held(stay) })
	g.aim(f, len(codes), begin)
	var fresh []sighting
	for i := range codes {
		s := g.verify(&codes[i], f, scanned)
		g.inSight = s.outline
		if h, ok := g.holds(s.key); ok {
			if g.held[s.stay] != h && h.accepted {
				g.decide.Spend(s.verdict, begin) // a holder's screen has written its code anew
			}
			g.held[s.stay] = h
		} else if !slices.ContainsFunc(fresh, func(o sighting) bool { return o.key == s.key }) {
			fresh = append(fresh, s)
		}
	}
	// Of several new codes the last one stays on the screen: a poster's web link gives way to a city code.
	slices.SortStableFunc(fresh, func(a, b sighting) int { return rank(a) - rank(b) })
	for _, s := range fresh {
		g.answer(ctx, s)
	}
	return nil
}

func rank(s sighting) int {
	if s.verdict.Reason == trust.Foreign {
		return 0
	}
	return 1
}

// verify gives the verdict on one symbol, by the newest view.
func (g *Gateway) verify(s *scanner.Sighting, f camera.Frame, scanned time.Duration) sighting {
	begin := g.o.Now()
	v, nonce := g.check(s.Text, trust.Moment{Now: begin, Synced: g.o.Synced(), Started: g.started, Place: g.o.Place})
	verified := g.o.Now().Sub(begin)
	g.o.Metrics.verify.Observe(verified.Seconds())
	return sighting{
		stay: s.ID, key: scanKey{v.Log, v.Index, v.Reason, v.BodyHash},
		verdict: v, nonce: nonce, format: s.Format.String(), outline: outline(s.Corners, f.Frame),
		scanned: scanned, verified: verified, frameAt: f.At,
	}
}

// aim shows the outline of what looks like a code and cannot be read yet, so that people see where they hold it. It
// stays for a moment without: a hand that shakes must not make the screen flicker.
func (g *Gateway) aim(f camera.Frame, read int, now time.Time) {
	corners, located := g.o.Tracker.Located()
	switch {
	case read == 0 && located:
		g.inSight, g.aimedAt = outline(corners, f.Frame), now
		g.show(kiosk.State{State: kiosk.StateAiming, Outline: g.inSight})
	case !g.aimedAt.IsZero() && (read > 0 || now.Sub(g.aimedAt) >= aimingFor || now.Before(g.aimedAt)):
		g.aimedAt = time.Time{}
		if read == 0 {
			g.show(kiosk.State{State: kiosk.StateIdle})
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

// holds finds a scan that was answered and of which a symbol is held.
func (g *Gateway) holds(k scanKey) (scan, bool) {
	for _, h := range g.held {
		if h.key == k {
			return h, true
		}
	}
	return scan{}, false
}

// answer records one new scan and shows its answer when the event is durable. If it cannot be stored, the scan is not
// held, so the next frame tries again.
func (g *Gateway) answer(ctx context.Context, s sighting) {
	now := g.o.Now()
	if ctx.Err() != nil || now.Before(g.retryAt) {
		return
	}
	g.show(kiosk.State{State: kiosk.StateChecking, Outline: s.outline})
	reason := g.decide.Decide(s.verdict, now)
	s.test = g.testRead.Load()
	epoch, seq, err := g.store(ctx, g.scanEvent(s, reason, now))
	if err != nil {
		g.show(kiosk.State{State: kiosk.StateIdle})
		return
	}
	g.testRead.CompareAndSwap(s.test, false)
	if !s.test {
		g.decide.Remember(s.verdict, reason, now)
		g.used(s, reason, now)
	}
	g.held[s.stay] = scan{s.key, s.nonce, reason.Class() == trust.Accepted}
	g.o.Screen.Answer(g.screenAnswer(s, reason, now, epoch, seq))
	if g.opens(s, reason) {
		opens := g.o.Gate.Open(relay.Pulse{Device: g.o.Device, Epoch: epoch, Seq: seq, At: now.UTC(), Verdict: string(reason), Kind: s.verdict.Kind})
		if !opens {
			g.log.Info("gate was busy", "seq", seq)
		}
	}
	g.show(kiosk.State{State: kiosk.StateIdle})
	g.o.Metrics.answered(reason, g.o.Now().Sub(s.frameAt))
	g.log.Info("scan", "verdict", string(reason), "seq", seq, "symbology", s.format,
		"scan_us", s.scanned.Microseconds(), "verify_us", s.verified.Microseconds())
}
