// Package outbox is the durable queue between a gateway and the fleet: a SQLite file that keeps each event until the
// fleet has signed for it.
//
// # Guarantee
//
// Once [Outbox.Append] has returned without an error, the event survives SIGKILL and, as far as the disk keeps its
// word about fsync, power loss; it is handed out in order, again and again, until the fleet acknowledges it, or until
// space ends: then what is acknowledged goes first, then events by priority and age, and every evicted range leaves
// one record of its ends, its chain and its counts. An Append that returns an error has stored the event or not.
//
// # Epochs
//
// Each Open begins an epoch: 64 random bits, numbers from 1, and a start event that names the epoch before with its
// last number and chain. A number is given inside the transaction that stores the event, so there are no gaps. A file
// that is damaged is set aside, and the new one begins with an alarm; a file that was put back to an older state is
// found by the fleet, whose mark of the epoch before is then above the number that the start event names.
//
// # File
//
// One SQLite database in WAL mode with synchronous=FULL. All writing is done by one goroutine on one connection, so
// no writer waits for a lock; readers have connections of their own and never block the writer.
//
//	epoch(ord, epoch, device, acked, ackchain, floor, floorchain)
//	    one row for each epoch in the order of their beginning. Numbers up to acked are acknowledged; rows of
//	    numbers up to floor are deleted.
//	item(id, span, prio, at, chain, body)
//	    id = ord * 2^40 + number of the first event; span events; chain after the last of them.
//	    prio 0..3: one event, body is its encoding. prio -1: an evicted range, body is its counts as JSON.
package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"citygate/sync/wire"
)

// Options are the settings of an outbox. Only Device is required.
type Options struct {
	Device   string           // the gateway's name; part of the chain
	Software string           // version of the daemon, for the start event
	Place    string           // the gateway's place, for the start event
	MaxBytes int64            // hard cap of the database file; 0: 256 MiB, at least 256 KiB
	Keep     int              // acknowledged events kept for a fleet that lost them; 0: 10,000, below 0: none
	Window   time.Duration    // the longest that a group commit waits for others; 0: 10 ms
	Tick     time.Duration    // time between checkpoints of the write-ahead log; 0: 30 s
	Now      func() time.Time // nil: time.Now
	ClockQ   func() string    // quality of the clock now; nil: always wire.ClockUnsynced
	Logger   *slog.Logger     // nil: nothing is logged
}

// Sizes that are not settings.
const (
	pageSize     = 4096
	groupTarget  = 64        // a group does not wait for more than this
	groupMax     = 512       // and takes no more than this of what is queued already
	walLimit     = 4 << 20   // a write-ahead log of this size is checkpointed at once
	reserveBytes = 512 << 10 // space that is given up when the disk is full, so that evicting can begin
)

var (
	// ErrClosed is returned when the outbox does not run any more.
	ErrClosed = errors.New("outbox is closed")
	// ErrFull is wrapped when an event cannot be stored because nothing is left that could be evicted.
	ErrFull = errors.New("outbox is full")
	// ErrAck is wrapped when an acknowledgement does not agree with what this outbox wrote.
	ErrAck = errors.New("acknowledgement refused")
)

// Stamp is the place that an event got.
type Stamp struct {
	Epoch uint64
	Seq   uint64
}

// Outbox is an open outbox. Its methods may be called from several goroutines; Append, Acknowledge and the like are
// served while [Outbox.Run] runs.
type Outbox struct {
	opts  Options
	path  string
	log   *slog.Logger
	lock  *os.File // held for the life of the outbox, so that no second process opens the file
	write *sql.DB  // one connection, used by Open and then by Run only
	read  *sql.DB  // a pool of query-only connections

	requests chan *request
	stopped  chan struct{} // closed when Run has returned
	running  atomic.Bool
	fresh    chan struct{}
	close    sync.Once

	epoch       uint64 // constant after Open
	quarantined string // constant after Open

	w writer // owned by Open, then by the goroutine of Run

	depth, evicted, refused, appended atomic.Uint64
}

// Open opens or creates the outbox at path, sets a damaged file aside, begins a new epoch and stores its start event.
// It fails if another process holds the file, or if the disk cannot be written. It starts no goroutine of its own.
func Open(path string, o Options) (*Outbox, error) {
	if !wire.ValidName(o.Device) {
		return nil, fmt.Errorf("open outbox %s: device %.80q is not a name of [a-z0-9_-]{1,64}", path, o.Device)
	}
	b := &Outbox{
		opts: withDefaults(o), path: path,
		requests: make(chan *request), stopped: make(chan struct{}), fresh: make(chan struct{}, 1),
	}
	b.log = b.opts.Logger
	if err := b.open(); err != nil {
		b.release()
		return nil, fmt.Errorf("open outbox %s: %w", path, err)
	}
	return b, nil
}

func withDefaults(o Options) Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = 256 << 20
	}
	o.MaxBytes = max(o.MaxBytes, 256<<10)
	if o.Keep == 0 {
		o.Keep = 10000
	}
	o.Keep = max(o.Keep, 0)
	if o.Window <= 0 {
		o.Window = 10 * time.Millisecond
	}
	if o.Tick <= 0 {
		o.Tick = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ClockQ == nil {
		o.ClockQ = func() string { return wire.ClockUnsynced }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Epoch returns the epoch that this Open began.
func (o *Outbox) Epoch() uint64 { return o.epoch }

// Device returns the gateway's name.
func (o *Outbox) Device() string { return o.opts.Device }

// Quarantined returns where Open put a damaged file, or "" if the file was sound.
func (o *Outbox) Quarantined() string { return o.quarantined }

// Changed returns a channel that gets a value after events were stored. It is meant for one reader; several changes
// may give one value.
func (o *Outbox) Changed() <-chan struct{} { return o.fresh }

// Close closes the file. It must not be called while [Outbox.Run] runs.
func (o *Outbox) Close() error {
	var err error
	o.close.Do(func() {
		if !o.running.Swap(true) {
			close(o.stopped) // Run was never called: whoever waits for it learns it now
		}
		err = o.release()
	})
	return err
}

// release gives back all that open took, as far as it came.
func (o *Outbox) release() error {
	var errs []error
	if o.w.insert != nil {
		errs = append(errs, o.w.insert.close())
	}
	if o.w.conn != nil {
		errs = append(errs, o.w.conn.Close())
	}
	for _, db := range []*sql.DB{o.read, o.write} { // the writer last: its close checkpoints the log
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if o.lock != nil {
		errs = append(errs, o.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close outbox %s: %w", o.path, err)
	}
	return nil
}

// Append stores an event and returns its place. Device, Epoch and Seq of the event are set here; At and ClockQ too
// if they are empty. When it returns without an error the event is durable. If ctx ends first, the event may or may
// not have been stored.
func (o *Outbox) Append(ctx context.Context, e wire.Event) (Stamp, error) {
	o.fill(&e)
	d, err := e.Draft()
	if err != nil {
		return Stamp{}, fmt.Errorf("append: %w", err)
	}
	r := &request{draft: d, prio: e.Prio, at: e.At, done: make(chan struct{})}
	if err := o.submit(ctx, r); err != nil {
		return Stamp{}, fmt.Errorf("append: %w", err)
	}
	return r.stamp, nil
}

// fill sets what an event needs and its maker need not know.
func (o *Outbox) fill(e *wire.Event) {
	if e.At == 0 {
		e.At = o.opts.Now().UnixMicro()
	}
	if e.ClockQ == "" {
		e.ClockQ = o.opts.ClockQ()
	}
}

// submit hands a request to the goroutine of Run and waits until it is done.
func (o *Outbox) submit(ctx context.Context, r *request) error {
	select {
	case o.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-o.stopped:
		return ErrClosed
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
