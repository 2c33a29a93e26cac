package ingest

import (
	"context"
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
	tick := time.NewTicker(w.in.cfg.Wait / 8)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-w.queue:
			w.handle(ctx, w.group(m))
		case now := <-tick.C:
			w.retry(ctx, now)
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
	var states []store.Observation
	for _, m := range msgs {
		if m.topic.Kind == wire.KindResult {
			w.result(ctx, m)
			continue
		}
		if m.topic.Kind != wire.KindEvents {
			if o, ok := w.openOther(m); ok {
				states = append(states, o)
			}
			continue
		}
		if b, ok := w.openBatch(ctx, m, keys); ok {
			batches = append(batches, b)
		}
	}
	w.observe(ctx, states)
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
		if r.Outcome == store.Ahead {
			if !w.parked.add(key, batches[i], time.Now()) {
				w.in.counted.drop(DropAhead)
			}
		} else if old, ok := acks[key]; w.count(r) && (!ok || r.Mark >= old.Mark) {
			acks[key] = r
		}
	}
	var again []store.Batch
	for key, r := range acks {
		w.acknowledge(ctx, key, r, nil)
		again = append(again, w.parked.take(key, r.Mark)...)
	}
	return again
}

// count counts a result and tells whether it is to be acknowledged.
func (w *worker) count(r store.Result) bool {
	switch r.Outcome {
	case store.Forked:
		w.in.counted.drop(DropFork)
		return false
	case store.Stranger:
		w.in.counted.drop(DropStranger)
		return false
	}
	w.in.counted.update(func(c *Counters) {
		c.Batches++
		c.Events += r.New
		if r.New == 0 {
			c.Repeated++
		}
	})
	return true
}

// commitRetry commits, trying until the store does or ctx ends.
func (w *worker) commitRetry(ctx context.Context, batches []store.Batch) (results []store.Result, ok bool) {
	ok = w.untilStored(ctx, func() (err error) {
		results, err = w.in.store.Commit(ctx, batches)
		return err
	})
	return results, ok
}

// untilStored tries until the store works or ctx ends: without a commit there
// is no acknowledgement, and taking more would only fill memory.
func (w *worker) untilStored(ctx context.Context, try func() error) bool {
	backoff, failed := 50*time.Millisecond, false
	for {
		err := try()
		if err == nil {
			if failed {
				w.in.storeFails(ctx, -1)
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if !failed {
			failed = true
			w.in.cfg.Logger.Error("nothing can be stored; gateways hold", "error", err)
			w.in.storeFails(ctx, +1)
		}
		select {
		case <-time.After(backoff/2 + rand.N(backoff)):
			backoff = min(2*backoff, 5*time.Second)
		case <-ctx.Done():
			return false
		}
	}
}

// retry tries parked batches again, because another worker or server may have
// moved their mark. What has waited too long is dropped, and what lies before it
// is asked for.
func (w *worker) retry(ctx context.Context, now time.Time) {
	for _, key := range w.parked.keys() {
		batches, since := w.parked.all(key)
		results, ok := w.commitRetry(ctx, batches)
		if !ok {
			return
		}
		var last store.Result
		var need []wire.Range
		moved, over := false, now.Sub(since) >= w.in.cfg.Wait
		for i, r := range results {
			if r.Mark >= last.Mark {
				last = r
			}
			switch {
			case r.Outcome != store.Ahead:
				moved = moved || w.count(r)
			case over:
				w.in.counted.drop(DropAhead)
				need = []wire.Range{{First: r.NeedFirst, Last: batches[i].Last()}}
			default:
				w.parked.put(key, batches[i], since)
			}
		}
		if need != nil {
			w.askAgain(ctx, key, need[0].First, results)
		}
		if moved || need != nil {
			w.acknowledge(ctx, key, last, need)
		}
	}
}

// askAgain records the gap that is asked for: from the mark to the first batch
// that is ahead.
func (w *worker) askAgain(ctx context.Context, key epochKey, first uint64, results []store.Result) {
	gap := fleet.Finding{
		Device: key.device, Kind: fleet.Gap, Epoch: key.epoch, First: first,
		Detail: "later events came; these were asked for again",
	}
	for _, r := range results {
		if r.Outcome == store.Ahead && (gap.Last == 0 || r.NeedLast < gap.Last) {
			gap.Last = r.NeedLast
		}
	}
	w.find(ctx, gap)
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
