package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

const (
	checkpointEvery = 5 * time.Minute
	rootsKept       = 4096 // sizes of a log for which the first root is remembered
	attempts        = 5    // of a transaction that another server's crossed
)

// Options say what a Store takes from outside; the zero value is usable.
type Options struct {
	// Now is the clock for stored times; nil means time.Now.
	Now func() time.Time
	// Logger receives findings and maintenance; nil discards.
	Logger *slog.Logger
}

// Store is an open fleet database, safe for concurrent use. Several processes
// may open one database: a write transaction holds SQLite's lock, or PostgreSQL's
// locks on the rows of its devices, from its start.
type Store struct {
	write *sql.DB
	read  *sql.DB
	kind  engine
	now   func() time.Time
	log   *slog.Logger
	watch watchers
}

// engine is what differs between the databases; all other SQL is common.
type engine interface {
	// begin runs first in each write transaction: when it returns, no other
	// transaction changes what belongs to the named devices.
	begin(ctx context.Context, tx *sql.Tx, devices []string) error
	// rows returns where the transaction's events go.
	rows(ctx context.Context, tx *sql.Tx) (rowWriter, error)
	// crossed tells whether a transaction failed only because of another one.
	crossed(err error) bool
	// maintain is the timed upkeep of files.
	maintain(ctx context.Context, db *sql.DB) error
	// walBytes is the size of the write-ahead log where it is this process's care.
	walBytes() int64
}

// IsURL tells a PostgreSQL address from the path of a SQLite file.
func IsURL(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// Open opens or creates the database and brings its tables up to date. A name
// that begins with postgres:// or postgresql:// is the address of a PostgreSQL
// database that exists, any other the path of a SQLite file. It starts nothing;
// Run does the maintenance.
func Open(database string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{now: o.Now, log: o.Logger}
	open := s.openSQLite
	if IsURL(database) {
		open = s.openPostgres
	}
	if err := open(context.Background(), database); err != nil {
		return nil, err
	}
	return s, nil
}

// Run does the timed maintenance until ctx ends: it folds the write-ahead log
// back into the file and forgets the oldest remembered roots.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.maintain(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("fleet database maintenance failed", "error", err)
			}
		}
	}
}

func (s *Store) maintain(ctx context.Context) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM roots WHERE size < (
		SELECT size FROM roots AS r WHERE r.log = roots.log ORDER BY size DESC LIMIT 1 OFFSET $1)`, rootsKept)
	if err != nil {
		return fmt.Errorf("forget old roots: %w", err)
	}
	return s.kind.maintain(ctx, s.write)
}

// WALBytes is the present size of SQLite's write-ahead log; PostgreSQL looks
// after its own, and it is 0.
func (s *Store) WALBytes() int64 { return s.kind.walBytes() }

// Close closes both pools. Commits under way end first.
func (s *Store) Close() error {
	s.watch.closeAll()
	return errors.Join(s.read.Close(), s.write.Close())
}

// inTx runs f in one write transaction that is about the named devices, and
// commits only when f returns nil. Where another server's transaction crossed
// this one, nothing of it is stored and f runs again.
func (s *Store) inTx(ctx context.Context, devices []string, f func(*sql.Tx) error) error {
	for n := 1; ; n++ {
		err := s.tryTx(ctx, devices, f)
		if err == nil || n == attempts || !s.kind.crossed(err) {
			return err
		}
	}
}

func (s *Store) tryTx(ctx context.Context, devices []string, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	if err := s.kind.begin(ctx, tx, devices); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// micros is how times are stored: microseconds since 1970, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
