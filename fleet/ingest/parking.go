package ingest

import (
	"slices"
	"time"

	"citygate/fleet/store"
)

type epochKey struct {
	device string
	epoch  uint64
}

// parking holds batches that start beyond the mark, by first number. A worker's
// redelivered duplicates do not count twice.
type parking struct {
	lots  map[epochKey]*lot
	total int
}

type lot struct {
	since   time.Time // when the oldest batch here came
	batches []store.Batch
}

func newParking() parking { return parking{lots: make(map[epochKey]*lot)} }

// add keeps a batch, or returns false when there is no room.
func (p *parking) add(key epochKey, b store.Batch, _ store.Result, now time.Time) bool {
	l := p.lots[key]
	if l == nil {
		l = &lot{since: now}
	}
	i, same := slices.BinarySearchFunc(l.batches, b.First(), func(x store.Batch, first uint64) int {
		return cmpUint(x.First(), first)
	})
	if same {
		l.batches[i] = b
		return true
	}
	if len(l.batches) >= parkedDevice || p.total >= parkedWorker {
		return false
	}
	l.batches = slices.Insert(l.batches, i, b)
	p.lots[key] = l
	p.total++
	return true
}

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// take removes and returns the batches that follow mark without a gap.
func (p *parking) take(key epochKey, mark uint64) []store.Batch {
	l := p.lots[key]
	if l == nil {
		return nil
	}
	n := 0
	for n < len(l.batches) && l.batches[n].First() <= mark+1 {
		mark = max(mark, l.batches[n].Last())
		n++
	}
	return p.remove(key, l, n)
}

func (p *parking) remove(key epochKey, l *lot, n int) []store.Batch {
	out := slices.Clone(l.batches[:n])
	l.batches = slices.Delete(l.batches, 0, n)
	p.total -= n
	if len(l.batches) == 0 {
		delete(p.lots, key)
	}
	return out
}

// expired removes and returns all batches of the epochs that waited too long.
func (p *parking) expired(now time.Time, wait time.Duration) map[epochKey][]store.Batch {
	var out map[epochKey][]store.Batch
	for key, l := range p.lots {
		if now.Sub(l.since) < wait {
			continue
		}
		if out == nil {
			out = make(map[epochKey][]store.Batch)
		}
		out[key] = p.remove(key, l, len(l.batches))
	}
	return out
}
