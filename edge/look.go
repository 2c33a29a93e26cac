package edge

import (
	"context"
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

// sighting is a code that was not in sight before.
type sighting struct {
	key      scanKey
	verdict  trust.Verdict
	format   string
	outline  *[4][2]float64
	scanned  time.Duration
	verified time.Duration
	frameAt  time.Time
}

// look reads one frame and answers what is new in it. An error is the camera's: it has to be opened again.
func (g *Gateway) look(ctx context.Context, f camera.Frame) error {
	now := g.o.Now()
	if !g.frameAt.IsZero() {
		// A pause of our own, while an event was stored, must not make a code that is still held a new one.
		g.watched += min(now.Sub(g.frameAt), maxStep)
	}
	g.frameAt = now
	symbols := g.o.Scanner.Scan(f.Frame)
	scanned := g.o.Now().Sub(now)
	g.o.Metrics.frame(scanned)
	if err := g.inspect(f, len(symbols)); err != nil {
		return err
	}
	var fresh []sighting
	for i := range symbols {
		s := g.verify(&symbols[i], f, scanned)
		g.inSight = s.outline
		if _, ok := g.held[s.key]; ok {
			g.held[s.key] = g.watched
		} else if !slices.ContainsFunc(fresh, func(o sighting) bool { return o.key == s.key }) {
			fresh = append(fresh, s)
		}
	}
	g.release()
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
func (g *Gateway) verify(s *scanner.Symbol, f camera.Frame, scanned time.Duration) sighting {
	begin := g.o.Now()
	v := trust.Check(s.Text, g.o.Views.View(), g.o.Policy.Trust, trust.Moment{
		Now: begin, Synced: g.o.Synced(), Started: g.started, Place: g.o.Place,
	})
	verified := g.o.Now().Sub(begin)
	g.o.Metrics.verify.Observe(verified.Seconds())
	return sighting{
		key:     scanKey{v.Log, v.Index, v.Reason, v.BodyHash},
		verdict: v, format: s.Format.String(), outline: outline(s, f.Frame),
		scanned: scanned, verified: verified, frameAt: f.At,
	}
}

// outline is where the symbol is, as fractions of the frame.
func outline(s *scanner.Symbol, f scanner.Frame) *[4][2]float64 {
	if f.Width < 1 || f.Height < 1 || s.Corners == [4]scanner.Point{} {
		return nil
	}
	var o [4][2]float64
	for i, p := range s.Corners {
		o[i] = [2]float64{p.X / float64(f.Width), p.Y / float64(f.Height)}
	}
	return &o
}

// release forgets the codes that were taken away.
func (g *Gateway) release() {
	for k, last := range g.held {
		if g.watched-last > g.o.Gone {
			delete(g.held, k)
		}
	}
}

// hold remembers a scan that was answered.
func (g *Gateway) hold(k scanKey) {
	if len(g.held) >= maxHeld {
		var oldest scanKey
		first := true
		for k, last := range g.held {
			if first || last < g.held[oldest] {
				oldest, first = k, false
			}
		}
		delete(g.held, oldest)
	}
	g.held[k] = g.watched
}

// answer records one new scan and shows its answer when the event is durable. If it cannot be stored, the scan is not
// held, so the next frame tries again.
func (g *Gateway) answer(ctx context.Context, s sighting) {
	now := g.o.Now()
	if ctx.Err() != nil || now.Before(g.retryAt) {
		return
	}
	g.show(kiosk.State{State: kiosk.StateAiming, Outline: s.outline})
	g.show(kiosk.State{State: kiosk.StateChecking})
	reason := g.decide.Decide(s.verdict, now)
	epoch, seq, err := g.store(ctx, g.scanEvent(s, reason, now))
	if err != nil {
		g.show(kiosk.State{State: kiosk.StateIdle})
		return
	}
	g.decide.Remember(s.verdict, reason, now)
	g.hold(s.key)
	g.o.Screen.Answer(g.screenAnswer(s, reason, now, epoch, seq))
	if g.o.Gate != nil && reason.Class() == trust.Accepted {
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
