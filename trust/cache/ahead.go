package cache

import (
	"context"
	"sync"
	"time"
)

// This file implements reading ahead, so that a long download takes as long as
// its bytes and not as long as its answers one after the other.

// window is how many reads of one log are under way at once.
const window = 8

// readAhead reads numbered blobs that are wanted in rising order. It is used by
// one goroutine, and its own reads end with the context.
type readAhead struct {
	ctx   context.Context
	stall time.Duration
	end   uint64              // numbers from here on are not read ahead
	have  func(n uint64) bool // says that n will not be asked for
	read  func(ctx context.Context, n uint64) ([]byte, error)
	under map[uint64]chan blob // under way or arrived
	wg    *sync.WaitGroup      // the reads, which the owner waits for
}

// blob is the outcome of one read.
type blob struct {
	b   []byte
	err error
}

// get returns blob n, and lets those behind it come.
func (r *readAhead) get(n uint64) ([]byte, error) {
	r.start(n)
	for i := n + 1; i < min(n+window, r.end); i++ {
		if r.under[i] == nil && !r.have(i) {
			r.start(i)
		}
	}
	got := <-r.under[n]
	delete(r.under, n)
	return got.b, got.err
}

func (r *readAhead) start(n uint64) {
	if r.under[n] != nil {
		return
	}
	out := make(chan blob, 1)
	r.under[n] = out
	r.wg.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, r.stall)
		defer cancel()
		b, err := r.read(ctx, n)
		out <- blob{b, err}
	})
}
