package store

import "sync"

// Change tells a watcher that something was committed. It carries no data: the
// watcher reads what it needs.
type Change struct {
	Device string `json:"device"`
	// What is "events", "state" or "findings".
	What string `json:"what"`
	// Epoch and Mark are set for "events": the new high-water mark.
	Epoch uint64 `json:"-"`
	Mark  uint64 `json:"mark,omitempty"`
}

const watchBuffer = 256

// watchers hands changes to any number of readers and never waits for one: a
// reader whose buffer is full loses its channel and has to read everything anew.
type watchers struct {
	mu     sync.Mutex // guards chans and closed
	chans  map[chan Change]struct{}
	closed bool
}

// Watch returns a channel of changes and a function that ends it. The channel is
// closed when the reader is too slow or the store closes.
func (s *Store) Watch() (<-chan Change, func()) {
	return s.watch.add()
}

func (w *watchers) add() (<-chan Change, func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := make(chan Change, watchBuffer)
	if w.closed {
		close(ch)
		return ch, func() {}
	}
	if w.chans == nil {
		w.chans = make(map[chan Change]struct{})
	}
	w.chans[ch] = struct{}{}
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.drop(ch)
	}
}

// drop ends one channel once; w.mu is held.
func (w *watchers) drop(ch chan Change) {
	if _, ok := w.chans[ch]; ok {
		delete(w.chans, ch)
		close(ch)
	}
}

func (w *watchers) send(c Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.chans {
		select {
		case ch <- c:
		default:
			w.drop(ch)
		}
	}
}

func (w *watchers) closeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for ch := range w.chans {
		w.drop(ch)
	}
}
