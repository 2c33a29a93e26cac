// Package uplink keeps a gateway in touch with the fleet over MQTT: it drains the outbox, publishes birth, health and
// reported state, and hands what comes down to sinks.
//
// It promises that an event leaves the outbox only when the fleet has signed for it, that no goroutine outlives
// [Uplink.Run], and that nothing a broker does can make it hold more than a bounded amount of memory: a broker may
// acknowledge and forget, repeat, reorder, forge or send garbage.
//
// A broker's own acknowledgement is never taken as delivery. Batches are sent while the fleet's ingest says that it
// is there, at most [Config].Window in flight, and again when no acknowledgement comes in time or when the fleet asks.
package uplink

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"citygate/sync/outbox"
	"citygate/sync/wire"
)

// Config are the settings of an uplink. Brokers, Key and FleetKey are required; the device's name is the outbox's.
type Config struct {
	Brokers []string // tried in order: "tls://host:8883", or "tcp://host:1883" for tests

	CA      string // PEM file: authority of the broker's certificate
	Cert    string // PEM file: client certificate, its common name is the device's name
	CertKey string // PEM file: key of Cert

	Key      ed25519.PrivateKey // signs batches
	FleetKey ed25519.PublicKey  // pinned: verifies acknowledgements
	OpsKey   ed25519.PublicKey  // pinned: verifies desired state and commands; nil: none are taken

	Rings    []string // rollout rings whose desired state is followed
	Software string   // version of the daemon, for the birth

	Window      int           // batches in flight; 0: 64
	AckTimeout  time.Duration // first wait for an acknowledgement before sending again; 0: 10 s; doubles up to 5 min
	HealthEvery time.Duration // between health messages, each time 20 % more or less; 0: 60 s
	KeepAlive   time.Duration // MQTT keep-alive; 0: 45 s
	Timeout     time.Duration // of connecting, writing and subscribing; 0: 10 s
	NeedAfter   time.Duration // how long a wanted file may stay away before the fleet is asked; 0: 5 s

	Transport Transport        // nil: [Paho]
	Now       func() time.Time // nil: time.Now
	Logger    *slog.Logger     // nil: nothing is logged
}

// TrustSink takes trust data as it comes, unchecked: the trust cache checks it. Its methods are called from one
// goroutine and must return without waiting for other messages.
type TrustSink interface {
	// Checkpoint is called with each checkpoint that arrives of a log that was named with [Uplink.Logs].
	Checkpoint(log string, raw []byte)
	// Deliver is called with a file that was asked for with [Uplink.Want]. It reports whether that was enough: a retained
	// message may be an old one, of a tile that has grown since. If not, the file stays wanted.
	Deliver(log, resource string, b []byte) bool
}

// ControlSink takes what operations send, after its signature was verified with [Config].OpsKey and its target
// compared. Versions, expiry and repetition are the sink's to judge. Its methods must return without waiting.
type ControlSink interface {
	Desired(d wire.Desired)
	Command(c wire.Command)
}

// Sinks are where things go that come down. A nil sink takes nothing.
type Sinks struct {
	Trust   TrustSink
	Control ControlSink
}

// Limits of what is held in memory.
const (
	inboxSize   = 256     // messages received and not yet looked at
	packetLimit = 4 << 20 // bytes of one received packet: an entry bundle of 256 large entries
	maxWants    = 1024    // files asked for at once
	maxResults  = 64      // command results waiting to be sent
)

// Uplink is the gateway's side of the session. Its methods may be called from several goroutines.
type Uplink struct {
	cfg   Config
	box   *outbox.Outbox
	sinks Sinks
	log   *slog.Logger

	running atomic.Bool
	wants   wants
	results chan wire.CommandResult
	changed chan struct{} // health, report, logs or results changed: one value is enough for many

	mu     sync.Mutex // guards the fields below
	health wire.Health
	report *wire.Report
	status Status

	counters
}

// counters of what happened since New.
type counters struct {
	batches, resends, acks, refused, dropped, garbage, connects atomic.Uint64
}

// New returns an uplink for an outbox. It starts nothing.
func New(c Config, box *outbox.Outbox, s Sinks) (*Uplink, error) {
	switch {
	case len(c.Brokers) == 0:
		return nil, errors.New("uplink: no broker is configured")
	case len(c.Key) != ed25519.PrivateKeySize:
		return nil, errors.New("uplink: no key for signing batches is configured")
	case len(c.FleetKey) != ed25519.PublicKeySize:
		return nil, errors.New("uplink: no fleet key for checking acknowledgements is configured")
	case c.Window < 0 || c.Window > 64:
		return nil, fmt.Errorf("uplink: a window of %d batches, from 1 to 64 are allowed", c.Window)
	}
	setDefault(&c.Window, 64)
	setDefault(&c.AckTimeout, 10*time.Second)
	setDefault(&c.HealthEvery, time.Minute)
	setDefault(&c.KeepAlive, 45*time.Second)
	setDefault(&c.Timeout, 10*time.Second)
	setDefault(&c.NeedAfter, 5*time.Second)
	if c.Transport == nil {
		c.Transport = Paho{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	u := &Uplink{cfg: c, box: box, sinks: s, log: c.Logger,
		results: make(chan wire.CommandResult, maxResults), changed: make(chan struct{}, 1)}
	u.wants.after, u.wants.files = c.NeedAfter, map[file]*want{}
	u.health.ClockQ = wire.ClockUnsynced
	return u, nil
}

func setDefault[T int | time.Duration](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// Logs names the logs whose checkpoints are wanted, instead of those named before.
func (u *Uplink) Logs(names ...string) {
	u.wants.setLogs(names)
	u.notify()
}

// Want asks for one file of a log. It is subscribed until it was delivered to the trust sink, and asked for with a
// need message if it does not come. Asking again for what is already wanted subscribes it again, for a retained message
// that was lost on the way; a want that is not renewed ends after ten minutes. Names that are no log or no file are
// ignored.
func (u *Uplink) Want(log, resource string) {
	if !wire.ValidName(log) || !wire.ValidResource(resource) {
		u.log.Warn("a file was wanted that no log has", "log", log, "resource", resource)
		return
	}
	u.wants.add(log, resource, u.cfg.Now())
	u.notify()
}

// SetHealth sets what the next health messages say. At, Epoch, the outbox's figures and the certificate's days are
// filled in here.
func (u *Uplink) SetHealth(h wire.Health) {
	u.mu.Lock()
	u.health = h
	u.mu.Unlock()
}

// SetReport sets the reported state. It is published when it changes and after each birth.
func (u *Uplink) SetReport(r wire.Report) {
	u.mu.Lock()
	u.report = &r
	u.mu.Unlock()
	u.notify()
}

// Result queues the progress of a command. It reports false if too many are waiting already; the fleet sends a
// command again for which it knows no final result.
func (u *Uplink) Result(r wire.CommandResult) bool {
	select {
	case u.results <- r:
		u.notify()
		return true
	default:
		return false
	}
}

func (u *Uplink) notify() {
	select {
	case u.changed <- struct{}{}:
	default:
	}
}

// Status is how the session stands.
type Status struct {
	Connected bool
	Broker    string    // the broker of the present or last connection
	Since     time.Time // when the present connection began, or the last one ended
	Conn      uint64    // number of the present or last connection
	Ingest    bool      // the fleet takes events
	InFlight  int       // batches sent and not acknowledged
	CertEnd   time.Time // when the client certificate ends; zero without one
	LastError string    // why the last attempt or connection ended

	Connects uint64 // connections made
	Batches  uint64 // batches sent
	Resends  uint64 // times that sending began again at what is acknowledged
	Acks     uint64 // acknowledgements taken
	Refused  uint64 // acknowledgements that were forged or did not agree
	Dropped  uint64 // messages dropped because too many had come
	Garbage  uint64 // messages that were malformed or had a wrong signature
}

// Status returns the present state.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	s := u.status
	u.mu.Unlock()
	s.Connects, s.Batches, s.Resends = u.connects.Load(), u.batches.Load(), u.resends.Load()
	s.Acks, s.Refused, s.Dropped, s.Garbage = u.acks.Load(), u.refused.Load(), u.dropped.Load(), u.garbage.Load()
	return s
}

// setStatus changes the status under its lock.
func (u *Uplink) setStatus(f func(*Status)) {
	u.mu.Lock()
	f(&u.status)
	u.mu.Unlock()
}
