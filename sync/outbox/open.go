package outbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/mattn/go-sqlite3"

	"citygate/sync/wire"
)

// applicationID marks the file ("CGob"), userVersion its schema.
const (
	applicationID = 0x43476f62
	userVersion   = 1
)

const schema = `
CREATE TABLE epoch (
	ord        INTEGER PRIMARY KEY,
	epoch      INTEGER NOT NULL UNIQUE,
	device     TEXT NOT NULL,
	acked      INTEGER NOT NULL,
	ackchain   BLOB NOT NULL,
	floor      INTEGER NOT NULL,
	floorchain BLOB NOT NULL
) STRICT;
CREATE TABLE item (
	id    INTEGER PRIMARY KEY,
	span  INTEGER NOT NULL,
	prio  INTEGER NOT NULL,
	at    INTEGER NOT NULL,
	chain BLOB NOT NULL,
	body  BLOB NOT NULL
) STRICT;
`

// errDamaged is why a file is set aside.
var errDamaged = errors.New("damaged")

// dsn makes a go-sqlite3 data source name. busy_timeout is for the rare moment when a checkpoint and a reader meet.
func dsn(path string, extra url.Values) string {
	extra.Set("_busy_timeout", "5000")
	u := url.URL{Path: path}
	return "file:" + u.EscapedPath() + "?" + extra.Encode()
}

func (o *Outbox) open() error {
	if err := o.takeLock(); err != nil {
		return err
	}
	err := o.openDatabase()
	if errors.Is(err, errDamaged) {
		o.log.Error("outbox is damaged; it is set aside and a new one begun", "path", o.path, "error", err)
		if err := o.setAside(); err != nil {
			return err
		}
		err = o.openDatabase()
	}
	if err != nil {
		return err
	}
	o.holdReserve()
	if err := syncDir(filepath.Dir(o.path)); err != nil {
		return err
	}
	return o.beginEpoch()
}

// takeLock keeps other processes out. The lock dies with the process, so a SIGKILL leaves nothing behind.
func (o *Outbox) takeLock() error {
	f, err := os.OpenFile(o.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("in use by another process: %w", err)
	}
	o.lock = f
	return nil
}

// openDatabase opens both pools and checks the file. Its error wraps errDamaged if the file itself is at fault.
func (o *Outbox) openDatabase() error {
	write, err := sql.Open("sqlite3", dsn(o.path, url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	conn, err := write.Conn(context.Background())
	if err != nil {
		write.Close()
		return damagedOr(err)
	}
	if err := o.prepare(conn); err != nil {
		conn.Close()
		write.Close()
		return damagedOr(err)
	}
	read, err := sql.Open("sqlite3", dsn(o.path, url.Values{"_query_only": {"true"}}))
	if err != nil {
		conn.Close()
		write.Close()
		return err
	}
	read.SetMaxOpenConns(3)
	o.write, o.w.conn, o.read = write, conn, read
	return nil
}

// prepare sets the connection up, checks the file and makes the tables of a new one. auto_vacuum only takes effect
// before the first table, so it stands before journal_mode, which writes the file's first page.
func (o *Outbox) prepare(conn *sql.Conn) error {
	ctx := context.Background()
	for _, q := range []string{
		"PRAGMA page_size=" + strconv.Itoa(pageSize),
		"PRAGMA auto_vacuum=INCREMENTAL",
		"PRAGMA journal_mode=WAL",
		"PRAGMA synchronous=FULL",
		"PRAGMA wal_autocheckpoint=0", // the writer does it, see maintain
		"PRAGMA journal_size_limit=" + strconv.Itoa(walLimit),
		"PRAGMA max_page_count=" + strconv.FormatInt(o.opts.MaxBytes/pageSize, 10),
	} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	var check string
	if err := conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&check); err != nil {
		return fmt.Errorf("quick check: %w", err)
	}
	if check != "ok" {
		return fmt.Errorf("quick check: %s: %w", check, errDamaged)
	}
	var app, version int64
	if err := conn.QueryRowContext(ctx, "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&app, &version); err != nil {
		return fmt.Errorf("read version: %w", err)
	}
	switch {
	case app == 0 && version == 0:
		return createTables(ctx, conn)
	case app != applicationID:
		return fmt.Errorf("application id %#x is not an outbox's: %w", app, errDamaged)
	case version != userVersion:
		return fmt.Errorf("schema version %d is not known, only %d is", version, userVersion)
	}
	return nil
}

func createTables(ctx context.Context, conn *sql.Conn) error {
	q := fmt.Sprintf("BEGIN IMMEDIATE; %s PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", schema, applicationID, userVersion)
	if _, err := conn.ExecContext(ctx, q); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	return nil
}

// damagedOr marks SQLite's own words for a damaged file with errDamaged. Other errors, such as a full disk or missing
// rights, are not the file's fault and must not cost it its events.
func damagedOr(err error) error {
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// setAside renames the database and its companions. At most keepDamaged such files are kept; more would fill the disk
// of a device whose card is dying.
func (o *Outbox) setAside() error {
	const keepDamaged = 3
	old, err := filepath.Glob(o.path + ".damaged-*")
	if err != nil {
		return err
	}
	for i := range len(old) - (keepDamaged-1)*3 { // names sort by time; a file has up to two companions
		o.log.Warn("removing an outbox that was set aside before", "path", old[i])
		if err := os.Remove(old[i]); err != nil {
			return err
		}
	}
	aside := o.path + ".damaged-" + o.opts.Now().UTC().Format("20060102T150405.000000")
	for _, s := range []string{"-wal", "-shm", ""} { // the database last: until then the next start finds it again
		if err := os.Rename(o.path+s, aside+s); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	o.quarantined = aside
	return syncDir(filepath.Dir(o.path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// beginEpoch draws the epoch's number and stores its row and its start event, and an alarm if a file was set aside.
func (o *Outbox) beginEpoch() error {
	ctx := context.Background()
	var random [8]byte
	rand.Read(random[:])
	o.epoch = binary.BigEndian.Uint64(random[:])
	before, detail, err := o.newest(ctx)
	if err != nil {
		return fmt.Errorf("read the epoch before: %w", damagedOr(err))
	}
	if err := o.w.begin(ctx, o.opts.Device, o.epoch); err != nil {
		return fmt.Errorf("begin epoch: %w", err)
	}
	events := []wire.Event{{Type: wire.TypeStart, Prio: wire.PrioAlarm, Before: before, Detail: detail,
		Software: o.opts.Software, Place: o.opts.Place}}
	if o.quarantined != "" {
		events = append(events, wire.Event{Type: wire.TypeAlarm, Prio: wire.PrioAlarm,
			Detail: map[string]string{"alarm": "outbox-damaged", "set-aside": filepath.Base(o.quarantined)}})
	}
	group := make([]*request, len(events))
	for i, e := range events {
		o.fill(&e)
		d, err := e.Draft()
		if err != nil {
			return err
		}
		group[i] = &request{draft: d, prio: e.Prio, at: e.At, done: make(chan struct{})}
	}
	o.commit(group)
	if err := group[0].err; err != nil {
		return fmt.Errorf("store start event: %w", err)
	}
	return o.count(ctx)
}

// newest returns what the outbox knows of the epoch before, or a detail that says why it knows nothing.
func (o *Outbox) newest(ctx context.Context) (*wire.Before, map[string]string, error) {
	if o.quarantined != "" {
		return nil, map[string]string{"before": "unknown"}, nil
	}
	var ord, epoch, acked int64
	var device string
	var ackchain []byte
	err := o.w.conn.QueryRowContext(ctx, "SELECT ord, epoch, device, acked, ackchain FROM epoch ORDER BY ord DESC LIMIT 1").Scan(&ord, &epoch, &device, &acked, &ackchain)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, map[string]string{"before": "none"}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if device != o.opts.Device {
		return nil, nil, fmt.Errorf("it holds events of device %s, not of %s: let them be sent under that name, or move the file away", device, o.opts.Device)
	}
	last, chain, err := tail(ctx, o.w.conn, ord, acked, ackchain)
	if err != nil {
		return nil, nil, err
	}
	return &wire.Before{Epoch: uint64(epoch), Last: last, Chain: chain}, nil, nil
}
