package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresWriters = 8 // more than ingest has workers, so that findings do not wait
	postgresReaders = 8
	postgresTimeout = 10 * time.Second // for one connection
	// migrationLock serialises servers that start at once. The number means nothing
	// but "citygate migrations".
	migrationLock = `SELECT pg_advisory_xact_lock(7453011992)`
)

// postgres is PostgreSQL. Several servers may write at once; what belongs to one
// device is serialised by a lock on its row.
type postgres struct{}

func (s *Store) openPostgres(ctx context.Context, address string) (err error) {
	s.kind = postgres{}
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return fmt.Errorf("database address: %w", err) // pgx leaves the password out
	}
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, postgresTimeout)
	// A commit that is not on disk must not be acknowledged, whatever the
	// database's own default is.
	cfg.RuntimeParams["synchronous_commit"] = "on"
	cfg.RuntimeParams["application_name"] = cmp.Or(cfg.RuntimeParams["application_name"], "cityfleet")
	s.write = stdlib.OpenDB(*cfg)
	s.write.SetMaxOpenConns(postgresWriters)
	s.write.SetMaxIdleConns(postgresWriters)
	read := cfg.Copy()
	read.RuntimeParams["default_transaction_read_only"] = "on"
	s.read = stdlib.OpenDB(*read)
	s.read.SetMaxOpenConns(postgresReaders)
	s.read.SetMaxIdleConns(postgresReaders)
	var fsync string
	if err = migrate(ctx, s.write, "migrations/postgres", migrationLock); err == nil {
		err = s.read.QueryRowContext(ctx, `SHOW fsync`).Scan(&fsync)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open fleet database %s: %w", redacted(address), err), s.write.Close(), s.read.Close())
	}
	if fsync != "on" {
		s.log.Warn("the database is set to fsync=off: a power cut there loses acknowledged events")
	}
	return nil
}

// redacted is an address without its password.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "of the configuration"
	}
	return u.Redacted()
}

// begin locks the devices' rows in one order, so that two servers wait for each
// other and never both.
func (postgres) begin(ctx context.Context, tx *sql.Tx, devices []string) error {
	if len(devices) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT id FROM devices WHERE name = ANY($1) ORDER BY id FOR NO KEY UPDATE`, devices)
	return err
}

// crossed: a deadlock (over a root that two servers store at once) or a failed
// serialisation.
func (postgres) crossed(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001")
}

func (postgres) maintain(context.Context, *sql.DB) error { return nil }

func (postgres) walBytes() int64 { return 0 }

func (postgres) rows(_ context.Context, tx *sql.Tx) (rowWriter, error) {
	return &postgresRows{tx: tx, counts: map[int64]tally{}}, nil
}

// postgresRows collects rows, because a statement for each would be a journey to
// the server for each.
type postgresRows struct {
	tx     *sql.Tx
	events []eventRow
	counts map[int64]tally // by device
}

func (w *postgresRows) event(_ context.Context, r eventRow) error {
	w.events = append(w.events, r)
	return nil
}

func (w *postgresRows) count(_ context.Context, device int64, k tallyKey, v tallyValue) error {
	t := w.counts[device]
	if t == nil {
		t = newTally()
		w.counts[device] = t
	}
	old := t[k]
	t[k] = tallyValue{old.n + v.n, old.quick + v.quick}
	return nil
}

func (w *postgresRows) flush(ctx context.Context) error {
	if err := w.flushEvents(ctx); err != nil {
		return err
	}
	return w.flushCounts(ctx)
}

func (w *postgresRows) flushEvents(ctx context.Context) error {
	n := len(w.events)
	if n == 0 {
		return nil
	}
	var epoch, seq, at, stored = make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	var kind, verdict = make([]string, n), make([]string, n)
	var raw, chain = make([][]byte, n), make([][]byte, n)
	for i, r := range w.events {
		epoch[i], seq[i], at[i], stored[i] = r.epoch, r.seq, r.at, r.stored
		kind[i], verdict[i], raw[i], chain[i] = r.kind, r.verdict, blob(r.raw), r.chain
	}
	_, err := w.tx.ExecContext(ctx, `INSERT INTO events (epoch, seq, at_us, stored_us, type, verdict, raw, chain)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::bytea[])`,
		epoch, seq, at, stored, kind, verdict, raw, chain)
	if err != nil {
		return fmt.Errorf("store %d events from %d: %w", n, seq[0], err)
	}
	w.events = w.events[:0]
	return nil
}

func (w *postgresRows) flushCounts(ctx context.Context) error {
	var device, slot, n, quick []int64
	var verdict []string
	for _, d := range slices.Sorted(maps.Keys(w.counts)) {
		for k, v := range w.counts[d] {
			device, slot, verdict, n, quick = append(device, d), append(slot, k.slot), append(verdict, k.verdict), append(n, v.n), append(quick, v.quick)
		}
	}
	if len(device) == 0 {
		return nil
	}
	_, err := w.tx.ExecContext(ctx, `INSERT INTO counts (device, slot_us, verdict, n, quick)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
		ON CONFLICT (device, slot_us, verdict) DO UPDATE SET n = counts.n + excluded.n, quick = counts.quick + excluded.quick`,
		device, slot, verdict, n, quick)
	if err != nil {
		return fmt.Errorf("count verdicts: %w", err)
	}
	clear(w.counts)
	return nil
}

func (w *postgresRows) close() error { return nil }
