package uplink

import (
	"context"
	"time"

	"citygate/sync/outbox"
	"citygate/sync/wire"
)

const (
	resendMax  = 5 * time.Minute // the longest wait for an acknowledgement before sending again
	rewindRest = time.Second / 4 // the shortest time between two resends that the fleet asks for
)

// drain sends what the outbox holds and keeps the window.
type drain struct {
	s      *session
	cursor outbox.Cursor
	flight []flight      // batches sent and not acknowledged, oldest first
	wait   time.Duration // how long to wait for an acknowledgement now
	timer  *time.Timer   // runs while something is in flight and ingest is there

	on      bool        // ingest is there
	ingest  wire.Ingest // the last word on it
	rewound time.Time   // when the fleet last made us send again
}

// flight is one batch in flight: its epoch and last number.
type flight struct{ epoch, last uint64 }

func newDrain(s *session) *drain { return &drain{s: s, wait: s.u.cfg.AckTimeout} }

// run drains until ctx ends. It begins at what is acknowledged, whatever earlier connections have sent.
func (d *drain) run(ctx context.Context) error {
	var err error
	if d.cursor, err = d.s.u.box.Acked(ctx); err != nil {
		return ignoreEnd(ctx, err)
	}
	d.timer = time.NewTimer(d.wait)
	d.timer.Stop()
	defer d.timer.Stop()
	for {
		if d.on {
			if err := d.fill(ctx); err != nil {
				return ignoreEnd(ctx, err)
			}
		}
		d.s.u.setStatus(func(s *Status) { s.Ingest, s.InFlight = d.on, len(d.flight) })
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-d.s.u.box.Changed():
		case p := <-d.s.progress:
			err = d.advance(ctx, p)
		case b := <-d.s.ingest:
			err = d.hold(ctx, b)
		case <-d.timer.C:
			d.s.u.log.Warn("no acknowledgement came in time; sending again", "batches", len(d.flight), "wait", d.wait)
			d.wait = min(2*d.wait, resendMax)
			err = d.rewind(ctx)
		}
		if err != nil {
			return ignoreEnd(ctx, err)
		}
	}
}

// ignoreEnd drops an error that only says that ctx has ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// fill sends batches until the window is full or the outbox is empty. It pauses for acknowledgements that have come,
// so that the window moves on while it sends.
func (d *drain) fill(ctx context.Context) error {
	for len(d.flight) < d.s.u.cfg.Window {
		b, next, err := d.s.u.box.Next(ctx, d.cursor, wire.MaxItems)
		if err != nil {
			return err
		}
		if len(b.Items) == 0 {
			d.cursor = next
			return nil
		}
		b.Sign(d.s.u.cfg.Key)
		payload, err := b.Encode()
		if err != nil {
			return err
		}
		if err := d.s.link.Publish(Message{Topic: wire.TopicEvents(b.Device), Payload: payload, QoS: 1}); err != nil {
			return err
		}
		d.s.u.batches.Add(1)
		d.cursor = next
		d.flight = append(d.flight, flight{b.Epoch, b.Last()})
		if len(d.flight) == 1 {
			d.timer.Reset(d.wait)
		}
	}
	return nil
}

// advance takes the acknowledged batches out of the window, and goes back where the fleet asks for ranges again.
func (d *drain) advance(ctx context.Context, p progress) error {
	n := 0
	for _, f := range d.flight {
		if f.epoch != p.epoch || f.last > p.seq {
			d.flight[n] = f
			n++
		}
	}
	if n < len(d.flight) {
		d.flight = d.flight[:n]
		d.wait = d.s.u.cfg.AckTimeout
		d.timer.Stop()
		if n > 0 {
			d.timer.Reset(d.wait)
		}
	}
	if len(p.again) == 0 {
		return nil
	}
	now := d.s.u.cfg.Now()
	if since := now.Sub(d.rewound); since >= 0 && since < rewindRest {
		d.timer.Reset(min(d.wait, rewindRest-since)) // not at once, but soon
		return nil
	}
	back := d.cursor
	for _, r := range p.again {
		c, ok, err := d.s.u.box.Find(ctx, p.epoch, r.First)
		if err != nil {
			return err
		}
		if ok && c.Before(back) {
			back = c
		}
	}
	if back == d.cursor {
		return nil
	}
	d.rewound = now
	d.restart(back)
	return nil
}

// hold takes the state of ingest. An "off" with another connection number than the last "on" is the late will of a
// connection that is over; a state older than the last one was overtaken.
func (d *drain) hold(ctx context.Context, b []byte) error {
	st, err := wire.DecodeIngest(b)
	if err != nil {
		d.s.garbage(wire.TopicIngest(), err)
		return nil
	}
	late := d.on && st.State == wire.StateOff && st.Conn != d.ingest.Conn
	overtaken := st.Conn == d.ingest.Conn && st.At != 0 && st.At < d.ingest.At
	if late || overtaken {
		return nil
	}
	again := st.State == wire.StateOn && (!d.on || st.Conn != d.ingest.Conn)
	d.on, d.ingest = st.State == wire.StateOn, st
	if !d.on {
		d.timer.Stop()
	}
	if again {
		return d.rewind(ctx)
	}
	return nil
}

// rewind begins again behind what is acknowledged.
func (d *drain) rewind(ctx context.Context) error {
	c, err := d.s.u.box.Acked(ctx)
	if err != nil {
		return err
	}
	d.restart(c)
	return nil
}

// restart forgets what is in flight and goes on from a place.
func (d *drain) restart(c outbox.Cursor) {
	if len(d.flight) > 0 {
		d.s.u.resends.Add(1)
	}
	d.cursor, d.flight = c, d.flight[:0]
	d.timer.Stop()
}
