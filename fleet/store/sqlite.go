package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

const (
	readers       = 4
	busyTimeoutMS = 5000
	walLimitBytes = 64 << 20
)

// sqlite is the file at its path, in WAL mode and synchronous=FULL. Its one
// writing connection takes the lock when a transaction begins, so writers queue
// here and not in SQLite.
type sqlite string

func (s *Store) openSQLite(ctx context.Context, path string) error {
	s.kind = sqlite(path)
	var err error
	if s.write, err = openFile(path, 1, fmt.Sprintf(
		"_txlock=immediate&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_auto_vacuum=incremental&_busy_timeout=%d",
		busyTimeoutMS)); err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, fmt.Sprintf("PRAGMA journal_size_limit=%d", walLimitBytes))
	if err == nil {
		err = migrate(ctx, s.write, "migrations/sqlite", "")
	}
	if err == nil {
		s.read, err = openFile(path, readers, fmt.Sprintf("mode=ro&_query_only=1&_busy_timeout=%d", busyTimeoutMS))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open fleet database %s: %w", path, err), s.write.Close())
	}
	return nil
}

func openFile(path string, conns int, params string) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: params}).String()
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxLifetime(0)
	return db, nil
}

func (sqlite) begin(context.Context, *sql.Tx, []string) error { return nil }

func (sqlite) crossed(error) bool { return false }

func (sqlite) maintain(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

func (s sqlite) walBytes() int64 {
	info, err := os.Stat(string(s) + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// rows writes each row with a statement that is prepared once.
func (sqlite) rows(ctx context.Context, tx *sql.Tx) (rowWriter, error) {
	var w sqliteRows
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&w.events, `INSERT INTO events (epoch, seq, at_us, stored_us, type, verdict, raw, chain)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`},
		{&w.counts, `INSERT INTO counts (device, slot_us, verdict, n, quick) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (device, slot_us, verdict) DO UPDATE SET n = counts.n + excluded.n, quick = counts.quick + excluded.quick`},
	} {
		stmt, err := tx.PrepareContext(ctx, p.sql)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare commit: %w", err), w.close())
		}
		*p.to = stmt
	}
	return &w, nil
}

type sqliteRows struct{ events, counts *sql.Stmt }

func (w *sqliteRows) event(ctx context.Context, r eventRow) error {
	_, err := w.events.ExecContext(ctx, r.epoch, r.seq, r.at, r.stored, r.kind, r.verdict, r.raw, r.chain)
	if err != nil {
		return fmt.Errorf("store event %d: %w", r.seq, err)
	}
	return nil
}

func (w *sqliteRows) count(ctx context.Context, device int64, k tallyKey, v tallyValue) error {
	if _, err := w.counts.ExecContext(ctx, device, k.slot, k.verdict, v.n, v.quick); err != nil {
		return fmt.Errorf("count verdicts: %w", err)
	}
	return nil
}

func (w *sqliteRows) flush(context.Context) error { return nil }

func (w *sqliteRows) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{w.events, w.counts} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}
