package outbox

import (
	"context"
	"strconv"
	"time"
)

const (
	pruneChunk  = 1024    // acknowledged rows deleted in one transaction
	keepFree    = 64      // free pages that stay, for the next events
	vacuumPages = 1024    // free pages that are given back to the disk at one tick
	lowDisk     = 4 << 20 // free bytes below which the database does not grow any more
)

// maintain does what is due besides storing: at each tick, and after each group what cannot wait. Its failures are
// logged and tried again; they cost space, never events.
func (o *Outbox) maintain(tick bool) {
	ctx := context.Background()
	over := o.w.kept - int64(o.opts.Keep)
	if over >= pruneChunk || tick && over > 0 {
		if _, err := o.prune(ctx, int(min(over, 4*pruneChunk))); err != nil {
			o.log.Warn("acknowledged events could not be deleted", "error", err)
		}
	}
	o.limitGrowth(ctx)
	if o.w.dirty >= walLimit {
		o.checkpoint(ctx, "PASSIVE")
	}
	if !tick {
		return
	}
	o.vacuum(ctx)
	o.checkpoint(ctx, "TRUNCATE")
	if free, err := freeBytes(o.path); err == nil && free > lowDisk+reserveBytes {
		o.holdReserve()
	}
}

// checkpoint moves the write-ahead log into the database. A reader in its way makes it do less, not wait: the next
// one does the rest.
func (o *Outbox) checkpoint(ctx context.Context, mode string) {
	var busy, frames, moved int64
	err := o.pragma(ctx, "busy_timeout=0")
	if err == nil {
		err = o.w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &frames, &moved)
	}
	if err2 := o.pragma(ctx, "busy_timeout=5000"); err == nil {
		err = err2
	}
	if err != nil {
		o.log.Warn("write-ahead log could not be moved", "mode", mode, "error", err)
		return
	}
	o.w.dirty = max(frames-moved, 0) * pageSize
}

func (o *Outbox) pragma(ctx context.Context, p string) error {
	_, err := o.w.conn.ExecContext(ctx, "PRAGMA "+p)
	return err
}

// vacuum gives free pages back to the disk when they are many, some at a time, so that no append waits long.
func (o *Outbox) vacuum(ctx context.Context) {
	var free int64
	err := o.w.conn.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free)
	if err == nil && free > keepFree {
		err = o.drainRows(ctx, "PRAGMA incremental_vacuum("+strconv.FormatInt(min(free-keepFree, vacuumPages), 10)+")")
	}
	if err != nil {
		o.log.Warn("free pages could not be given back", "error", err)
	}
}

// drainRows runs a query to its end: incremental_vacuum frees one page for each row that is read.
func (o *Outbox) drainRows(ctx context.Context, q string) error {
	rows, err := o.w.conn.QueryContext(ctx, q)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// limitGrowth stops the database from growing while the disk is nearly full. Then SQLite finds the database full and
// eviction begins, while there is still space for the log that records it.
func (o *Outbox) limitGrowth(ctx context.Context) {
	free, err := freeBytes(o.path)
	if err != nil {
		return
	}
	low := free < lowDisk
	if low == o.w.low {
		return
	}
	limit := o.opts.MaxBytes / pageSize
	if low {
		limit = 1 // SQLite takes the present size when that is larger
		o.log.Warn("disk is nearly full; the outbox stops growing", "free", free)
	}
	var now int64
	if err := o.w.conn.QueryRowContext(ctx, "PRAGMA max_page_count="+strconv.FormatInt(limit, 10)).Scan(&now); err != nil {
		o.log.Warn("limit of the outbox could not be set", "error", err)
		return
	}
	o.w.low = low
}

// count reads from the file how many events wait and how many acknowledged rows are kept.
func (o *Outbox) count(ctx context.Context) error {
	var depth, kept int64
	err := o.w.conn.QueryRowContext(ctx, `SELECT coalesce(sum(i.prio >= 0 AND i.id & ? > e.acked), 0), coalesce(sum(i.id & ? <= e.acked), 0)
		FROM item AS i CROSS JOIN epoch AS e ON e.ord = i.id >> ?`, int64(1<<seqBits-1), int64(1<<seqBits-1), seqBits).Scan(&depth, &kept)
	if err != nil {
		return err
	}
	o.depth.Store(uint64(depth))
	o.w.kept = kept
	return nil
}

// Stats is how an outbox stands.
type Stats struct {
	Depth    uint64        // events not yet acknowledged, without those evicted
	Oldest   time.Duration // age of the oldest of them by the gateway's clock; 0 if there is none
	WALBytes int64         // size of the write-ahead log
	Evicted  uint64        // events evicted since Open
	Appended uint64        // events stored since Open
	Refused  uint64        // acknowledgements refused since Open
	Bytes    int64         // size of the database file
}

// Stats returns the present figures. Figures that cannot be read are 0.
func (o *Outbox) Stats(ctx context.Context) Stats {
	s := Stats{Depth: o.depth.Load(), Evicted: o.evicted.Load(), Appended: o.appended.Load(), Refused: o.refused.Load(),
		WALBytes: size(o.path + "-wal"), Bytes: size(o.path)}
	var at int64
	err := o.read.QueryRowContext(ctx, `SELECT i.at FROM epoch AS e JOIN item AS i ON i.id > (e.ord << 40) + e.acked AND i.id < (e.ord + 1) << 40
		ORDER BY e.ord, i.id LIMIT 1`).Scan(&at)
	if err == nil {
		s.Oldest = max(0, o.opts.Now().Sub(time.UnixMicro(at)))
	}
	return s
}
