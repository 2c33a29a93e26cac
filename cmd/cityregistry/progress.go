package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"citygate/trust/ledger"
	"citygate/trust/mirror"
)

// This file implements what people see while a long log is read.

// place is a source that has everything a registry publishes.
type place interface {
	mirror.Source
	Rotation(ctx context.Context, n int) ([]byte, error)
	Root(ctx context.Context, log string) ([]byte, error)
}

// watched is a place that says how far its reader has got, now and then.
type watched struct {
	place
	out   io.Writer
	every time.Duration

	mu   sync.Mutex // guards what follows
	said time.Time
	size map[string]uint64 // of each log, as its checkpoint says: good enough for people
}

func watch(p place, out io.Writer) *watched {
	return &watched{place: p, out: out, every: progressEvery, said: time.Now(), size: make(map[string]uint64)}
}

// Checkpoint notes the log's size.
func (w *watched) Checkpoint(ctx context.Context, log string) ([]byte, error) {
	raw, err := w.place.Checkpoint(ctx, log)
	text, _, _ := bytes.Cut(raw, []byte("\n\n"))
	if cp, bad := ledger.ParseCheckpointText(string(text) + "\n"); bad == nil {
		w.mu.Lock()
		w.size[log] = cp.Size
		w.mu.Unlock()
	}
	return raw, err
}

// Entries says where it is if the last word is long ago.
func (w *watched) Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error) {
	w.mu.Lock()
	if now := time.Now(); now.Sub(w.said) >= w.every {
		w.said = now
		fmt.Fprintf(w.out, "%s: entry %d of %d\n", log, n*ledger.TileWidth, w.size[log])
	}
	w.mu.Unlock()
	return w.place.Entries(ctx, log, n, width)
}
