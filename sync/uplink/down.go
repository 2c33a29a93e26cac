package uplink

import (
	"context"
	"errors"
	"slices"

	"citygate/sync/outbox"
	"citygate/sync/wire"
)

// progress is what the drain learns from an acknowledgement that was taken.
type progress struct {
	epoch, seq uint64
	again      []wire.Range
}

// takeAcks verifies acknowledgements and gives them to the outbox. They are cumulative, so of many that have come
// only the last of each epoch costs a transaction.
func (s *session) takeAcks(ctx context.Context) error {
	for {
		var first []byte
		select {
		case first = <-s.acks:
		case <-ctx.Done():
			return nil
		}
		batch := map[uint64]*newest{}
		s.readAck(first, batch)
		for more := true; more; {
			select {
			case b := <-s.acks:
				s.readAck(b, batch)
			default:
				more = false
			}
		}
		for epoch, n := range batch {
			if err := s.takeAck(ctx, epoch, n); err != nil {
				return err
			}
		}
	}
}

// newest is the highest acknowledgement of one epoch among those that have come, with all ranges asked for.
type newest struct {
	ack   wire.VerifiedAck
	again []wire.Range
}

func (s *session) readAck(b []byte, batch map[uint64]*newest) {
	a, err := wire.DecodeAck(b)
	if err != nil {
		s.garbage(wire.TopicAck(s.u.box.Device()), err)
		return
	}
	v, err := a.Verify(s.u.cfg.FleetKey, s.u.box.Device())
	if err != nil {
		s.u.refused.Add(1)
		s.u.log.Warn("acknowledgement refused", "error", err)
		return
	}
	n := batch[v.Epoch()]
	if n == nil {
		n = &newest{ack: v}
		batch[v.Epoch()] = n
	}
	if v.Seq() > n.ack.Seq() {
		n.ack = v
	}
	n.again = append(n.again, a.Again...)
}

func (s *session) takeAck(ctx context.Context, epoch uint64, n *newest) error {
	err := s.u.box.Acknowledge(ctx, n.ack)
	switch {
	case errors.Is(err, outbox.ErrAck):
		s.u.refused.Add(1)
		s.u.log.Warn("acknowledgement refused", "error", err)
		return nil
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	s.u.acks.Add(1)
	select {
	case s.progress <- progress{epoch: epoch, seq: n.ack.Seq(), again: n.again}:
	case <-ctx.Done():
	}
	return nil
}

// dispatch hands what comes down to the sinks.
func (s *session) dispatch(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case in := <-s.inbox:
			t, err := wire.ParseTopic(in.topic)
			if err == nil {
				err = s.deliver(t, in.payload)
			}
			if err != nil {
				s.garbage(in.topic, err)
			}
		}
	}
}

// garbage counts and logs a message that is not what its topic should carry.
func (s *session) garbage(topic string, err error) {
	s.u.garbage.Add(1)
	s.u.log.Warn("message refused", "topic", topic, "error", err)
}

var (
	errNotAsked = errors.New("not asked for")
	errTarget   = errors.New("meant for another device")
)

func (s *session) deliver(t wire.Topic, payload []byte) error {
	if len(payload) == 0 {
		return nil // a retained message was cleared
	}
	switch t.Kind {
	case wire.KindTrust:
		s.deliverTrust(t, payload)
		return nil
	case wire.KindDesired:
		return s.deliverDesired("d/"+t.Device, payload)
	case wire.KindRing:
		return s.deliverDesired("g/"+t.Ring, payload)
	case wire.KindCommand:
		return s.deliverCommand(t, payload)
	}
	return errNotAsked
}

// deliverTrust hands trust data over. A file that nobody waits for any more is dropped: a subscription may bring it
// again before it has ended.
func (s *session) deliverTrust(t wire.Topic, payload []byte) {
	sink := s.u.sinks.Trust
	if sink == nil {
		return
	}
	if t.Resource == "checkpoint" && s.u.wants.follows(t.Log) {
		sink.Checkpoint(t.Log, payload)
	}
	f := file{t.Log, t.Resource}
	if s.u.wants.has(f) && sink.Deliver(t.Log, t.Resource, payload) {
		s.u.wants.end(f)
		s.u.notify() // its subscription can end
	}
}

func (s *session) deliverDesired(target string, payload []byte) error {
	d, err := wire.DecodeDesired(payload)
	if err != nil {
		return err
	}
	if err := d.Verify(s.u.cfg.OpsKey); err != nil {
		return err
	}
	mine := target == "d/"+s.u.box.Device() || target[:2] == "g/" && slices.Contains(s.u.cfg.Rings, target[2:])
	if d.Target != target || !mine {
		return errTarget
	}
	if s.u.sinks.Control != nil {
		s.u.sinks.Control.Desired(d)
	}
	return nil
}

func (s *session) deliverCommand(t wire.Topic, payload []byte) error {
	c, err := wire.DecodeCommand(payload)
	if err != nil {
		return err
	}
	if err := c.Verify(s.u.cfg.OpsKey); err != nil {
		return err
	}
	if c.Device != s.u.box.Device() || t.Device != c.Device || t.Command != c.ID {
		return errTarget
	}
	if s.u.sinks.Control != nil {
		s.u.sinks.Control.Command(c)
	}
	return nil
}
