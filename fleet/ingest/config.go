package ingest

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

// Store is what ingest needs of the fleet's database; *store.Store is one.
type Store interface {
	// Commit commits batches in one transaction; see store.Store.Commit.
	Commit(ctx context.Context, batches []store.Batch) ([]store.Result, error)
	// Device returns fleet.ErrUnknownDevice for a name that is not enrolled.
	Device(ctx context.Context, name string) (fleet.Device, error)
	Find(ctx context.Context, f fleet.Finding) error
	// Observe stores what devices say of themselves; see store.Store.Observe.
	Observe(ctx context.Context, list []store.Observation) ([]error, error)
}

// Config says how ingest connects and works. Zero values are the defaults
// named with each field.
type Config struct {
	// Brokers are tried in order: "ssl://host:8883", or "tcp://host:1883" for tests.
	Brokers []string
	// ClientID is also the common name of the certificate.
	ClientID string
	// TLS holds the certificate and the authorities; nil only for tcp brokers.
	TLS *tls.Config
	// Key signs acknowledgements; gateways pin its public half.
	Key ed25519.PrivateKey
	// Share names a shared subscription group, for brokers that have them.
	Share string
	// Workers commit in parallel, each for its share of the devices. 2.
	Workers int
	// Queue is how many messages wait for one worker. 64.
	Queue int
	// Wait is how long a batch beyond the mark waits for those before it. 2 s.
	Wait time.Duration
	// Control holds commands and desired states to send; nil sends none.
	Control ControlStore
	// OnNeed receives what gateways miss of the logs; nil ignores it. It must
	// not block.
	OnNeed func(wire.Need)
	// OnConnect is called after each connect, when retained messages may have
	// been lost with the broker; nil is ignored. It must not block.
	OnConnect func()
	// Logger receives what someone may act on; nil discards.
	Logger *slog.Logger
}

const (
	minBackoff     = time.Second
	maxBackoff     = 30 * time.Second // short: this is one client, and every gateway waits for it
	steadyAfter    = 60 * time.Second // a connection that held this long resets the backoff
	keepAlive      = 30 * time.Second
	connectTimeout = 10 * time.Second
	writeTimeout   = 10 * time.Second
	pushTimeout    = 10 * time.Second
	birthsQueued   = 1024
	groupBatches   = 64  // batches of one transaction
	parkedDevice   = 64  // batches of one epoch that wait for those before them
	parkedWorker   = 512 // and of one worker
)

func (c *Config) fill() error {
	if len(c.Brokers) == 0 || c.ClientID == "" {
		return errors.New("ingest: brokers and client id are required")
	}
	if len(c.Key) != ed25519.PrivateKeySize {
		return fmt.Errorf("ingest: acknowledgement key has %d bytes, want %d", len(c.Key), ed25519.PrivateKeySize)
	}
	if c.Workers <= 0 {
		c.Workers = 2
	}
	if c.Queue <= 0 {
		c.Queue = 64
	}
	if c.Wait <= 0 {
		c.Wait = 2 * time.Second
	}
	if c.OnNeed == nil {
		c.OnNeed = func(wire.Need) {}
	}
	if c.OnConnect == nil {
		c.OnConnect = func() {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
