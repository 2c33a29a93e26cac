package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"citygate/sync/wire"
)

const (
	evictChunk   = 256 // rows that one step of eviction looks at
	maxEvictions = 256 // steps for one group, before it is refused
	prioEvicted  = -1  // prio of a row that stands for an evicted range
)

// makeRoom frees some space after SQLite found none: acknowledged rows first, then the oldest events of the lowest
// priority there is. It reports whether anything was freed.
func (o *Outbox) makeRoom() (bool, error) {
	ctx := context.Background()
	o.dropReserve()
	o.checkpoint(ctx, "PASSIVE") // so that the log is written from its beginning again and needs no new space
	if n, err := o.prune(ctx, 4*evictChunk); n > 0 || err != nil {
		return n > 0, err
	}
	for prio := int(wire.MaxPrio); prio >= 0; prio-- {
		n, err := o.evict(ctx, prio)
		if n > 0 || err != nil {
			return n > 0, err
		}
	}
	return false, nil
}

// span is a run of evicted events of one epoch: the row that will stand for them.
type span struct {
	first, last int64 // ids
	at          int64
	chain       []byte
	counts      map[string]uint64
}

// evict replaces the oldest events of one priority, at most evictChunk of them, by ranges. It returns how many events
// were evicted.
func (o *Outbox) evict(ctx context.Context, prio int) (int, error) {
	runs, n, err := o.candidates(ctx, prio)
	if err != nil {
		return 0, fmt.Errorf("evict: %w", err)
	}
	if n == 0 {
		return 0, nil
	}
	err = o.transact(ctx, func() error {
		for _, r := range runs {
			if err := o.replace(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("evict: %w", err)
	}
	o.w.hint[prio] = runs[len(runs)-1].last
	o.evicted.Add(uint64(n))
	o.depth.Add(^uint64(n - 1))
	o.w.dirty += int64(n) * 64
	o.log.Warn("space has ended; events were evicted", "priority", prio, "events", n)
	return n, nil
}

// candidates reads the oldest events of a priority and joins neighbours into runs. Acknowledged rows are gone when it
// is called, so whatever has the priority is still waiting.
func (o *Outbox) candidates(ctx context.Context, prio int) ([]*span, int, error) {
	rows, err := o.w.conn.QueryContext(ctx, "SELECT id, at, chain, body FROM item WHERE id > ? AND prio = ? ORDER BY id LIMIT ?",
		o.w.hint[prio], prio, evictChunk)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var runs []*span
	n := 0
	for rows.Next() {
		var id, at int64
		var chain, body []byte
		if err := rows.Scan(&id, &at, &chain, &body); err != nil {
			return nil, 0, err
		}
		n++
		next := &span{first: id, last: id, at: at, chain: chain, counts: map[string]uint64{countKey(body): 1}}
		if len(runs) > 0 && runs[len(runs)-1].last+1 == id {
			runs[len(runs)-1].join(next)
		} else {
			runs = append(runs, next)
		}
	}
	return runs, n, rows.Err()
}

// countKey says under what an evicted event is counted.
func countKey(body []byte) string {
	e, err := wire.DecodeEvent(body)
	switch {
	case err != nil:
		return "damaged"
	case e.Type == wire.TypeScan && e.Verdict != "":
		return e.Type + "/" + e.Verdict
	}
	return e.Type
}

// maxCounts bounds the kinds that a range counts; what is beyond is counted as "other".
const maxCounts = 40

// join appends the next run to s.
func (s *span) join(next *span) {
	s.last, s.chain, s.at = next.last, next.chain, min(s.at, next.at)
	for k, n := range next.counts {
		if _, ok := s.counts[k]; !ok && len(s.counts) >= maxCounts {
			k = "other"
		}
		s.counts[k] += n
	}
}

// replace deletes the rows of a run and inserts one that stands for them, joined with evicted ranges on both sides.
func (o *Outbox) replace(ctx context.Context, r *span) error {
	if left, err := o.evictedAt(ctx, "id < ? ORDER BY id DESC", r.first); err != nil {
		return err
	} else if left != nil && left.last+1 == r.first {
		left.join(r)
		r = left
	}
	if right, err := o.evictedAt(ctx, "id = ?", r.last+1); err != nil {
		return err
	} else if right != nil {
		r.join(right)
	}
	if _, err := o.w.conn.ExecContext(ctx, "DELETE FROM item WHERE id >= ? AND id <= ?", r.first, r.last); err != nil {
		return err
	}
	counts, err := json.Marshal(r.counts)
	if err != nil {
		return err
	}
	return o.w.insert.span(ctx, r.first, r.last-r.first+1, prioEvicted, r.at, r.chain, counts)
}

// evictedAt returns the first row that meets the condition, if it is an evicted range. The first number of an epoch
// never follows the last of another without a gap of ids, so a neighbour by id is of the same epoch.
func (o *Outbox) evictedAt(ctx context.Context, where string, id int64) (*span, error) {
	rows, err := o.w.conn.QueryContext(ctx, "SELECT id, span, prio, at, chain, body FROM item WHERE "+where+" LIMIT 1", id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	var first, n, prio, at int64
	var chain, body []byte
	if err := rows.Scan(&first, &n, &prio, &at, &chain, &body); err != nil {
		return nil, err
	}
	if prio != prioEvicted {
		return nil, nil
	}
	s := &span{first: first, last: first + n - 1, at: at, chain: chain}
	if err := json.Unmarshal(body, &s.counts); err != nil {
		return nil, fmt.Errorf("counts of the range at %d: %w", first&wire.MaxSeq, err)
	}
	return s, nil
}

// holdReserve makes the file that is given up when the disk is full. Without it a full disk could not even take the
// record of an eviction. That it cannot be made is no error: then the disk is full already.
func (o *Outbox) holdReserve() {
	if o.w.reserve {
		return
	}
	f, err := os.OpenFile(o.path+".reserve", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.Write(make([]byte, reserveBytes))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		o.log.Warn("no space for the outbox's reserve", "error", err)
		os.Remove(o.path + ".reserve")
		return
	}
	o.w.reserve = true
}

// dropReserve gives the reserve up if it is the disk that is full, and not the database that is at its cap.
func (o *Outbox) dropReserve() {
	if free, err := freeBytes(o.path); !o.w.reserve || err == nil && free > reserveBytes {
		return
	}
	if err := os.Remove(o.path + ".reserve"); err != nil {
		o.log.Warn("the outbox's reserve could not be given up", "error", err)
	}
	o.w.reserve = false
}

// freeBytes returns the space that is left on the disk of path.
func freeBytes(path string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil // 32 bits wide on armhf
}
