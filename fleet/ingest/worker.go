package ingest

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

// worker owns the devices of one partition; all of its fields belong to run.
type worker struct {
	in     *Ingest
	queue  <-chan message
	parked parking
}

func newWorker(in *Ingest, queue <-chan message) *worker {
	return &worker{in: in, queue: queue, parked: newParking()}
}

func (w *worker) run(ctx context.Context) error {
	tick := time.NewTicker(min(w.in.cfg.Wait, time.Second) / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-w.queue:
			w.handle(ctx, w.group(m))
		case now := <-tick.C:
			w.expire(ctx, now)
		}
	}
}

// group takes what else is queued, up to one transaction's worth.
func (w *worker) group(first message) []message {
	msgs := []message{first}
	for len(msgs) < groupBatches {
		select {
		case m := <-w.queue:
			msgs = append(msgs, m)
		default:
			return msgs
		}
	}
	return msgs
}

func (w *worker) handle(ctx context.Context, msgs []message) {
	keys := make(map[string]fleet.Device)
	var batches []store.Batch
	for _, m := range msgs {
		if m.topic.Kind != wire.KindEvents {
			w.handleOther(ctx, m)
			continue
		}
		if b, ok := w.openBatch(ctx, m, keys); ok {
			batches = append(batches, b)
		}
	}
	for len(batches) > 0 {
		batches = w.commit(ctx, batches)
	}
}

// commit commits batches, acknowledges them, parks those beyond the mark, and
// returns parked ones that can be committed now.
func (w *worker) commit(ctx context.Context, batches []store.Batch) []store.Batch {
	results, ok := w.commitRetry(ctx, batches)
	if !ok {
		return nil
	}
	acks := make(map[epochKey]store.Result)
	for i, r := range results {
		key := epochKey{batches[i].Device, batches[i].Epoch}
		switch r.Outcome {
		case store.Committed, store.Repeated:
			if old, ok := acks[key]; !ok || r.Mark >= old.Mark {
				acks[key] = r
			}
			w.in.counted.update(func(c *Counters) {
				c.Batches++
				c.Events += r.New
				if r.New == 0 {
					c.Repeated++
				}
			})
		case store.Ahead:
			if !w.parked.add(key, batches[i], r, time.Now()) {
				w.in.counted.drop(DropAhead)
			}
		case store.Forked:
			w.in.counted.drop(DropFork)
		case store.Stranger:
			w.in.counted.drop(DropStranger)
		}
	}
	var again []store.Batch
	for key, r := range acks {
		w.acknowledge(ctx, key, r, nil)
		again = append(again, w.parked.take(key, r.Mark)...)
	}
	return again
}

// commitRetry tries until the store commits or ctx ends: without a commit there
// is no acknowledgement, and taking more would only fill memory.
func (w *worker) commitRetry(ctx context.Context, batches []store.Batch) ([]store.Result, bool) {
	backoff, failed := 50*time.Millisecond, false
	for {
		results, err := w.in.store.Commit(ctx, batches)
		if err == nil {
			if failed {
				w.in.storeFails(ctx, -1)
			}
			return results, true
		}
		if ctx.Err() != nil {
			return nil, false
		}
		if !failed {
			failed = true
			w.in.cfg.Logger.Error("events cannot be committed; gateways hold", "error", err)
			w.in.storeFails(ctx, +1)
		}
		select {
		case <-time.After(backoff/2 + rand.N(backoff)):
			backoff = min(2*backoff, 5*time.Second)
		case <-ctx.Done():
			return nil, false
		}
	}
}

// expire drops what has waited too long and asks for what lies before it. The
// mark may have moved since, so each batch is tried once more first.
func (w *worker) expire(ctx context.Context, now time.Time) {
	for key, batches := range w.parked.expired(now, w.in.cfg.Wait) {
		results, ok := w.commitRetry(ctx, batches)
		if !ok {
			return
		}
		var last store.Result
		var need []wire.Range
		for i, r := range results {
			if r.Mark >= last.Mark {
				last = r
			}
			if r.Outcome == store.Ahead {
				w.in.counted.drop(DropAhead)
				need = []wire.Range{{First: r.NeedFirst, Last: batches[i].Last()}}
			}
		}
		if need != nil {
			w.askAgain(ctx, key, batches[0].First(), last)
		}
		w.acknowledge(ctx, key, last, need)
	}
}

// askAgain records the gap that is asked for.
func (w *worker) askAgain(ctx context.Context, key epochKey, next uint64, r store.Result) {
	err := w.in.store.Find(ctx, fleet.Finding{
		Device: key.device, Kind: fleet.Gap, Epoch: key.epoch, First: r.Mark + 1, Last: next - 1,
		Detail: "later events came; these were asked for again",
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		w.in.cfg.Logger.Warn("finding could not be stored", "device", key.device, "error", err)
	}
}

func (w *worker) acknowledge(ctx context.Context, key epochKey, r store.Result, need []wire.Range) {
	a := wire.Ack{Epoch: key.epoch, Seq: r.Mark, Chain: r.Chain, Again: need}
	a.Sign(w.in.cfg.Key, key.device)
	payload, err := a.Encode()
	if err != nil {
		w.in.cfg.Logger.Error("acknowledgement could not be encoded", "device", key.device, "error", err)
		return
	}
	w.in.mu.Lock()
	c := w.in.client
	w.in.mu.Unlock()
	if c == nil {
		return // the gateway sends again after the next connect and is acknowledged then
	}
	// The token is not waited for: an acknowledgement that is lost is asked for
	// by the resend that it would have prevented.
	c.Publish(wire.TopicAck(key.device), 1, false, payload)
	w.in.counted.update(func(c *Counters) { c.Acks++ })
}
