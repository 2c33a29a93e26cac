package mirror

import (
	"context"
	"slices"
	"sync"
	"time"

	"citygate/trust/ledger"
)

// This file implements a mirror whose answers arrive as messages.

// AskAgain is how long Messages waits for a resource before it asks for it once
// more: a broker's retained message may have been lost, or too short by now.
const AskAgain = 3 * time.Second

// Messages is a mirror fed by messages, such as a broker's retained ones. A
// method call asks for its resource and waits until it is delivered or the
// context ends.
//
// A resource is asked for by its full path, "tile/1/000" and never
// "tile/1/000.p/12": there is one message for each tile and bundle, which is
// replaced as the tile grows. A message that is still too short is dropped and
// the wait goes on.
type Messages struct {
	want func(log, resource string)

	mu      sync.Mutex // guards waiting
	waiting map[string][]*waiter
}

// waiter is one call that waits for a resource of at least a width.
type waiter struct {
	width int
	got   chan []byte // buffered, receives once
}

// NewMessages returns a mirror that calls want for each resource that it lacks,
// from the goroutine that waits. want must not block.
func NewMessages(want func(log, resource string)) *Messages {
	return &Messages{want: want, waiting: map[string][]*waiter{}}
}

// Deliver hands over a message. What nobody waits for, what is too long and what
// is no resource of a log is dropped. It reports whether nobody waits for the
// resource any more; false means that the message was not enough.
func (m *Messages) Deliver(log, resource string, b []byte) bool {
	r, err := ledger.ParseResource(resource)
	if err != nil {
		return true
	}
	have := 0
	if int64(len(b)) <= limit(r.Kind) {
		have = width(r.Kind, b)
	}
	r.Width = ledger.TileWidth
	key := log + "/" + r.String()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting[key] = slices.DeleteFunc(m.waiting[key], func(w *waiter) bool {
		if have < w.width {
			return false
		}
		w.got <- slices.Clone(b)
		return true
	})
	if len(m.waiting[key]) > 0 {
		return false
	}
	delete(m.waiting, key)
	return true
}

// width returns how many hashes or entries a message has, 0 if it is broken.
func width(kind ledger.ResourceKind, b []byte) int {
	switch kind {
	case ledger.ResourceTile:
		hashes, _ := ledger.ParseTile(b)
		return len(hashes)
	case ledger.ResourceEntries:
		entries, _ := ledger.ParseBundle(b)
		return len(entries)
	}
	return ledger.TileWidth
}

// Checkpoint waits for the log's checkpoint.
func (m *Messages) Checkpoint(ctx context.Context, log string) ([]byte, error) {
	return reader{m.get}.checkpoint(ctx, log)
}

// Rotation waits for the last checkpoint under the n-th root policy.
func (m *Messages) Rotation(ctx context.Context, n int) ([]byte, error) {
	return reader{m.get}.rotation(ctx, n)
}

// Tile waits for a tile with at least width hashes.
func (m *Messages) Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error) {
	return reader{m.get}.tile(ctx, log, level, n, width)
}

// Entries waits for an entry bundle with at least width entries.
func (m *Messages) Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error) {
	return reader{m.get}.entries(ctx, log, n, width)
}

func (m *Messages) get(ctx context.Context, log string, r ledger.Resource) ([]byte, error) {
	w := &waiter{width: r.Width, got: make(chan []byte, 1)}
	r.Width = ledger.TileWidth
	path := r.String()
	key := log + "/" + path
	m.mu.Lock()
	m.waiting[key] = append(m.waiting[key], w)
	m.mu.Unlock()
	defer m.forget(key, w)

	again := time.NewTicker(AskAgain)
	defer again.Stop()
	for {
		m.want(log, path)
		select {
		case b := <-w.got:
			return b, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-again.C:
		}
	}
}

// forget removes a waiter that gave up.
func (m *Messages) forget(key string, w *waiter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.waiting[key], w); i >= 0 {
		m.waiting[key] = slices.Delete(m.waiting[key], i, i+1)
	}
	if len(m.waiting[key]) == 0 {
		delete(m.waiting, key)
	}
}
