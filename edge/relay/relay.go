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
//	dry-run:OUTPUT           the same; the output is checked, and named in the log
//	https://host/path        a webhook, see [Webhook]
//	gpio:/dev/gpiochip0,line=17,pulse=500ms,active=high
//	                         a GPIO line, see [GPIO]; pulse and active may be left out
//	serial:/dev/ttyUSB0,on=A00101A2,off=A00100A1,pulse=500ms,baud=9600
//	                         a relay board, see [Serial]; all but on may be left out
package relay

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

// Deadline is how long after the answer a pulse may still be given.
const Deadline = 2 * time.Second

// Pulse says which accepted scan opens. It names no record and no person: who may know more asks the fleet by epoch
// and number.
type Pulse struct {
	Device  string    `json:"device"`
	Camera  int       `json:"camera,omitempty"` // before which of several cameras, from 1
	Epoch   uint64    `json:"epoch,string"`
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict"`
	Kind    uint64    `json:"kind,omitempty"`
}

// Output gives one pulse. An output may have Prepare() error, which Run calls first, and Close() error, last. It returns when the pulse was given, or why it was not, and soon after its context ends.
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
	if p, ok := r.out.(interface{ Prepare() error }); ok {
		if err := p.Prepare(); err != nil {
			r.o.Logger.Warn("relay is not ready", "error", err)
			r.o.Failed(err)
		}
	}
	if c, ok := r.out.(io.Closer); ok {
		defer func() {
			if err := c.Close(); err != nil {
				r.o.Logger.Warn("relay does not close", "error", err)
			}
		}()
	}
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
type DryRun struct {
	Logger *slog.Logger
	Output string // what is not done, "" if nothing was named
}

// Pulse writes one line to the log.
func (d DryRun) Pulse(_ context.Context, p Pulse) error {
	d.Logger.Info("relay would open (dry run)", "output", d.Output, "seq", p.Seq, "verdict", p.Verdict)
	return nil
}
