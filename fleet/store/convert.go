package store

import (
	"encoding/json"
	"fmt"
	"time"

	"citygate/sync/wire"
)

// quickLimit is the time for scanning and checking that the promise names.
const quickLimit = 100 * time.Millisecond

// FromWire turns a decoded batch into what Commit takes. An item whose bytes
// are not an event, or not the event of its place, becomes an ItemPoison: its
// bytes are under the device's signature and are kept. The signature itself is
// the caller's to check.
func FromWire(b wire.Batch, evidence []byte) (Batch, error) {
	out := Batch{Device: b.Device, Epoch: b.Epoch, Before: b.Prev, Evidence: evidence, Items: make([]Item, len(b.Items))}
	seq, chain := b.First, b.Prev
	for i, it := range b.Items {
		chain = it.Chain(chain)
		item := Item{First: seq, Last: seq, Chain: chain, Raw: it.Event}
		if it.Evicted != nil {
			raw, err := json.Marshal(it.Evicted)
			if err != nil {
				return Batch{}, fmt.Errorf("evicted range from %d: %w", seq, err)
			}
			item.Kind, item.Last, item.Raw = ItemEvicted, it.Evicted.Last, raw
			item.Reason, item.Acknowledged = evictedReason(it.Evicted)
		} else if e, err := wire.DecodeEvent(it.Event); err != nil {
			item.Kind, item.Reason = ItemPoison, "the bytes are not an event: "+err.Error()
		} else if e.Seq != seq {
			item.Kind, item.Reason = ItemPoison, fmt.Sprintf("the event says it is number %d", e.Seq)
		} else {
			item.fill(e)
		}
		out.Items[i] = item
		seq = item.Last + 1
	}
	return out, nil
}

// evictedReason says why a gateway no longer has a range. The two words are what
// its outbox counts events under that did not go for want of space.
func evictedReason(e *wire.Evicted) (reason string, acknowledged bool) {
	n := e.Last - e.First + 1
	switch {
	case e.Counts["acknowledged"] > 0:
		return "the gateway deleted these once they were acknowledged; this database has lost them since", true
	case e.Counts["damaged"] == n:
		return fmt.Sprintf("%d events were damaged on the gateway's disk", n), false
	}
	return fmt.Sprintf("%d events were given up for want of space", n), false
}

// fill takes from an event what the store keeps beside its bytes.
func (it *Item) fill(e wire.Event) {
	it.At = time.UnixMicro(e.At).UTC()
	it.Type = e.Type
	if e.Type == wire.TypeScan {
		it.Verdict = e.Verdict
		it.Quick = time.Duration(e.ScanUS+e.VerifyUS)*time.Microsecond < quickLimit
	}
	if e.Type != wire.TypeStart {
		return
	}
	it.Start = &Predecessor{}
	if e.Before != nil {
		it.Start = &Predecessor{Known: true, Epoch: e.Before.Epoch, Last: e.Before.Last, Chain: e.Before.Chain}
	}
}
