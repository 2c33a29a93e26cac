package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

//go:embed migrations
var migrations embed.FS

const (
	readers         = 4
	busyTimeoutMS   = 5000
	walLimitBytes   = 64 << 20
	checkpointEvery = 5 * time.Minute
	rootsKept       = 4096 // sizes of a log for which the first root is remembered
)

// Options say what a Store takes from outside; the zero value is usable.
type Options struct {
	// Now is the clock for stored times; nil means time.Now.
	Now func() time.Time
	// Logger receives findings and maintenance; nil discards.
	Logger *slog.Logger
}

// Store is an open fleet database, safe for concurrent use. Several processes
// may open one file: each write transaction takes SQLite's lock at its start.
type Store struct {
	path  string
	write *sql.DB // one connection, so writers queue here and not in SQLite
	read  *sql.DB
	now   func() time.Time
	log   *slog.Logger
	watch watchers
}

// Open opens or creates the database and brings its tables up to date. It
// starts nothing; Run does the maintenance.
func Open(path string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{path: path, now: o.Now, log: o.Logger}
	var err error
	if s.write, err = openPool(path, 1, fmt.Sprintf(
		"_txlock=immediate&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_auto_vacuum=incremental&_busy_timeout=%d",
		busyTimeoutMS)); err != nil {
		return nil, err
	}
	if err := s.prepare(context.Background()); err != nil {
		s.write.Close()
		return nil, fmt.Errorf("open fleet database %s: %w", path, err)
	}
	if s.read, err = openPool(path, readers, fmt.Sprintf("mode=ro&_query_only=1&_busy_timeout=%d", busyTimeoutMS)); err != nil {
		s.write.Close()
		return nil, err
	}
	return s, nil
}

func openPool(path string, conns int, params string) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: params}).String()
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, fmt.Errorf("open fleet database %s: %w", path, err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxLifetime(0)
	return db, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if _, err := s.write.ExecContext(ctx, fmt.Sprintf("PRAGMA journal_size_limit=%d", walLimitBytes)); err != nil {
		return err
	}
	return migrate(ctx, s.write, "migrations/sqlite")
}

// migrate applies the embedded files in the order of their names, each once and
// each in its own transaction together with the note that it was applied.
func migrate(ctx context.Context, db *sql.DB, dir string) error {
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)`); err != nil {
		return err
	}
	files, err := fs.Glob(migrations, dir+"/*.sql")
	if err != nil {
		return err
	}
	for _, file := range files {
		name := strings.TrimPrefix(file, dir+"/")
		text, err := migrations.ReadFile(file)
		if err != nil {
			return err
		}
		if err := applyMigration(ctx, db, name, string(text)); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}

func applyMigration(ctx context.Context, db *sql.DB, name, text string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var have int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM migrations WHERE name = $1`, name).Scan(&have); err != nil {
		return err
	}
	if have > 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, text); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO migrations (name) VALUES ($1)`, name); err != nil {
		return err
	}
	return tx.Commit()
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
	if _, err := s.write.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// WALBytes is the present size of the write-ahead log.
func (s *Store) WALBytes() int64 {
	info, err := os.Stat(s.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// Close closes both pools. Commits under way end first.
func (s *Store) Close() error {
	s.watch.closeAll()
	return errors.Join(s.read.Close(), s.write.Close())
}

// inTx runs f in one write transaction and commits only when f returns nil.
func (s *Store) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
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
