package edge_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citygate/edge"
	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/edge/policy"
	"citygate/edge/relay"
	"citygate/scanner"
	"citygate/scanner/camera"
	"citygate/sync/wire"
	"citygate/trust/cityid"
)

const (
	host    = "ID.SJZ.EXAMPLE"
	foreign = "https://shop.example/?customer=4711"
	rate    = 33 * time.Millisecond
)

// scene is a camera and the tracker behind it: each frame holds the given texts. It ends with err, or is silent.
type scene struct {
	frames [][]string
	end    error // nil: silent for ever
	now    []string
	seq    uint64
	closed bool
	live   bool
	stays  map[string]*stay         // by text
	at     time.Time                // of the frame before
	watch  time.Duration            // how long frames have been looked at
	luma   func(seq uint64) [2]byte // levels of the picture's two halves; nil: black
}

// frames says that the same texts are seen for a time.
func frames(d time.Duration, texts ...string) [][]string {
	return slices.Repeat([][]string{texts}, max(1, int(d/rate)))
}

func (s *scene) Next(ctx context.Context) (camera.Frame, error) {
	if s.closed {
		return camera.Frame{}, camera.ErrClosed
	}
	if len(s.frames) == 0 && s.end != nil {
		return camera.Frame{}, s.end
	}
	var due <-chan time.Time
	if len(s.frames) > 0 {
		t := time.NewTimer(rate)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
		return camera.Frame{}, ctx.Err()
	case <-due:
	}
	s.now, s.frames = s.frames[0], s.frames[1:]
	s.seq++
	pix := make([]byte, 64)
	if s.luma != nil {
		for i, levels := 0, s.luma(s.seq); i < len(pix); i++ {
			pix[i] = levels[i%8/4]
		}
	}
	return camera.Frame{Frame: scanner.Frame{Pix: pix, Stride: 8, Width: 8, Height: 8}, Seq: s.seq, At: time.Now()}, nil
}

func (s *scene) Live() bool { return s.live }

func (s *scene) Close() error { s.closed = true; return nil }

// stay is a text that is held.
type stay struct {
	id   uint64
	last time.Duration
}

// gone is how long a text may be out of sight and still be held.
const gone = time.Second

// Scan does what a scanner.Tracker promises, with texts in place of pictures.
func (s *scene) Scan(_ scanner.Frame, at time.Time) []scanner.Sighting {
	if !s.at.IsZero() {
		s.watch += min(at.Sub(s.at), gone/2)
	}
	s.at = at
	if s.stays == nil {
		s.stays = map[string]*stay{}
	}
	var out []scanner.Sighting
	for _, text := range s.now {
		if text == blurred {
			continue
		}
		h := s.stays[text]
		fresh := h == nil
		if fresh {
			h = &stay{id: stays.Add(1)}
			s.stays[text] = h
		}
		h.last = s.watch
		out = append(out, scanner.Sighting{ID: h.id, New: fresh, Symbol: scanner.Symbol{Format: scanner.QR, Text: text, Bytes: []byte(text),
			Corners: [4]scanner.Point{{X: 2, Y: 2}, {X: 6, Y: 2}, {X: 6, Y: 6}, {X: 2, Y: 6}}}})
	}
	maps.DeleteFunc(s.stays, func(_ string, h *stay) bool { return s.watch-h.last >= gone })
	return out
}

// stays numbers them over all scenes.
var stays atomic.Uint64

func (s *scene) Held(id uint64) bool {
	for _, h := range s.stays {
		if h.id == id {
			return true
		}
	}
	return false
}

// blurred is a text that is located and cannot be read.
const blurred = "blurred"

func (s *scene) Located() (corners [4]scanner.Point, ok bool) {
	return [4]scanner.Point{{X: 1, Y: 1}, {X: 5, Y: 1}, {X: 5, Y: 5}, {X: 1, Y: 5}}, slices.Contains(s.now, blurred)
}

func (s *scene) Forget() { s.stays, s.at = nil, time.Time{} }

var errDisk = errors.New("no space left on device")

// store is the outbox: it keeps events and checks that each is one that the fleet would take.
type store struct {
	t  *testing.T
	mu sync.Mutex
	// fault is asked before each event: it may wait, say that the event cannot be stored, and say that it was stored
	// all the same.
	fault  func(ctx context.Context, e wire.Event) (err error, stored bool)
	events []wire.Event
}

func (s *store) Append(ctx context.Context, e wire.Event) (uint64, uint64, error) {
	var failed error
	stored := true
	if s.fault != nil {
		failed, stored = s.fault(ctx, e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed != nil && !stored {
		return 0, 0, failed
	}
	e.Seq = uint64(len(s.events) + 1)
	b, err := e.Encode()
	if err != nil {
		s.t.Errorf("an event that no outbox takes: %v: %+v", err, e)
	} else if _, err := wire.DecodeEvent(b); err != nil {
		s.t.Errorf("an event that no fleet takes: %v: %+v", err, e)
	}
	s.events = append(s.events, e)
	return 0xE0, e.Seq, failed
}

func (s *store) of(kind string) (out []wire.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Type == kind {
			out = append(out, e)
		}
	}
	return out
}

func (s *store) verdicts() (out []string) {
	for _, e := range s.of(wire.TypeScan) {
		out = append(out, e.Verdict)
	}
	return out
}

// screen is the page: it checks that no answer is shown whose event is not stored.
type screen struct {
	t       *testing.T
	store   *store
	mu      sync.Mutex
	answers []kiosk.Answer
	nonces  []kiosk.Nonce
	states  []kiosk.State
	times   []time.Time // of the states
}

func (s *screen) Answer(a kiosk.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a)
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if a.Seq < 1 || a.Seq > uint64(len(s.store.events)) || s.store.events[a.Seq-1].Verdict != a.Verdict {
		s.t.Errorf("answer %d %s is shown, its event is not stored", a.Seq, a.Verdict)
	}
}

func (s *screen) Nonce(n kiosk.Nonce) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonces = append(s.nonces, n)
}

func (s *screen) State(st kiosk.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states, s.times = append(s.states, st), append(s.times, time.Now())
}

func (s *screen) last() kiosk.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.states) == 0 {
		return kiosk.State{}
	}
	return s.states[len(s.states)-1]
}

func (s *screen) verdicts() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.answers {
		out = append(out, a.Verdict)
	}
	return out
}

// eye is a camera that opens one scene after the other, the last one again and again, and the tracker behind it.
type eye struct {
	opened  int
	current *scene
	scenes  []func() (*scene, error)
}

func (e *eye) camera() edge.Camera {
	return edge.Camera{Tracker: e, Open: func(context.Context) (edge.Frames, error) {
		s, err := e.scenes[min(e.opened, len(e.scenes)-1)]()
		e.opened++
		if err != nil {
			return nil, err
		}
		e.current = s
		return s, nil
	}}
}

func (e *eye) Scan(f scanner.Frame, at time.Time) []scanner.Sighting { return e.current.Scan(f, at) }

func (e *eye) Held(stay uint64) bool { return e.current.Held(stay) }

func (e *eye) Located() ([4]scanner.Point, bool) { return e.current.Located() }

func (e *eye) Forget() { e.current.Forget() }

// rig is a gateway with its surroundings.
type rig struct {
	*edge.Gateway
	*eye   // the first one
	city   *city
	store  *store
	screen *screen
	health *health.Tracker
	synced bool
	now    func() time.Time
	pulses []relay.Pulse
	ahead  atomic.Int64 // nanoseconds that the gateway's clock is set ahead
	closed atomic.Bool  // operations took it out of service
}

// newRig has one camera with the given scenes.
func newRig(t *testing.T, c *city, p *policy.Policy, scenes ...func() (*scene, error)) *rig {
	t.Helper()
	return newRigOf(t, c, p, &eye{scenes: scenes})
}

func newRigOf(t *testing.T, c *city, p *policy.Policy, eyes ...*eye) *rig {
	t.Helper()
	begin := time.Now()
	place, err := cityid.Parse("MA.156.1301.02/GATE.7")
	if err != nil {
		t.Fatal(err)
	}
	st := &store{t: t}
	r := &rig{city: c, store: st, screen: &screen{t: t, store: st}, health: health.New(), synced: true, eye: eyes[0]}
	r.now = func() time.Time { return c.start().Add(time.Since(begin) + time.Duration(r.ahead.Load())) }
	var cameras []edge.Camera
	for _, e := range eyes {
		cameras = append(cameras, e.camera())
	}
	r.Gateway = edge.New(edge.Options{
		Cameras: cameras, Gate: r, Device: "k1", Views: c, Outbox: st, Screen: r.screen, Policy: p, Health: r.health, Place: place, Version: "test",
		Now: r.now, Synced: func() bool { return r.synced }, Closed: r.closed.Load,
	})
	return r
}

// Open is the gate: it checks that the answer was shown before.
func (r *rig) Open(p relay.Pulse) bool {
	if shown := r.screen.verdicts(); len(shown) == 0 || shown[len(shown)-1] != p.Verdict {
		r.store.t.Errorf("pulse %+v before its answer", p)
	}
	r.pulses = append(r.pulses, p)
	return len(r.pulses)%2 == 1
}

// run runs the gateway for a time and returns when it has ended.
func (r *rig) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		t.Errorf("run: %v", err)
	}
}

func film(end error, parts ...[][]string) func() (*scene, error) {
	return func() (*scene, error) { return &scene{frames: slices.Concat(parts...), end: end}, nil }
}

func broken(err error) func() (*scene, error) { return func() (*scene, error) { return nil, err } }

var eof = io.EOF
