package uplink

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"citygate/sync/wire"
)

// session is one connection, from its birth to its end.
type session struct {
	u    *Uplink
	conn uint64
	link Session

	// What has come in. The transport's handler only pushes; what does not fit is counted and dropped. Nothing that
	// is dropped is lost: acknowledgements are cumulative and trust files are asked for again.
	acks   chan []byte
	ingest chan []byte
	inbox  chan inbound

	progress chan progress // from the taker of acknowledgements to the drain
	refused  []string      // own topics that the broker did not subscribe at first; the keeper tries again
}

type inbound struct {
	topic   string
	payload []byte
}

var errLost = errors.New("lost")

func newSession(u *Uplink, conn uint64) *session {
	return &session{u: u, conn: conn, acks: make(chan []byte, inboxSize), ingest: make(chan []byte, inboxSize),
		inbox: make(chan inbound, inboxSize), progress: make(chan progress)}
}

// receive is the transport's handler.
func (s *session) receive(topic string, payload []byte) {
	sent := false
	switch topic {
	case wire.TopicAck(s.u.box.Device()):
		sent = push(s.acks, payload)
	case wire.TopicIngest():
		sent = push(s.ingest, payload)
	default:
		sent = push(s.inbox, inbound{topic, payload})
	}
	if !sent {
		s.u.dropped.Add(1)
	}
}

func push[T any](c chan T, v T) bool {
	select {
	case c <- v:
		return true
	default:
		return false
	}
}

// run works until the connection or ctx ends. The device's own topics are subscribed before the birth, because the
// fleet answers a birth with what the device should know.
func (s *session) run(ctx context.Context) error {
	defer s.link.Close()
	dev := s.u.box.Device()
	own := []string{wire.TopicAck(dev), wire.TopicDesired(dev), wire.TopicCommand(dev, "+"), wire.TopicIngest()}
	for _, r := range s.u.cfg.Rings {
		own = append(own, wire.TopicRing(r))
	}
	var err error
	if s.refused, err = s.subscribe(ctx, own); err != nil {
		return err
	}
	birth, err := s.u.birth(wire.StateOn, s.conn, s.u.cfg.Now().UnixMicro())
	if err == nil {
		err = s.link.Publish(birth)
	}
	if err != nil {
		return err
	}
	g, ctx2 := errgroup.WithContext(ctx)
	g.Go(func() error { return s.dispatch(ctx2) })
	g.Go(func() error { return s.takeAcks(ctx2) })
	g.Go(func() error { return newDrain(s).run(ctx2) })
	g.Go(func() error { return s.upkeep(ctx2) })
	g.Go(func() error {
		select {
		case <-s.link.Lost():
			return errLost
		case <-ctx2.Done():
			return nil
		}
	})
	err = g.Wait()
	if ctx.Err() != nil {
		return s.farewell()
	}
	return err
}

// farewell says goodbye: a connection that is closed in good order publishes no will.
func (s *session) farewell() error {
	off, err := s.u.birth(wire.StateOff, s.conn, s.u.cfg.Now().UnixMicro())
	if err != nil {
		return err
	}
	return s.link.Publish(off)
}

// subscribe subscribes topics, a packet for every 64 of them, and returns those that the broker refused. Either its
// access rules are wrong, or it refused for a reason of the moment (see [pahoSession.Subscribe]).
func (s *session) subscribe(ctx context.Context, topics []string) (refused []string, err error) {
	const atOnce = 64
	for len(topics) > 0 {
		n := min(atOnce, len(topics))
		not, err := s.link.Subscribe(ctx, topics[:n])
		if err != nil {
			return nil, err
		}
		refused = append(refused, not...)
		topics = topics[n:]
	}
	return refused, nil
}
