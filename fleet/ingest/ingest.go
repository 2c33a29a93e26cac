package ingest

import (
	"context"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sync/errgroup"

	"citygate/sync/wire"
)

// ErrNotConnected is returned by Retain while there is no connection. What was
// to be retained has to be retained again after the next OnConnect.
var ErrNotConnected = errors.New("ingest is not connected")

// message is one MQTT message on its way to a worker.
type message struct {
	topic   wire.Topic
	payload []byte
}

// Ingest is one connection to the broker and its workers.
type Ingest struct {
	cfg     Config
	store   Store
	queues  []chan message
	counted counters
	births  chan string // devices that were born, for control

	mu     sync.Mutex // guards all below
	client mqtt.Client
	conn   uint64
	since  time.Time
	broken int // workers whose store fails now
}

// New checks the configuration. It starts nothing.
func New(cfg Config, s Store) (*Ingest, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	in := &Ingest{cfg: cfg, store: s, queues: make([]chan message, cfg.Workers), births: make(chan string, birthsQueued)}
	for i := range in.queues {
		in.queues[i] = make(chan message, cfg.Queue)
	}
	return in, nil
}

// Run connects, works and reconnects until ctx ends. What workers hold then is
// dropped without an acknowledgement, so it will come again.
func (in *Ingest) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range in.queues {
		w := newWorker(in, in.queues[i])
		g.Go(func() error { return w.run(ctx) })
	}
	g.Go(func() error { return in.connectLoop(ctx) })
	if in.cfg.Control != nil {
		g.Go(func() error { return in.control(ctx) })
	}
	return g.Wait()
}

// Status is whether ingest is connected, since when, and what it did.
type Status struct {
	Connected bool
	Since     time.Time
	// StoreFails is true while a worker cannot commit.
	StoreFails bool
	Counters
}

// Status returns the present state.
func (in *Ingest) Status() Status {
	in.mu.Lock()
	st := Status{Connected: in.client != nil, Since: in.since, StoreFails: in.broken > 0}
	in.mu.Unlock()
	st.Counters = in.counted.read()
	return st
}

// Retain publishes a retained message with QoS 1 and waits until the broker
// has taken it.
func (in *Ingest) Retain(ctx context.Context, topic string, payload []byte) error {
	return in.send(ctx, topic, true, payload)
}

// receive runs in a goroutine of its own for each message and blocks while the
// worker's queue is full: paho confirms the message to the broker afterwards.
func (in *Ingest) receive(ctx context.Context, topic string, payload []byte) {
	in.counted.update(func(c *Counters) { c.Messages++ })
	t, err := wire.ParseTopic(topic)
	if err != nil || t.Device == "" || t.Kind > wire.KindNeed {
		in.counted.drop(DropTopic)
		return
	}
	if len(payload) > wire.MaxReport {
		in.counted.drop(DropMalformed)
		return
	}
	m := message{topic: t, payload: payload}
	q := in.queues[partition(t.Device, len(in.queues))]
	select {
	case q <- m:
		return
	default:
	}
	if t.Kind.QoS() == 0 { // nothing holds the broker back here, so nothing may wait
		in.counted.drop(DropFull)
		return
	}
	timeout := time.NewTimer(pushTimeout)
	defer timeout.Stop()
	select {
	case q <- m:
	case <-timeout.C:
		in.counted.drop(DropFull)
	case <-ctx.Done():
	}
}

func partition(device string, n int) int {
	h := fnv.New32a()
	h.Write([]byte(device))
	return int(h.Sum32() % uint32(n))
}

// storeFails counts workers that cannot commit and tells gateways to hold while
// there is one.
func (in *Ingest) storeFails(ctx context.Context, delta int) {
	in.mu.Lock()
	before := in.broken
	in.broken += delta
	turned := (before == 0) != (in.broken == 0)
	c, conn := in.client, in.conn
	state := wire.StateOn
	if in.broken > 0 {
		state = wire.StateOff
	}
	in.mu.Unlock()
	if turned && c != nil {
		if err := in.announce(ctx, c, conn, state); err != nil {
			in.cfg.Logger.Warn("state of ingest could not be published", "error", err)
		}
	}
}
