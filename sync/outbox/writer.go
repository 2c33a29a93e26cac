package outbox

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"

	"citygate/sync/wire"
)

// seqBits is the share of an item's id that is the number; the rest is the epoch's place in their order.
const seqBits = 40

func itemID(ord int64, seq uint64) int64 { return ord<<seqBits | int64(seq) }

// request is one thing that the writer does for somebody: store an event, or take an acknowledgement.
type request struct {
	draft wire.Draft
	prio  uint8
	at    int64
	ack   *wire.VerifiedAck // if set, the request is an acknowledgement and not an event

	stamp    Stamp
	released released
	err      error
	done     chan struct{} // closed when stamp and err are set
}

// writer is the state of the one goroutine that writes.
type writer struct {
	conn   *sql.Conn
	insert *inserter

	device string
	epoch  uint64
	ord    int64
	last   uint64    // last number given and committed
	chain  wire.Hash // chain there
	stale  bool      // a commit failed in a way that leaves open what is on disk: read last and chain again

	expect  int                     // size of the last group: how many appenders are likely to come again at once
	kept    int64                   // acknowledged rows that are still in the file
	hint    [wire.MaxPrio + 1]int64 // no event of the priority has an id at or below
	dirty   int64                   // about how many bytes wait in the write-ahead log
	reserve bool                    // the reserve file is there
	low     bool                    // the disk is nearly full and the database may not grow
}

// rowOverhead is about what a row needs besides its body.
const rowOverhead = 56

// keepEpochs is how many epochs stay known after their last event was deleted.
const keepEpochs = 1000

// begin stores the row of a new epoch and makes it the one that events are numbered in.
func (w *writer) begin(ctx context.Context, device string, epoch uint64) error {
	chain := wire.Chain0(device, epoch)
	err := w.conn.QueryRowContext(ctx, `INSERT INTO epoch (ord, epoch, device, acked, ackchain, floor, floorchain)
		SELECT coalesce(max(ord), 0) + 1, ?, ?, 0, ?, 0, ? FROM epoch RETURNING ord`, int64(epoch), device, chain[:], chain[:]).Scan(&w.ord)
	if err != nil {
		return err
	}
	// Old epochs that are done are forgotten some day; until then a fleet that lost them can ask for them.
	_, err = w.conn.ExecContext(ctx, `DELETE FROM epoch WHERE ord <= ? AND floor = acked AND NOT EXISTS (
		SELECT 1 FROM item WHERE id > ord << 40 AND id < (ord + 1) << 40)`, w.ord-keepEpochs)
	if err != nil {
		return err
	}
	w.insert, err = newInserter(ctx, w.conn)
	w.device, w.epoch, w.chain, w.expect = device, epoch, chain, 1
	return err
}

// tail returns the last number and chain of an epoch: those of its last item, or of the acknowledgement when all
// items are deleted.
func tail(ctx context.Context, conn *sql.Conn, ord, acked int64, ackchain []byte) (uint64, wire.Hash, error) {
	var id, span int64
	var chain []byte
	err := conn.QueryRowContext(ctx, "SELECT id, span, chain FROM item WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1",
		itemID(ord, 0), itemID(ord+1, 0)).Scan(&id, &span, &chain)
	if errors.Is(err, sql.ErrNoRows) {
		id, span, chain, err = itemID(ord, uint64(acked)), 1, ackchain, nil
	}
	if err != nil {
		return 0, wire.Hash{}, err
	}
	last := uint64(id+span-1) & wire.MaxSeq
	return last, wire.Hash(chain), nil
}

// Run stores what is appended until ctx ends. It returns nil then, or an error when the file turns out to be damaged:
// the next Open sets it aside.
func (o *Outbox) Run(ctx context.Context) error {
	if o.running.Swap(true) {
		return errors.New("outbox: Run may be called once, before Close")
	}
	defer close(o.stopped)
	tick := time.NewTicker(o.opts.Tick)
	defer tick.Stop()
	window := time.NewTimer(o.opts.Window)
	defer window.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			o.maintain(true)
		case r := <-o.requests:
			group := o.collect(r, window)
			o.commit(group)
			if err := damaged(group); err != nil {
				return fmt.Errorf("outbox %s: %w", o.path, err)
			}
			o.maintain(false)
		}
	}
}

// damaged returns the error of a request that failed because the file is damaged.
func damaged(group []*request) error {
	for _, r := range group {
		if r.err != nil && errors.Is(damagedOr(r.err), errDamaged) {
			return r.err
		}
	}
	return nil
}

// collect gathers a group. It takes all that is queued; beyond that it waits only while fewer have come than were in
// the group before, because those whose commit has just returned are about to come again. A single appender therefore
// never waits, and 64 appenders share one fsync instead of splitting into one and 63.
func (o *Outbox) collect(first *request, window *time.Timer) []*request {
	group := append(make([]*request, 0, groupTarget), first)
	want := min(o.w.expect, groupTarget)
	window.Reset(o.opts.Window)
	for len(group) < groupMax {
		if len(group) >= want {
			select {
			case r := <-o.requests:
				group = append(group, r)
				continue
			default:
			}
			break
		}
		select {
		case r := <-o.requests:
			group = append(group, r)
			continue
		case <-window.C:
		}
		break
	}
	o.w.expect = len(group)
	return group
}

// commit stores a group in one transaction, evicting when there is no space, and answers its requests.
func (o *Outbox) commit(group []*request) {
	err := o.store(group)
	for tries := 0; isFull(err) && tries < maxEvictions; tries++ {
		if freed, everr := o.makeRoom(); everr != nil || !freed {
			err = errors.Join(fmt.Errorf("%w: %w", ErrFull, err), everr)
			break
		}
		err = o.store(group)
	}
	appended := uint64(0)
	for _, r := range group {
		if err != nil {
			r.err = err
		}
		if r.err == nil && r.ack == nil {
			appended++
		}
		if r.err == nil {
			o.depth.Add(^r.released.events + 1)
			o.w.kept += r.released.rows
		}
	}
	o.depth.Add(appended)
	o.appended.Add(appended)
	for _, r := range group {
		close(r.done)
	}
	if appended > 0 {
		select {
		case o.fresh <- struct{}{}:
		default:
		}
	}
}

// store runs one transaction. On an error nothing of the group is known to be stored, and nothing is known not to be.
func (o *Outbox) store(group []*request) error {
	ctx := context.Background() // a transaction is never cut off in the middle
	if err := o.reload(ctx); err != nil {
		return err
	}
	if _, err := o.w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	last, chain, err := o.storeAll(ctx, group)
	if err == nil {
		_, err = o.w.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		o.w.stale = true
		o.w.insert.reset()
		o.rollback(ctx)
		return err
	}
	o.w.last, o.w.chain = last, chain
	o.w.dirty += 2 * pageSize // the pages at the right edge are written in every commit
	return nil
}

// rollback ends a failed transaction. SQLite has done so itself after some errors, so that there is none any more.
func (o *Outbox) rollback(ctx context.Context) {
	if _, err := o.w.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		o.log.Debug("rollback after a failed commit", "error", err)
	}
}

// storeAll gives the numbers, links the chain and inserts the rows.
func (o *Outbox) storeAll(ctx context.Context, group []*request) (uint64, wire.Hash, error) {
	last, chain := o.w.last, o.w.chain
	for _, r := range group {
		if r.ack != nil {
			r.released, r.err = o.acknowledge(ctx, *r.ack)
			if r.err != nil && !errors.Is(r.err, ErrAck) {
				return 0, chain, r.err
			}
			continue
		}
		if last == wire.MaxSeq {
			return 0, chain, fmt.Errorf("%w: the epoch has no more numbers", ErrFull)
		}
		last++
		body := r.draft.Number(last)
		chain = wire.ChainNext(chain, body)
		if err := o.w.insert.event(ctx, itemID(o.w.ord, last), r.prio, r.at, bytes.Clone(chain[:]), body); err != nil {
			return 0, chain, fmt.Errorf("insert: %w", err)
		}
		o.w.dirty += int64(len(body)) + rowOverhead
		r.stamp = Stamp{Epoch: o.w.epoch, Seq: last}
	}
	if err := o.w.insert.flush(ctx); err != nil {
		return 0, chain, fmt.Errorf("insert: %w", err)
	}
	return last, chain, nil
}

// reload reads the last number and chain from the file after a commit whose outcome is unknown.
func (o *Outbox) reload(ctx context.Context) error {
	if !o.w.stale {
		return nil
	}
	var acked int64
	var ackchain []byte
	if err := o.w.conn.QueryRowContext(ctx, "SELECT acked, ackchain FROM epoch WHERE ord = ?", o.w.ord).Scan(&acked, &ackchain); err != nil {
		return fmt.Errorf("read the epoch again: %w", err)
	}
	last, chain, err := tail(ctx, o.w.conn, o.w.ord, acked, ackchain)
	if err != nil {
		return fmt.Errorf("read the last number again: %w", err)
	}
	o.w.last, o.w.chain, o.w.stale = last, chain, false
	return o.count(ctx)
}

// isFull reports whether err is SQLite's word for no space, be it max_page_count or the disk.
func isFull(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.Code == sqlite3.ErrFull
}

// size returns the size of a file, or 0 if there is none.
func size(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return fi.Size()
}
