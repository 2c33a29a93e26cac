package edge

import (
	"context"
	"time"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/sync/wire"
	"citygate/trust/ledger"
)

// This file implements what the pipeline does between frames: health, and the events that tell of its changes.

// trustOld is the age of ledger data from which people should look at it. What policy refuses by age is another thing.
const trustOld = 24 * time.Hour

// tick looks at everything but frames, at most every half second. It needs the turn.
func (g *Gateway) tick(ctx context.Context, l *lens) {
	now := g.o.Now()
	if now.Sub(g.tickedAt) < tickEvery && !now.Before(g.tickedAt) {
		return
	}
	g.tickedAt = now
	g.showNonce(now)
	g.names.roll(now)
	g.watchTrust(now)
	g.o.Health.Set(health.ClockUnsynced, !g.o.Synced(), "", now)
	active := g.o.Health.Active(now)
	for _, c := range health.Changes(g.standing, active) {
		g.note(c, now)
	}
	g.standing = active
	g.o.Metrics.conditions(active)
	g.flush(ctx, l)
}

func (g *Gateway) watchTrust(now time.Time) {
	heads := g.o.Views.View().Logs()
	missing := true
	var oldest time.Duration
	for _, h := range heads {
		missing = missing && h.Short == ledger.DirectoryLog
		oldest = max(oldest, now.Sub(h.Time))
	}
	g.o.Health.Set(health.TrustMissing, missing, "", now)
	g.o.Health.Set(health.TrustOld, oldest > trustOld, "", now)
}

// note queues the event of a change. When the disk is away for long, the oldest of them gives way.
func (g *Gateway) note(c health.Change, now time.Time) {
	state, prio := "cleared", wire.PrioHealth
	if c.Raised {
		state = "raised"
		g.log.Warn("health condition", "condition", c.Code, "part", c.Part, "severity", c.Severity.String(), "detail", c.Detail)
	} else {
		g.log.Info("health condition ended", "condition", c.Code, "part", c.Part)
	}
	if c.Severity >= health.Serious {
		prio = wire.PrioState
	}
	e := wire.Event{Type: wire.TypeHealth, Prio: prio, At: now.UnixMicro(), Detail: map[string]string{
		"condition": c.Code, "state": state, "severity": c.Severity.String(),
	}}
	describe(&e, "detail", c.Detail)
	describe(&e, "part", c.Part)
	if len(g.pending) >= maxPending {
		g.pending = append(g.pending[:0], g.pending[1:]...)
	}
	g.pending = append(g.pending, e)
}

// flush stores the queued events. After a failure they are what finds out that the disk is back.
func (g *Gateway) flush(ctx context.Context, l *lens) {
	for len(g.pending) > 0 && ctx.Err() == nil && !g.o.Now().Before(g.retryAt) {
		if _, _, err := g.store(ctx, l, g.pending[0]); err != nil {
			g.show(kiosk.State{State: kiosk.StateIdle})
			return
		}
		g.pending = append(g.pending[:0], g.pending[1:]...)
		if g.shown.Reason == health.Storage {
			g.show(kiosk.State{State: kiosk.StateIdle})
		}
	}
}

// clip keeps a detail within what an event may hold.
func clip(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}
