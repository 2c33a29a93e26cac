package edge

import (
	"context"
	"fmt"
	"sync"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/sync/wire"
)

// This file implements the life of the pipeline, and what its screen shows when there is no answer.

// typeStop is the type of the last event of an orderly end. The outbox itself writes the start.
const typeStop = "stop"

// Run works until ctx ends, records the end and returns nil. Nothing that cameras, codes or disks do ends it.
func (g *Gateway) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, l := range g.lenses {
		all.Go(func() { l.run(ctx) })
	}
	all.Wait()
	g.names.forget()
	end := context.WithoutCancel(ctx)
	if _, _, err := g.store(end, g.lenses[0], wire.Event{Type: typeStop, Prio: wire.PrioState}); err != nil {
		return fmt.Errorf("record the end: %w", err)
	}
	return nil
}

// serving says whether a camera works. It needs the turn.
func (g *Gateway) serving() bool {
	for _, l := range g.lenses {
		if l.fault == "" {
			return true
		}
	}
	return false
}

// outOfService says whether operations took the gateway out of service, and shows it. What is held meanwhile counts as
// new afterwards. It needs the turn.
func (g *Gateway) outOfService() bool {
	if closed := g.o.Closed(); closed != g.closed {
		g.closed = closed
		for _, l := range g.lenses {
			clear(l.held)
		}
		g.show(kiosk.State{State: kiosk.StateIdle})
	}
	return g.closed
}

// outage is what keeps the gateway from serving: operations, the disk, or the first camera's condition when none works. A
// recording that has ended is none. It needs the turn.
func (g *Gateway) outage() string {
	if g.closed {
		return health.TakenOut
	}
	if g.storage {
		return health.Storage
	}
	if g.serving() {
		return ""
	}
	for _, l := range g.lenses {
		if l.fault != health.CameraEnded {
			return l.fault
		}
	}
	return ""
}

// show tells the screen a state, once. What keeps the gateway from serving goes before the given state. It needs the turn.
func (g *Gateway) show(st kiosk.State) {
	if reason := g.outage(); reason != "" {
		st = kiosk.State{State: kiosk.StateOutOfService, Reason: reason}
	}
	if st == g.shown {
		return
	}
	g.shown = st
	g.o.Screen.State(st)
}
