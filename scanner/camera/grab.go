package camera

// This file implements what takes frames over from a source: in a goroutine of
// the camera's own, at the source's pace or at that of a film.

import (
	"fmt"
	"io"
	"time"
)

const paceDefault = 10 // pictures a second

// grab reads the next frame, beginning again where that is asked for.
func (c *Camera) grab(f *Frame) error {
	err := c.src.grab(&f.Frame)
	if err == io.EOF && c.opts.Loop && !c.static.Live && c.seq > 0 {
		// A file without any frame has not raised seq, so it ends instead
		// of turning in a circle.
		if err = c.src.rewind(); err == nil {
			err = c.src.grab(&f.Frame)
		}
	}
	if err == nil {
		err = c.checkSize(f)
	}
	if err != nil {
		return err
	}
	c.seq++
	f.Seq, f.At = c.seq, time.Now()
	return nil
}

// checkSize holds a live source to the size of its first frame: one that changes it was plugged in anew, or has lost its settings, and is to be opened again.
func (c *Camera) checkSize(f *Frame) error {
	if !c.static.Live {
		return nil
	}
	if c.w == 0 {
		c.w, c.h = f.Width, f.Height
	}
	if f.Width != c.w || f.Height != c.h {
		return fmt.Errorf("%w: %dx%d after %dx%d", ErrSize, f.Width, f.Height, c.w, c.h)
	}
	return nil
}

// run is the grabbing goroutine: it owns the source and frees it.
func (c *Camera) run() {
	defer close(c.ended)
	defer c.src.close()
	var clock pacer
	if !c.static.Live {
		clock = newPacer(c.static.Rate)
	}
	next := new(Frame)
	for {
		err := c.grab(next)
		if err == nil && !clock.wait(c.stop) {
			err = ErrClosed
		}
		if err != nil {
			c.publish(nil, err)
			return
		}
		next = c.publish(next, nil)
		select {
		case <-c.stop:
			return
		default:
		}
	}
}

// publish makes f the newest frame and returns memory for the one after.
func (c *Camera) publish(f *Frame, err error) *Frame {
	c.mu.Lock()
	if f != nil {
		f.At = time.Now()
		f, c.latest, c.fresh = c.latest, f, true
	}
	c.err = err
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return f
}

// pacer lets frames pass at a rate. Its zero value lets them pass at once.
type pacer struct {
	step time.Duration
	due  time.Time
}

func newPacer(rate float64) pacer {
	if rate < 0.01 || rate > 1000 {
		rate = paceDefault
	}
	return pacer{step: time.Duration(float64(time.Second) / rate)}
}

// wait returns true when the next frame is due, or false when stop is closed.
// After a delay of more than a frame it starts counting anew, since a camera
// does not catch up either.
func (p *pacer) wait(stop <-chan struct{}) bool {
	if p.step == 0 {
		return true
	}
	now := time.Now()
	if p.due.IsZero() || now.Sub(p.due) > p.step {
		p.due = now
	}
	t := time.NewTimer(p.due.Sub(now))
	defer t.Stop()
	p.due = p.due.Add(p.step)
	select {
	case <-t.C:
		return true
	case <-stop:
		return false
	}
}
