package store

import (
	"fmt"
	"time"
)

// Chain is the hash after an item: SHA-256 over the chain before and the event.
type Chain = [32]byte

// ItemKind says what an item of a batch is.
type ItemKind uint8

// The kinds of items.
const (
	// ItemEvent is one event.
	ItemEvent ItemKind = iota
	// ItemEvicted is a range that the gateway gave up for want of space.
	ItemEvicted
	// ItemPoison is bytes that are not an event, under the right chain.
	ItemPoison
)

// Item is one event, evicted range or poisonous entry of a batch.
type Item struct {
	Kind ItemKind
	// First and Last are its numbers; an event has one.
	First, Last uint64
	// Chain is the chain after Last.
	Chain Chain
	// Raw is the event as the device encoded it: what the chain is made of. Of an
	// evicted range it is the JSON form, which no chain is made of.
	Raw []byte
	// At, Type and Verdict are the event's own; Quick is a scan that was read
	// and checked in under 100 ms.
	At      time.Time
	Type    string
	Verdict string
	Quick   bool
	// Start is set for an epoch's first event that names the epoch before.
	Start *Predecessor
	// Acknowledged is set for an ItemEvicted of numbers that the gateway deleted
	// because they were acknowledged: the database has lost them since.
	Acknowledged bool
	// Reason says why an ItemPoison is none, or what an ItemEvicted lost.
	Reason string
}

// Predecessor is what a start event says of the epoch before.
type Predecessor struct {
	// Known is false where the device could not tell: its file was set aside.
	Known bool
	Epoch uint64
	Last  uint64
	Chain Chain
}

// Batch is a run of items without gaps, its signature checked by the caller.
type Batch struct {
	Device string
	Epoch  uint64
	// Before is the chain before the first item.
	Before Chain
	Items  []Item
	// Evidence is the message as it came, kept if it leads to a finding.
	Evidence []byte
}

// First and Last are the numbers that a batch covers.
func (b Batch) First() uint64 { return b.Items[0].First }

// Last is the number after which the device signed its chain.
func (b Batch) Last() uint64 { return b.Items[len(b.Items)-1].Last }

// check finds a caller's mistake: numbers that do not follow each other.
func (b Batch) check() error {
	if len(b.Items) == 0 || b.Items[0].First == 0 {
		return fmt.Errorf("batch of %s without items or with number 0", b.Device)
	}
	next := b.Items[0].First
	for _, it := range b.Items {
		if it.First != next || it.Last < it.First || it.Kind != ItemEvicted && it.Last != it.First {
			return fmt.Errorf("batch of %s: item %d to %d does not follow %d", b.Device, it.First, it.Last, next-1)
		}
		next = it.Last + 1
	}
	return nil
}

// Outcome is what became of a batch.
type Outcome uint8

// The outcomes of Commit.
const (
	// Committed: its new events are on disk. Acknowledge.
	Committed Outcome = iota
	// Repeated: all of it was committed before, under the same chain. Acknowledge.
	Repeated
	// Ahead: it starts beyond mark+1. Nothing was written; Need says what lacks.
	Ahead
	// Forked: its numbers are committed under another chain. A finding was
	// stored; do not acknowledge.
	Forked
	// Stranger: the device is not enrolled. Nothing was written.
	Stranger
)

// Result is the outcome of one batch and where its epoch stands after it.
type Result struct {
	Outcome Outcome
	// Mark is the number up to which everything is committed, Chain the chain there.
	Mark  uint64
	Chain Chain
	// New counts the numbers that this batch added.
	New uint64
	// NeedFirst and NeedLast are the missing range of an Ahead batch.
	NeedFirst, NeedLast uint64
}
