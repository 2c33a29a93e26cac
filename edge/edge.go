// Package edge is the gateway itself: it takes frames from a camera, reads the codes in them, gives each a verdict,
// decides, records the scan, and only then shows the answer.
//
//	frame -> symbols -> verdict -> decision -> event durable -> answer shown
//
// # One scan
//
// A [Tracker] follows symbols over frames: where they are, and until when they are held. Every symbol in every frame is
// verified. Only then are scans told apart, by log, index, verdict and the hash of the code's body, never by text. A
// scan lasts while the tracker holds a symbol that has its verdict: a holder's screen that writes its code anew every few
// seconds is one scan, and a code whose verdict changes while it is held is a new one. All foreign codes are alike;
// nothing of what they say is kept.
//
// # What is promised
//
// An answer is shown only when its event is durable. When the event cannot be stored there is no answer: the page says
// "out of service", and the code is tried again while it is held. A camera that is missing, silent, broken or at its
// end is a health condition and never ends the daemon; it is opened again with growing pauses.
//
// # Several cameras
//
// Each camera has a goroutine, a tracker and a health condition of its own, and gives its newest frame. What follows the
// frame is one for all of them, in turn: memory of scans, policy, outbox, screen and gate. So one code before two cameras
// is one scan. While one camera works, the failure of another is no "out of service".
//
// # Privacy
//
// A personal code leaves neither identifier nor index in an event, but a pseudonym under a key that is random, kept in
// memory only, and destroyed when its day ends. A code whose signature was not found good leaves no identifier either.
//
// The seams to cameras, the outbox, the trust cache and the page are the small interfaces of this package; time is an
// input.
package edge

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/edge/policy"
	"citygate/edge/relay"
	"citygate/scanner"
	"citygate/scanner/camera"
	"citygate/sync/wire"
	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// Frames is an open camera. A frame is valid until the next call of Next. Next returns when its context ends; io.EOF
// means that a recording is over for good. Frames that also have the method Live() bool, and answer true, are watched
// for a lens that is covered or in the dark, and for a picture that stands still.
type Frames interface {
	Next(ctx context.Context) (camera.Frame, error)
	Close() error
}

// Tracker follows the codes in the frames of one camera; *scanner.Tracker is one. It answers the codes in a frame, which
// are valid until the next call, each with the number of its stay.
type Tracker interface {
	Scan(f scanner.Frame, at time.Time) []scanner.Sighting
	// Held says whether the code of a stay is held still, though it may be out of sight for a moment.
	Held(stay uint64) bool
	// Forget ends every stay: the camera was opened anew.
	Forget()
	// Located is the outline of what looks like a code in the last frame and was not read.
	Located() (corners [4]scanner.Point, ok bool)
}

// Views hands out the newest ledger view, which is never nil.
type Views interface {
	View() *ledger.View
}

// Appender stores events. When Append returns without an error, the event is durable under that epoch and number; with
// an error it may have been stored or not.
type Appender interface {
	Append(ctx context.Context, e wire.Event) (epoch, seq uint64, err error)
}

// Screen shows answers, states and the nonce that policy demands of holders. No call may block.
type Screen interface {
	Answer(kiosk.Answer)
	State(kiosk.State)
	Nonce(kiosk.Nonce)
}

// Gate is told of every accepted scan after its answer was sent. Open must not block.
type Gate interface {
	Open(relay.Pulse) bool
}

// Times of the pipeline that are not settings.
const (
	tickEvery    = 500 * time.Millisecond  // between two looks at everything but frames
	firstFrame   = 10 * time.Second        // a camera may need so long to its first frame
	stallAfter   = 1500 * time.Millisecond // and is stalled after so long without the next one
	openTimeout  = 20 * time.Second        // for opening a camera
	storeTimeout = 5 * time.Second         // for storing one event
	storeAgain   = 2 * time.Second         // after an event could not be stored
	backoffMin   = 500 * time.Millisecond  // before a camera is opened again
	backoffMax   = 10 * time.Second
	steadyAfter  = 10 * time.Second       // a camera that ran so long begins again with the shortest pause
	aimingFor    = 300 * time.Millisecond // after a code that cannot be read yet was last located
	maxPending   = 256                    // health events that wait for the disk
)

// Camera is one of a gateway's cameras.
type Camera struct {
	Open    func(ctx context.Context) (Frames, error) // opens the camera anew
	Tracker Tracker                                   // of this camera alone
}

// Options configure a [Gateway]. Everything without a default named here is required.
type Options struct {
	Cameras []Camera // at least one
	Views   Views
	Outbox  Appender
	Screen  Screen
	Gate    Gate             // default: nothing opens
	Device  string           // the gateway's name, for the gate
	Policy  *policy.Policy   // default policy.Default()
	Nonces  *policy.Nonces   // what the kiosk shows, where the policy demands it; default: new ones where it does
	Health  *health.Tracker  // default a new one
	Metrics *Metrics         // default one that nobody reads
	Place   cityid.ID        // where the gateway stands; zero: no place
	Version string           // of the software, for events
	Now     func() time.Time // default time.Now
	Synced  func() bool      // whether the clock is synchronised; default: it is not
	Closed  func() bool      // whether operations took the gateway out of service: nothing is read then; default: never
	Logger  *slog.Logger     // default: discard

	source string // the detail "source" of its scans; default none
}

// Gateway is the pipeline of all cameras of a device. Run it once.
type Gateway struct {
	o       Options
	log     *slog.Logger
	started time.Time
	lenses  []*lens

	// turn holds a token while a lens has something to record or to show; see [lens.enter]. It guards the rest, and of
	// each lens what says so.
	turn     chan struct{}
	decide   *policy.Decider
	names    pseudonyms
	storage  bool // the last event could not be stored
	closed   bool // Closed said so last
	retryAt  time.Time
	pending  []wire.Event // health events to store, oldest first
	standing []health.Active
	shown    kiosk.State // what the screen was told last
	asked    kiosk.Nonce // what the screen was told of the nonce last
	tickedAt time.Time

	testRead atomic.Bool   // the next scan is the staff mode's test
	frames   atomic.Uint64 // looked at since the start
}

// New prepares a gateway; nothing runs before [Gateway.Run].
func New(o Options) *Gateway {
	if o.Policy == nil {
		o.Policy = policy.Default()
	}
	if o.Nonces == nil && o.Policy.DemandsNonce() {
		o.Nonces = policy.NewNonces()
	}
	if o.Health == nil {
		o.Health = health.New()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Synced == nil {
		o.Synced = func() bool { return false }
	}
	if o.Closed == nil {
		o.Closed = func() bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{
		o: o, log: o.Logger, decide: policy.NewDecider(o.Policy), started: o.Now(), turn: make(chan struct{}, 1),
		shown: kiosk.State{State: kiosk.StateOutOfService, Reason: "starting"},
	}
	for i, c := range o.Cameras {
		l := &lens{g: g, log: g.log, camera: c, held: map[uint64]scan{}}
		if len(o.Cameras) > 1 {
			l.number = i + 1
			l.log = g.log.With("camera", l.number)
		}
		l.alive()
		g.lenses = append(g.lenses, l)
	}
	return g
}

// Progress is when the pipeline last showed a sign of life: a frame looked at, or a wait that it watches over itself. Of
// several cameras that counts which showed none for longest. It stands still when a driver or a disk does not come back,
// and then watchdog and beat stop with it.
func (g *Gateway) Progress() time.Time {
	oldest := g.o.Now()
	for _, l := range g.lenses {
		if at, ok := l.last(); ok && at.Before(oldest) {
			oldest = at
		}
	}
	return oldest
}

func (g *Gateway) clockQ() string {
	if g.o.Synced() {
		return wire.ClockSynced
	}
	return wire.ClockUnsynced
}
