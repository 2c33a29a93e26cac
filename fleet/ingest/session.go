package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"citygate/sync/wire"
)

// This file holds the one MQTT session: connect, subscribe, wait for its end,
// connect again with full jitter. paho's own reconnect stays off, because with
// it a publish is reported as done although the broker never confirmed it.

func (in *Ingest) connectLoop(ctx context.Context) error {
	backoff := minBackoff
	for i := 0; ctx.Err() == nil; i++ {
		broker := in.cfg.Brokers[i%len(in.cfg.Brokers)]
		began := time.Now()
		err := in.session(ctx, broker)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > steadyAfter {
			backoff = minBackoff
		}
		pause := rand.N(backoff) + time.Millisecond
		in.cfg.Logger.Warn("no connection to the broker", "broker", broker, "error", err, "again_in", pause)
		backoff = min(2*backoff, maxBackoff)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}

// session lasts from one connect to the loss of that connection.
func (in *Ingest) session(ctx context.Context, broker string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn := uint64(time.Now().UnixMicro())
	lost := make(chan error, 1)
	opts, err := in.options(ctx, broker, conn, lost)
	if err != nil {
		return err
	}
	c := mqtt.NewClient(opts)
	defer c.Disconnect(100)
	if err := wait(ctx, c.Connect(), connectTimeout); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := in.subscribe(ctx, c); err != nil {
		return err
	}
	in.mu.Lock()
	in.client, in.conn, in.since = c, conn, time.Now()
	state := wire.StateOn
	if in.broken > 0 {
		state = wire.StateOff
	}
	in.mu.Unlock()
	defer func() {
		in.mu.Lock()
		in.client, in.since = nil, time.Now()
		in.mu.Unlock()
	}()
	if err := in.announce(ctx, c, conn, state); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	in.cfg.Logger.Info("connected to the broker", "broker", broker)
	in.cfg.OnConnect()
	in.again(ctx)
	select {
	case err := <-lost:
		return err
	case <-ctx.Done():
		// A clean disconnect discards the will, so the goodbye is said here.
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return in.announce(bye, c, conn, wire.StateOff)
	}
}

func (in *Ingest) options(ctx context.Context, broker string, conn uint64, lost chan<- error) (*mqtt.ClientOptions, error) {
	will, err := wire.Ingest{State: wire.StateOff, Conn: conn}.Encode()
	if err != nil {
		return nil, err
	}
	return mqtt.NewClientOptions().
		AddBroker(broker).
		SetClientID(in.cfg.ClientID).
		SetTLSConfig(in.cfg.TLS).
		SetProtocolVersion(4).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetCleanSession(true).
		SetOrderMatters(false).
		SetKeepAlive(keepAlive).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(writeTimeout).
		SetBinaryWill(wire.TopicIngest(), will, 1, true).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { in.receive(ctx, m.Topic(), m.Payload()) }).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err }), nil
}

func (in *Ingest) subscribe(ctx context.Context, c mqtt.Client) error {
	filters := map[string]byte{wire.Filter(wire.KindState, ""): 1}
	up := wire.TopicEvents("+")
	up = up[:len(up)-len("ev")] + "#"
	if in.cfg.Share != "" {
		up = "$share/" + in.cfg.Share + "/" + up
	}
	filters[up] = 1
	t := c.SubscribeMultiple(filters, nil)
	if err := wait(ctx, t, connectTimeout); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for filter, code := range t.(*mqtt.SubscribeToken).Result() {
		if code > 2 {
			return fmt.Errorf("subscribe %s: the broker refused", filter)
		}
	}
	return nil
}

func (in *Ingest) announce(ctx context.Context, c mqtt.Client, conn uint64, state string) error {
	payload, err := wire.Ingest{State: state, Conn: conn, At: time.Now().UnixMicro()}.Encode()
	if err != nil {
		return err
	}
	return publish(ctx, c, wire.TopicIngest(), true, payload)
}

func publish(ctx context.Context, c mqtt.Client, topic string, retained bool, payload []byte) error {
	if err := wait(ctx, c.Publish(topic, 1, retained, payload), writeTimeout); err != nil {
		return fmt.Errorf("publish %s: %w", topic, err)
	}
	return nil
}

// wait bounds every wait on a token: some never complete.
func wait(ctx context.Context, t mqtt.Token, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-timer.C:
		return errors.New("no answer from the broker")
	case <-ctx.Done():
		return ctx.Err()
	}
}
