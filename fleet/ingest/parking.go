package ingest

import (
	"cmp"
	"maps"
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
func (p *parking) add(key epochKey, b store.Batch, now time.Time) bool {
	if l := p.lots[key]; p.total >= parkedWorker || l != nil && len(l.batches) >= parkedDevice {
		return false
	}
	p.put(key, b, now)
	return true
}

// put keeps a batch in any case; since counts only for the first of its epoch.
func (p *parking) put(key epochKey, b store.Batch, since time.Time) {
	l := p.lots[key]
	if l == nil {
		l = &lot{since: since}
		p.lots[key] = l
	}
	i, same := slices.BinarySearchFunc(l.batches, b.First(), func(x store.Batch, first uint64) int {
		return cmp.Compare(x.First(), first)
	})
	if same {
		l.batches[i] = b
		return
	}
	l.batches = slices.Insert(l.batches, i, b)
	p.total++
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

// keys lists the epochs that have batches here.
func (p *parking) keys() []epochKey { return slices.Collect(maps.Keys(p.lots)) }

// all removes and returns the batches of an epoch, and since when it has some.
func (p *parking) all(key epochKey) ([]store.Batch, time.Time) {
	l := p.lots[key]
	return p.remove(key, l, len(l.batches)), l.since
}
