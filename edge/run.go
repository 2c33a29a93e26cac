package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/scanner/camera"
	"citygate/sync/wire"
)

// This file implements the life of the pipeline: opening the camera, reading it, opening it again.

// typeStop is the type of the last event of an orderly end. The outbox itself writes the start.
const typeStop = "stop"

// Run works until ctx ends, records the end and returns nil. Nothing that cameras, codes or disks do ends it.
func (g *Gateway) Run(ctx context.Context) error {
	pause := backoffMin
	for ctx.Err() == nil {
		began := g.o.Now()
		err := g.session(ctx)
		if ctx.Err() != nil {
			break
		}
		g.cameraFailed(err)
		if errors.Is(err, io.EOF) {
			g.rest(ctx, 0)
			break
		}
		if g.o.Now().Sub(began) >= steadyAfter {
			pause = backoffMin
		}
		g.rest(ctx, pause)
		pause = min(2*pause, backoffMax)
	}
	g.names.forget()
	end := context.WithoutCancel(ctx)
	if _, _, err := g.store(end, wire.Event{Type: typeStop, Prio: wire.PrioState}); err != nil {
		return fmt.Errorf("record the end: %w", err)
	}
	return nil
}

// session opens the camera and looks at its frames until it fails, which it always does in the end.
func (g *Gateway) session(ctx context.Context) error {
	frames, err := supervise(ctx, g, openTimeout, g.o.Open, func(f Frames) { _ = f.Close() })
	if err != nil {
		return fmt.Errorf("open camera: %w", err)
	}
	defer func() {
		if err := frames.Close(); err != nil {
			g.log.Warn("camera does not close", "error", err)
		}
	}()
	clear(g.held)
	g.o.Tracker.Forget()
	g.watch = nil
	if l, ok := frames.(interface{ Live() bool }); ok && l.Live() {
		g.watch = new(camera.Watch)
	}
	last, limit := g.o.Now(), firstFrame
	for {
		next, cancel := context.WithTimeout(ctx, tickEvery)
		f, err := frames.Next(next)
		cancel()
		g.alive()
		now := g.o.Now()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			if limit == firstFrame {
				g.cameraWorks()
			}
			last, limit = now, stallAfter
			if g.outOfService() {
				break
			}
			if err := g.look(ctx, f); err != nil {
				return err
			}
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		case now.Sub(last) >= limit:
			return fmt.Errorf("%w: %s", camera.ErrStalled, now.Sub(last).Round(time.Millisecond))
		}
		g.tick(ctx)
	}
}

// outOfService says whether operations took the gateway out of service, and shows it. What is held meanwhile counts as
// new afterwards.
func (g *Gateway) outOfService() bool {
	if closed := g.o.Closed(); closed != g.closed {
		g.closed = closed
		clear(g.held)
		g.show(kiosk.State{State: kiosk.StateIdle})
	}
	return g.closed
}

// rest waits for d, or for ctx when d is 0, and goes on with everything but frames.
func (g *Gateway) rest(ctx context.Context, d time.Duration) {
	var over <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		g.alive()
		g.outOfService()
		g.tick(ctx)
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-tick.C:
		}
	}
}

// cameraConditions are those of which at most one stands.
func cameraConditions() []string {
	return []string{
		health.CameraMissing, health.CameraStalled, health.CameraGarbage, health.CameraEnded,
		health.CameraDark, health.CameraBright, health.CameraCovered,
	}
}

// faultCondition names what a camera that still gives frames suffers from, "" for nothing.
func faultCondition(f camera.Fault) string {
	switch f {
	case camera.FaultBlack:
		return health.CameraDark
	case camera.FaultOverexposed:
		return health.CameraBright
	case camera.FaultCovered:
		return health.CameraCovered
	}
	return ""
}

// inspect keeps the condition of a live camera that gives frames. A frame with a code in it is a good one, whatever it
// looks like. A picture that stands still is an error: the camera has to be opened again.
func (g *Gateway) inspect(f camera.Frame, codes int) error {
	if g.watch == nil {
		return nil
	}
	fault := g.watch.Observe(f)
	if fault == camera.FaultFrozen {
		return fmt.Errorf("%w: the same picture again and again", camera.ErrStalled)
	}
	code := faultCondition(fault)
	if codes > 0 {
		code = ""
	}
	if code != g.camera {
		g.log.Warn("camera", "condition", code)
		g.setCamera(code, "")
	}
	return nil
}

// cameraFailed names what happened to the camera.
func (g *Gateway) cameraFailed(err error) {
	code := health.CameraMissing
	switch {
	case errors.Is(err, io.EOF):
		code = health.CameraEnded
	case errors.Is(err, camera.ErrStalled), errors.Is(err, context.DeadlineExceeded):
		code = health.CameraStalled
	case errors.Is(err, camera.ErrBroken), errors.Is(err, camera.ErrTooLarge), errors.Is(err, camera.ErrUnsupported):
		code = health.CameraGarbage
	}
	if g.camera != code {
		g.log.Warn("camera", "condition", code, "error", err)
	}
	g.o.Metrics.cameraFailures.WithLabelValues(code).Inc()
	g.setCamera(code, err.Error())
}

func (g *Gateway) cameraWorks() {
	if g.camera != "" {
		g.log.Info("camera works again", "condition", g.camera)
	}
	g.setCamera("", "")
}

func (g *Gateway) setCamera(code, detail string) {
	g.camera = code
	g.tickedAt = time.Time{} // however short it was, it leaves its events
	now := g.o.Now()
	for _, c := range cameraConditions() {
		g.o.Health.Set(c, c == code, detail, now)
	}
	g.show(kiosk.State{State: kiosk.StateIdle})
}

// show tells the screen a state, once. What keeps the gateway from serving goes before the given state.
func (g *Gateway) show(st kiosk.State) {
	switch {
	case g.closed:
		st = kiosk.State{State: kiosk.StateOutOfService, Reason: health.TakenOut}
	case g.storage:
		st = kiosk.State{State: kiosk.StateOutOfService, Reason: health.Storage}
	case g.camera != "" && g.camera != health.CameraEnded:
		st = kiosk.State{State: kiosk.StateOutOfService, Reason: g.camera}
	}
	if st == g.shown {
		return
	}
	g.shown = st
	g.o.Screen.State(st)
}
