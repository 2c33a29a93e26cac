package uplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Paho is the [Transport] over github.com/eclipse/paho.mqtt.golang, MQTT 3.1.1.
//
// Its settings are those with which the library tells the truth. With AutoReconnect, a QoS 1 token completes without
// an error after a dropped link although the broker never answered; so there is one client for each connection, no
// reconnecting and no retrying inside, and a clean session. Handlers run in goroutines of their own (OrderMatters is
// false), because one that waits would hold up the keep-alive. Every wait has a limit.
type Paho struct{}

// Connect implements [Transport].
func (Paho) Connect(ctx context.Context, d Dial) (Session, error) {
	s := &pahoSession{lost: make(chan struct{}), timeout: d.Timeout}
	opts := mqtt.NewClientOptions().
		AddBroker(d.Broker).
		SetClientID(d.ClientID).
		SetProtocolVersion(4). // else it tries MQTT 3.1 after a refusal
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetOrderMatters(false).
		SetKeepAlive(d.KeepAlive).
		SetPingTimeout(d.Timeout).
		SetConnectTimeout(d.Timeout).
		SetWriteTimeout(d.Timeout).
		SetBinaryWill(d.Will.Topic, d.Will.Payload, d.Will.QoS, d.Will.Retained).
		SetConnectionLostHandler(func(mqtt.Client, error) { s.drop() }).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { s.receive(d.Receive, m) }).
		SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
			conn, err := dial(ctx, u, d)
			if err == nil {
				s.mu.Lock()
				s.conn = conn
				s.mu.Unlock()
			}
			return conn, err
		})
	s.client = mqtt.NewClient(opts)
	token := s.client.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
		s.abort()
		return nil, ctx.Err()
	case <-time.After(2 * d.Timeout):
		s.abort()
		return nil, errors.New("broker did not answer in time")
	}
	if err := token.Error(); err != nil {
		return nil, err
	}
	return s, nil
}

// pahoSession is one client, used for one connection.
type pahoSession struct {
	client  mqtt.Client
	timeout time.Duration
	lost    chan struct{}
	once    sync.Once

	mu       sync.Mutex // guards the fields below
	conn     net.Conn
	closed   bool
	handlers sync.WaitGroup // handlers that run; Add only while not closed
}

func (s *pahoSession) drop() { s.once.Do(func() { close(s.lost) }) }

// receive calls the handler unless the session is closed.
func (s *pahoSession) receive(handle func(string, []byte), m mqtt.Message) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.handlers.Add(1)
	s.mu.Unlock()
	defer s.handlers.Done()
	handle(m.Topic(), m.Payload())
}

// Publish implements [Session].
func (s *pahoSession) Publish(m Message) error {
	token := s.client.Publish(m.Topic, m.QoS, m.Retained, m.Payload)
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			return fmt.Errorf("publish on %s: %w", m.Topic, err)
		}
	default:
	}
	return nil
}

// Subscribe implements [Session].
func (s *pahoSession) Subscribe(ctx context.Context, topics []string) ([]string, error) {
	filters := make(map[string]byte, len(topics))
	for _, t := range topics {
		filters[t] = 1
	}
	token, ok := s.client.SubscribeMultiple(filters, nil).(*mqtt.SubscribeToken)
	if !ok {
		return nil, errors.New("subscribe: unexpected token")
	}
	limit := time.NewTimer(s.timeout)
	defer limit.Stop()
	select {
	case <-token.Done():
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-limit.C:
		return nil, errors.New("subscribe: broker did not answer in time")
	}
	// MQTT 3.1.1 section 3.9.3 knows 0x80 alone for a refusal. Mochi says 0x91, of MQTT 5, when a message of its own that
	// is not acknowledged yet has the number of our packet, and has subscribed nothing.
	const granted = 2
	var refused []string
	for t, code := range token.Result() {
		if code > granted {
			refused = append(refused, t)
		}
	}
	if err := token.Error(); err != nil && len(refused) == 0 {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return refused, nil
}

// Unsubscribe implements [Session].
func (s *pahoSession) Unsubscribe(topics []string) error {
	token := s.client.Unsubscribe(topics...)
	select {
	case <-token.Done():
		return token.Error()
	default:
		return nil
	}
}

// Lost implements [Session].
func (s *pahoSession) Lost() <-chan struct{} { return s.lost }

// Close implements [Session].
func (s *pahoSession) Close() {
	s.client.Disconnect(1000)
	s.abort()
}

// abort closes the connection under the client, in whatever state it is, and waits for running handlers.
func (s *pahoSession) abort() {
	s.mu.Lock()
	s.closed = true
	if s.conn != nil {
		s.conn.Close() // closed already, unless the client hangs
	}
	s.mu.Unlock()
	s.handlers.Wait()
}
