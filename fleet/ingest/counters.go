package ingest

import (
	"maps"
	"sync"
)

// Reasons why a message is dropped, as they stand in metrics.
const (
	DropTopic      = "topic"      // not a topic of ours, or one of the other direction
	DropUnexpected = "unexpected" // progress of a command that was not given
	DropMalformed  = "malformed"  // the payload does not parse
	DropForeign    = "foreign"    // a batch under another device's topic
	DropStranger   = "stranger"   // the device is not enrolled
	DropSignature  = "signature"  // not the device's signature
	DropAhead      = "ahead"      // beyond the mark for too long; asked for again
	DropFork       = "fork"       // another chain under committed numbers
	DropFull       = "queue-full" // a worker did not keep up
)

// Counters are what ingest did since it started.
type Counters struct {
	Messages, Batches, Events, Repeated, Acks, Needs uint64
	// Dropped is by reason.
	Dropped map[string]uint64
}

type counters struct {
	mu sync.Mutex // guards c
	c  Counters
}

func (k *counters) update(f func(*Counters)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(&k.c)
}

func (k *counters) drop(reason string) {
	k.update(func(c *Counters) {
		if c.Dropped == nil {
			c.Dropped = make(map[string]uint64)
		}
		c.Dropped[reason]++
	})
}

func (k *counters) read() Counters {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.c
	c.Dropped = maps.Clone(k.c.Dropped)
	return c
}
