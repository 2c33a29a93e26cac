package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/scanner/camera"
)

// This file implements the life of one camera: opening it, reading it, what it suffers from, opening it again.

// lens is one camera of a gateway. What is not said to be guarded belongs to its own goroutine.
type lens struct {
	pulse
	g       *Gateway
	log     *slog.Logger
	number  int // from 1; 0 for the only one
	camera  Camera
	watch   *camera.Watch  // of a live camera, else nil
	inSight *[4][2]float64 // outline of a code in the last frame that had one
	aimedAt time.Time      // when a code that cannot be read yet was last located; zero when none is

	held  map[uint64]scan // guarded by the gateway's turn; by stay, the scan that was answered for it
	fault string          // guarded likewise; the camera's condition, "" when frames come
}

// name tells the cameras of a gateway apart, where it has several.
func (l *lens) name() string {
	if l.number == 0 {
		return ""
	}
	return strconv.Itoa(l.number)
}

// part is the same for people.
func (l *lens) part() string {
	if l.number == 0 {
		return ""
	}
	return "camera " + l.name()
}

func (l *lens) alive() { l.pulse.alive(l.g.o.Now()) }

// enter waits for the turn of this lens. Meanwhile the one whose turn it is shows the signs of life.
func (l *lens) enter() {
	l.rest()
	l.g.turn <- struct{}{}
	l.alive()
}

func (l *lens) leave() { <-l.g.turn }

// run works until ctx ends, or the camera's recording and ctx.
func (l *lens) run(ctx context.Context) {
	pause := backoffMin
	for ctx.Err() == nil {
		began := l.g.o.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		l.failed(err)
		if errors.Is(err, io.EOF) {
			l.wait(ctx, 0)
			return
		}
		if l.g.o.Now().Sub(began) >= steadyAfter {
			pause = backoffMin
		}
		l.wait(ctx, pause)
		pause = min(2*pause, backoffMax)
	}
}

// session opens the camera and looks at its frames until it fails, which it always does in the end.
func (l *lens) session(ctx context.Context) error {
	g := l.g
	frames, err := supervise(ctx, l.alive, openTimeout, l.camera.Open, func(f Frames) { _ = f.Close() })
	if err != nil {
		return fmt.Errorf("open camera: %w", err)
	}
	defer func() {
		if err := frames.Close(); err != nil {
			l.log.Warn("camera does not close", "error", err)
		}
	}()
	l.forget()
	l.watch = nil
	if f, ok := frames.(interface{ Live() bool }); ok && f.Live() {
		l.watch = new(camera.Watch)
	}
	last, limit := g.o.Now(), firstFrame
	for {
		next, cancel := context.WithTimeout(ctx, tickEvery)
		f, err := frames.Next(next)
		cancel()
		l.alive()
		now := g.o.Now()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			if limit == firstFrame {
				l.works()
			}
			last, limit = now, stallAfter
			if l.closed() {
				break
			}
			if err := l.look(ctx, f); err != nil {
				return err
			}
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		case now.Sub(last) >= limit:
			return fmt.Errorf("%w: %s", camera.ErrStalled, now.Sub(last).Round(time.Millisecond))
		}
		l.tick(ctx)
	}
}

// forget takes every code as gone: the camera was away.
func (l *lens) forget() {
	l.enter()
	defer l.leave()
	clear(l.held)
	l.camera.Tracker.Forget()
}

// wait waits for d, or for ctx when d is 0, and goes on with everything but frames.
func (l *lens) wait(ctx context.Context, d time.Duration) {
	var over <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		l.alive()
		l.closed()
		l.tick(ctx)
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-tick.C:
		}
	}
}

func (l *lens) tick(ctx context.Context) {
	l.enter()
	defer l.leave()
	l.g.tick(ctx, l)
}

func (l *lens) closed() bool {
	l.enter()
	defer l.leave()
	return l.g.outOfService()
}

// inspect keeps the condition of a live camera that gives frames. A frame with a code in it is a good one, whatever it
// looks like. A picture that stands still is an error: the camera has to be opened again.
func (l *lens) inspect(f camera.Frame, codes int) error {
	if l.watch == nil {
		return nil
	}
	fault := l.watch.Observe(f)
	if fault == camera.FaultFrozen {
		return fmt.Errorf("%w: the same picture again and again", camera.ErrStalled)
	}
	code := faultCondition(fault)
	if codes > 0 {
		code = ""
	}
	l.enter()
	defer l.leave()
	if code != l.fault {
		l.log.Warn("camera", "condition", code)
		l.set(code, "")
	}
	return nil
}

// failed names what happened to the camera.
func (l *lens) failed(err error) {
	code := health.CameraMissing
	switch {
	case errors.Is(err, io.EOF):
		code = health.CameraEnded
	case errors.Is(err, camera.ErrStalled), errors.Is(err, context.DeadlineExceeded):
		code = health.CameraStalled
	case errors.Is(err, camera.ErrSize):
		code = health.CameraSize
	case errors.Is(err, camera.ErrBroken), errors.Is(err, camera.ErrTooLarge), errors.Is(err, camera.ErrUnsupported):
		code = health.CameraGarbage
	}
	l.enter()
	defer l.leave()
	if l.fault != code {
		l.log.Warn("camera", "condition", code, "error", err)
	}
	l.g.o.Metrics.cameraFailures.WithLabelValues(code).Inc()
	l.set(code, err.Error())
}

func (l *lens) works() {
	l.enter()
	defer l.leave()
	if l.fault != "" {
		l.log.Info("camera works again", "condition", l.fault)
	}
	l.set("", "")
}

// set notes the camera's condition. It needs the turn.
func (l *lens) set(code, detail string) {
	g := l.g
	l.fault = code
	g.tickedAt = time.Time{} // however short it was, it leaves its events
	now := g.o.Now()
	for _, c := range cameraConditions() {
		g.o.Health.SetPart(c, l.part(), c == code, detail, now)
	}
	g.o.Health.Spare(cameraConditions(), g.serving())
	g.show(kiosk.State{State: kiosk.StateIdle})
}

// cameraConditions are those of which at most one stands for each camera.
func cameraConditions() []string {
	return []string{
		health.CameraMissing, health.CameraStalled, health.CameraGarbage, health.CameraSize, health.CameraEnded,
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
