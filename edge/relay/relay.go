// Package relay opens what stands behind a gateway: a barrier, a door, a turnstile.
//
// A [Relay] is told of every accepted scan after its event is durable and its answer shown, and gives its [Output] one
// pulse. It never makes the pipeline wait. While one pulse is being given there is no second one (interlock), and a
// pulse that could not be given within [Deadline] is given up: a barrier that opens late opens for somebody else.
//
// Outputs are chosen by one word or address, the key relay of citygate.toml:
//
//	""                       none
//	dry-run                  says in the log what it would do
//	https://host/path        a webhook, see [Webhook]
package relay

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"
)

// Deadline is how long after the answer a pulse may still be given.
const Deadline = 2 * time.Second

// Pulse says which accepted scan opens. It names no record and no person: who may know more asks the fleet by epoch
// and number.
type Pulse struct {
	Device  string    `json:"device"`
	Epoch   uint64    `json:"epoch,string"`
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict"`
	Kind    uint64    `json:"kind,omitempty"`
}

// Output gives one pulse. It returns when the pulse was given, or why it was not, and soon after its context ends.
type Output interface {
	Pulse(ctx context.Context, p Pulse) error
}

// Options of a relay. The zero value is usable.
type Options struct {
	// Failed is called after each pulse with nil or the reason why it was not given. It must not block.
	Failed func(error)
	Logger *slog.Logger // default: discard
}

// Relay hands accepted scans to an output, one at a time.
type Relay struct {
	out   Output
	o     Options
	queue chan Pulse // no buffer: who is not ready is busy
	busy  atomic.Uint64
}

// New makes a relay; nothing runs before [Relay.Run].
func New(out Output, o Options) *Relay {
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Relay{out: out, o: o, queue: make(chan Pulse)}
}

// Open asks for a pulse and returns at once. While a pulse is being given, or before Run, it is not given: false.
func (r *Relay) Open(p Pulse) bool {
	select {
	case r.queue <- p:
		return true
	default:
		r.busy.Add(1)
		return false
	}
}

// Busy is how many pulses were not given because of the interlock.
func (r *Relay) Busy() uint64 { return r.busy.Load() }

// Run gives pulses until ctx ends, and returns nil.
func (r *Relay) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-r.queue:
			bounded, cancel := context.WithTimeout(ctx, Deadline)
			err := r.out.Pulse(bounded, p)
			cancel()
			if err != nil && ctx.Err() == nil {
				r.o.Logger.Warn("relay gave no pulse", "seq", p.Seq, "error", err)
			}
			r.o.Failed(err)
		}
	}
}

// DryRun is an output that only says what it would do.
type DryRun struct{ Logger *slog.Logger }

// Pulse writes one line to the log.
func (d DryRun) Pulse(_ context.Context, p Pulse) error {
	d.Logger.Info("relay would open (dry run)", "seq", p.Seq, "verdict", p.Verdict)
	return nil
}

// Check says what is wrong with an output's name, nil if nothing is.
func Check(spec string) error {
	if spec == "" || spec == "dry-run" {
		return nil
	}
	u, err := url.Parse(spec)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is neither dry-run nor a webhook's address such as https://host/path", spec)
	}
	return nil
}

// Parse returns the output of a name that is not empty. A webhook signs with key.
func Parse(spec string, key ed25519.PrivateKey, log *slog.Logger) (Output, error) {
	if err := Check(spec); err != nil {
		return nil, err
	}
	if spec == "dry-run" {
		return DryRun{log}, nil
	}
	return NewWebhook(spec, key), nil
}
