// Package control does on the gateway what operations order: commands, and the
// desired state. What arrives has been checked for its signature and its target;
// this package judges the rest.
//
// A command is done at most once, whatever happens: that it begins is on the disk
// before it begins. Sent again, its newest progress is repeated. A command whose
// time is over when it is first seen is never begun. Progress goes accepted,
// running, and then ok or failed; or at once rejected or expired.
//
//	first seen, in time        accepted, then in its turn running, ok or failed
//	first seen, late           expired
//	no such name               rejected
//	seen before                its newest progress again
//	daemon ended while running ok, if ending was the order; else failed
//
// A desired state counts if its number is above that of the last one of the same
// target. What cannot be applied is told as drift, with the reason, until it can
// be or a newer one comes.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"citygate/internal/durable"
	"citygate/sync/wire"
)

const (
	queued   = 64             // commands that wait for their turn; more are rejected
	kept     = 1024           // commands remembered; more that are still in time are rejected
	keepOver = 24 * time.Hour // how long a command is remembered after its time
	noClock  = "the clock is not set, so whether its time is over cannot be told"
)

// Action does one kind of command and returns details for its result, names and
// lines as wire.CommandResult allows. An error makes the command failed.
type Action func(ctx context.Context, args map[string]string) (map[string]string, error)

// ErrEnding is returned by an action that has arranged for the daemon to end: the
// command is ok once the daemon runs again.
var ErrEnding = errors.New("the daemon ends")

// Options say what a Control works with.
type Options struct {
	// File remembers commands and desired states across restarts.
	File string
	// Actions are by command name.
	Actions map[string]Action
	// Apply makes the gateway what the desired states that are held say; nil
	// rejects every desired state. It is called at start as well.
	Apply func(ctx context.Context, held Held) Applied
	// Result sends progress; false: it could not be taken, and is repeated when
	// the command is sent again. It must return without waiting, and not call back.
	Result func(wire.CommandResult) bool
	// Reported is called when Status changed; nil is ignored.
	Reported func()
	// Now is the clock and Synced whether it can be believed; nil means time.Now
	// and yes.
	Now    func() time.Time
	Synced func() bool
	// Logger receives what was ordered; nil discards.
	Logger *slog.Logger
}

// Control takes commands and desired states; its methods Command and Desired
// return without waiting. Run does the work.
type Control struct {
	o    Options
	work chan struct{} // something is to be done

	mu     sync.Mutex // guards all below
	state  state
	queue  []wire.Command
	apply  bool // the desired states are to be applied
	tell   bool // Reported is to be called
	status Applied
}

// Held are the newest desired states by target, "d/<device>" or "g/<ring>".
type Held map[string]Desired

// Desired is one of them.
type Desired struct {
	Number uint64 `json:"number"`
	Body   []byte `json:"body"`
}

// Applied is what came of the desired states.
type Applied struct {
	Own        uint64            // number of the device's own that is in force, 0 for none
	Ring       string            // the rollout ring that is followed
	RingNumber uint64            // number of its state that is in force, 0 for none
	Drift      map[string]string // what could not be applied, by part, with the reason
}

// state is the file, as JSON.
type state struct {
	Commands map[string]record `json:"commands"`
	Desired  Held              `json:"desired"`
}

type record struct {
	NotAfter int64              `json:"not_after"`
	Result   wire.CommandResult `json:"result"`
	Ending   bool               `json:"ending,omitempty"`
}

// New reads the file. A damaged one is an error: forgetting what was done would
// do it twice.
func New(o Options) (*Control, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Synced == nil {
		o.Synced = func() bool { return true }
	}
	if o.Reported == nil {
		o.Reported = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Control{o: o, work: make(chan struct{}, 1)}
	raw, err := os.ReadFile(o.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read commands: %w", err)
	default:
		if err := json.Unmarshal(raw, &c.state); err != nil {
			return nil, fmt.Errorf("read commands %s: %w (remove it only if no command can still be in time)", o.File, err)
		}
	}
	if c.state.Commands == nil {
		c.state.Commands = map[string]record{}
	}
	if c.state.Desired == nil {
		c.state.Desired = Held{}
	}
	c.apply = o.Apply != nil
	c.resume()
	return c, nil
}

// resume ends what was under way when the daemon ended. If that cannot be written
// it is no harm: the file still says that it was begun.
func (c *Control) resume() {
	changed := false
	for id, r := range c.state.Commands {
		switch {
		case r.Result.State == wire.ResultRunning && r.Ending:
			r.Result.State = wire.ResultOK
		case r.Result.State == wire.ResultRunning, r.Result.State == wire.ResultAccepted:
			r.Result.State, r.Result.Reason = wire.ResultFailed, "the daemon ended before it was done"
		default:
			continue
		}
		r.Result.At = c.o.Now().UnixMicro()
		c.state.Commands[id] = r
		changed = true
	}
	if !changed {
		return
	}
	if err := c.save(); err != nil {
		c.o.Logger.Error("progress of commands not remembered", "error", err)
	}
}

// save writes the file; c.mu is held, or c not yet shared.
func (c *Control) save() error {
	raw, err := json.Marshal(c.state)
	if err == nil {
		err = durable.WriteFile(c.o.File, raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("remember commands: %w", err)
	}
	return nil
}

func (c *Control) poke() {
	select {
	case c.work <- struct{}{}:
	default:
	}
}

// Status is what came of the desired states, and why the gateway differs from
// them. Its map is replaced, never changed.
func (c *Control) Status() Applied {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Held returns the desired states that are remembered. Their bodies are not to
// be changed.
func (c *Control) Held() Held {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.state.Desired)
}

// Run works until ctx ends. It first tells how those commands ended that the
// daemon's last end interrupted.
func (c *Control) Run(ctx context.Context) error {
	c.repeatAll()
	c.poke()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.work:
		}
		for ctx.Err() == nil && c.next(ctx) {
		}
	}
}

// next does one thing, and tells whether there was one.
func (c *Control) next(ctx context.Context) bool {
	c.mu.Lock()
	apply, tell := c.apply, c.tell
	c.apply, c.tell = false, false
	var cmd *wire.Command
	if !apply && len(c.queue) > 0 {
		cmd = &c.queue[0]
		c.queue = c.queue[1:]
	}
	c.mu.Unlock()
	switch {
	case apply:
		c.applyDesired(ctx)
	case cmd != nil:
		c.do(ctx, *cmd)
	}
	if tell {
		c.o.Reported()
	}
	return apply || tell || cmd != nil
}
