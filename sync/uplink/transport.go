package uplink

import (
	"context"
	"crypto/tls"
	"time"
)

// Transport makes MQTT connections. It exists so that another client library can replace the one in this package;
// everything above it knows only topics and payloads.
type Transport interface {
	// Connect opens one clean session with the broker and returns when the broker has accepted it. Each connection
	// is used once. Connect must end soon after ctx does.
	Connect(ctx context.Context, d Dial) (Session, error)
}

// Dial says how to connect.
type Dial struct {
	Broker    string // "tls://host:8883" or "tcp://host:1883"
	ClientID  string
	TLS       *tls.Config // for tls:// only
	Will      Message     // what the broker says when the connection is lost
	KeepAlive time.Duration
	Timeout   time.Duration // for connecting, and for each write
	Limit     int           // bytes of the largest packet that is accepted; a larger one ends the connection

	// Receive is called for each message that comes in, possibly from several goroutines at once. It does not block
	// and must not be called any more when Session.Close has returned.
	Receive func(topic string, payload []byte)
}

// Session is one connection. Its methods may be called from several goroutines.
type Session interface {
	// Publish hands a message over for sending and returns. A nil error says nothing about the broker: that a
	// message has arrived is known only from an answer of the fleet.
	Publish(m Message) error
	// Subscribe asks for topics at QoS 1 and returns when the broker has answered. Topics that the broker refused
	// are returned.
	Subscribe(ctx context.Context, topics []string) (refused []string, err error)
	// Unsubscribe ends subscriptions. It does not wait for the broker.
	Unsubscribe(topics []string) error
	// Lost is closed when the connection has ended, except by Close.
	Lost() <-chan struct{}
	// Close ends the connection in good order, so that the broker does not publish the will, waiting at most a
	// second for what was handed over, and returns when nothing of it runs any more.
	Close()
}

// Message is one MQTT message.
type Message struct {
	Topic    string
	Payload  []byte
	QoS      byte
	Retained bool
}
