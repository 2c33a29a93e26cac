package edge

import (
	"context"
	"sync/atomic"
	"time"
)

// This file implements signs of life, and waits that are watched over.

// pulse is when a goroutine showed a sign of life. It may be read by others.
type pulse struct{ at atomic.Int64 } // unix nanoseconds; 0 while it waits for its turn

func (p *pulse) alive(now time.Time) { p.at.Store(now.UnixNano()) }

// rest says that what is waited for shows signs of life of its own.
func (p *pulse) rest() { p.at.Store(0) }

func (p *pulse) last() (time.Time, bool) {
	at := p.at.Load()
	return time.Unix(0, at), at != 0
}

// supervise runs f, which must end soon after its context, in a goroutine of its own and shows signs of life until it
// returns or the limit has passed. A call that ignores its context is left behind and its result goes to late.
func supervise[T any](ctx context.Context, alive func(), limit time.Duration, f func(context.Context) (T, error), late func(T)) (T, error) {
	type result struct {
		v   T
		err error
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	done := make(chan result, 1)
	go func() {
		defer cancel()
		v, err := f(bounded)
		done <- result{v, err}
	}()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for grace := 4; ; {
		select {
		case r := <-done:
			alive()
			return r.v, r.err
		case <-tick.C:
			if bounded.Err() == nil {
				alive()
				continue
			}
			if grace--; grace == 0 {
				go func() {
					if r := <-done; r.err == nil && late != nil {
						late(r.v)
					}
				}()
				var none T
				return none, bounded.Err()
			}
		}
	}
}
