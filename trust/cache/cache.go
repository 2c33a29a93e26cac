// Package cache keeps what a gateway holds of the ledger in one SQLite file and
// hands out immutable views of it.
//
// # What it promises
//
//   - The view never goes back: a checkpoint smaller than the one held (the
//     floor) is refused, across restarts too. Floor and data change in one
//     transaction, which is committed and synced to disk before the new view is
//     swapped in. After SIGKILL or power loss the file holds the last view or
//     the one before.
//   - Nothing in the file is believed. At Open the checkpoints' signatures are
//     checked again and every root is rebuilt from the stored hashes and
//     entries. A log whose rows are damaged is left out of the view, its good
//     rows are kept, and the next Sync reads the bad ones again.
//   - An interrupted download goes on where it stopped: full tiles and bundles
//     are stored as soon as they are authenticated.
//   - A mirror that lies or stalls is left for another; only tiles that rebuild
//     a quorum's root and differ from what is held are a fork. Then both notes
//     are kept, an alarm is raised, and the old view goes on.
//
// # The file
//
// Tables: checkpoint (the floor: log, size, note), strip (level-1 tiles of
// records logs, one row for 65,536 identifiers), open_tile (leaves behind the
// strip), bundle (entries of the directory and of status logs, in tlog-tiles
// bundles), alarm, meta. Rows of strip and bundle beyond the floor are an
// unfinished download.
package cache

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"citygate/trust/ledger"
)

// Source reads the bytes of logs from somewhere that is not trusted. It is an
// alias, so that packages which do not import this one can return it too. Its
// methods are called concurrently.
//
// A source may also have Rotation(ctx, n), which returns the last directory
// checkpoint under the n-th root policy, and Alternatives() []Source, which the
// cache then tries one after the other.
type Source = interface {
	// Checkpoint returns the newest signed checkpoint of a log.
	Checkpoint(ctx context.Context, log string) ([]byte, error)
	// Tile returns a tile with at least width hashes.
	Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error)
	// Entries returns an entry bundle with at least width entries.
	Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error)
}

// Options says what a cache is for.
type Options struct {
	// Root is the root policy from the gateway's configuration.
	Root ledger.RootPolicy
	// Follow lists the prefixes of the registries whose logs are kept: those
	// registries and the ones below them, of a country only itself. Empty
	// means all.
	Follow []string
	// Logger receives what someone may have to act on. Nil discards it.
	Logger *slog.Logger
	// Stall is how long one read from a source may take. Default 30 s.
	Stall time.Duration
	// Now gives the time of alarms. Default time.Now.
	Now func() time.Time
}

// Cache is an open trust database. Its methods may be called concurrently;
// updates of one log wait for each other.
type Cache struct {
	db   *sql.DB
	opts Options
	view atomic.Pointer[ledger.View]
	// readOnly is set by OpenReadOnly, for good.
	readOnly bool

	mu     sync.Mutex               // guards all below, and each commit with its swap of the view
	floors map[string]uint64        // size of the newest checkpoint ever committed
	busy   map[string]chan struct{} // one token for each log: who holds it updates the log
	alarms []Alarm
	broken map[string]ledger.Checkpoint // stored checkpoints whose rows are damaged
	looked map[string]ledger.LogHead    // the old checkpoint of each log that older looked at last
}

// Errors that callers may tell apart.
var (
	// ErrNotFollowed says that the cache does not keep the log.
	ErrNotFollowed = errors.New("log is not followed")
	// ErrReadOnly says that the cache was opened for reading only.
	ErrReadOnly = errors.New("trust database is open for reading only")
)

// Open opens or creates the trust database at path and rebuilds the view from
// it. A file that SQLite cannot read any more is set aside under the name
// path.damaged, with an alarm, and a new one begun.
func Open(path string, o Options) (*Cache, error) {
	if err := o.Root.Validate(); err != nil {
		return nil, err
	}
	db, damage, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("open trust database %s: %w", path, err)
	}
	c := newCache(db, o)
	if err := c.start(damage); err != nil {
		db.Close()
		return nil, fmt.Errorf("open trust database %s: %w", path, err)
	}
	return c, nil
}

// OpenReadOnly opens a gateway's trust database, which the gateway may be using,
// under the root policy that the gateway was last configured with.
func OpenReadOnly(path string) (*Cache, error) {
	db, err := openReadOnly(path)
	if err != nil {
		return nil, fmt.Errorf("open trust database %s: %w", path, err)
	}
	c, err := loadReadOnly(db)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open trust database %s: %w", path, err)
	}
	return c, nil
}

func newCache(db *sql.DB, o Options) *Cache {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Cache{
		db: db, opts: o, floors: map[string]uint64{}, busy: map[string]chan struct{}{}, broken: map[string]ledger.Checkpoint{}, looked: map[string]ledger.LogHead{},
	}
}

// Close closes the database. The last view stays valid.
func (c *Cache) Close() error { return c.db.Close() }

// View returns the newest view. It is never nil and costs one atomic load.
func (c *Cache) View() *ledger.View { return c.view.Load() }

// Logs returns the short names of the logs that the cache keeps by the directory
// it holds: the directory first, then each registry's records and status.
func (c *Cache) Logs() []string {
	logs := []string{ledger.DirectoryLog}
	for _, r := range c.View().Directory().Registries() {
		if c.follows(r.Prefix) {
			logs = append(logs, r.Records.Short, r.Status.Short)
		}
	}
	return logs
}

// acquire waits until nobody else updates the log; release ends it.
func (c *Cache) acquire(ctx context.Context, log string) (release func(), err error) {
	c.mu.Lock()
	token := c.busy[log]
	if token == nil {
		token = make(chan struct{}, 1)
		c.busy[log] = token
	}
	c.mu.Unlock()
	select {
	case token <- struct{}{}:
		return func() { <-token }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
