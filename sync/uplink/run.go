package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"citygate/sync/wire"
)

// The reconnect loop waits a random time between 0 and a limit that doubles with each failure (full jitter), so that
// thousands of gateways that lost one broker do not come back at one moment.
const (
	backoffFirst = time.Second
	backoffMax   = 5 * time.Minute
	stableAfter  = time.Minute // a connection that lasted this long begins the waits anew
)

// Run keeps the session up until ctx ends, and returns nil then. It may be called once.
func (u *Uplink) Run(ctx context.Context) error {
	if u.running.Swap(true) {
		return errors.New("uplink: Run may be called once")
	}
	limit := backoffFirst
	for ctx.Err() == nil {
		lasted, err := u.tryAll(ctx)
		if ctx.Err() != nil {
			break
		}
		if lasted >= stableAfter {
			limit = backoffFirst
		}
		wait := rand.N(limit)
		u.log.Info("not connected", "error", err, "wait", wait)
		u.setStatus(func(s *Status) { s.LastError = err.Error() })
		limit = min(2*limit, backoffMax)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return nil
}

// tryAll tries the brokers in order until one connects, and stays with it until the connection ends. It returns how
// long the connection lasted and why it ended, or why none could be made.
func (u *Uplink) tryAll(ctx context.Context) (time.Duration, error) {
	var errs []error
	for _, broker := range u.cfg.Brokers {
		s, err := u.connect(ctx, broker)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("connect to %s: %w", broker, err))
			continue
		}
		begin := u.cfg.Now()
		err = s.run(ctx)
		now := u.cfg.Now()
		u.setStatus(func(s *Status) { s.Connected, s.Ingest, s.InFlight, s.Since = false, false, 0, now })
		return now.Sub(begin), fmt.Errorf("connection to %s: %w", broker, err)
	}
	return 0, errors.Join(errs...)
}

// connect makes one connection and gives it a number. Numbers rise with the clock, and also when the clock does not.
func (u *Uplink) connect(ctx context.Context, broker string) (*session, error) {
	tlsConfig, certEnd, err := clientTLS(&u.cfg)
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	conn := max(u.status.Conn+1, uint64(max(u.cfg.Now().UnixMicro(), 0)))
	u.status.Conn, u.status.CertEnd = conn, certEnd
	u.mu.Unlock()
	will, err := u.birth(wire.StateOff, conn, 0)
	if err != nil {
		return nil, err
	}
	s := newSession(u, conn)
	s.link, err = u.cfg.Transport.Connect(ctx, Dial{
		Broker: broker, ClientID: u.box.Device(), TLS: tlsConfig, Will: will,
		KeepAlive: u.cfg.KeepAlive, Timeout: u.cfg.Timeout, Limit: packetLimit, Receive: s.receive,
	})
	if err != nil {
		return nil, err
	}
	u.connects.Add(1)
	now := u.cfg.Now()
	u.setStatus(func(s *Status) { s.Connected, s.Broker, s.Since, s.LastError = true, broker, now, "" })
	u.log.Info("connected", "broker", broker, "conn", conn)
	return s, nil
}

// birth makes a birth or will message.
func (u *Uplink) birth(state string, conn uint64, at int64) (Message, error) {
	b := wire.Birth{State: state, Conn: conn, Epoch: u.box.Epoch(), At: at}
	if state == wire.StateOn {
		b.Software = u.cfg.Software
	}
	payload, err := b.Encode()
	return Message{Topic: wire.TopicState(u.box.Device()), Payload: payload, QoS: 1, Retained: true}, err
}
