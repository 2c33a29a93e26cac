package cache

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver

	"citygate/trust/ledger"
)

// This file implements the file: opening, and SQL in functions that take a
// transaction.

//go:embed schema.sql
var schema string

// version is the file format's number, in SQLite's user_version.
const version = 1

// dsn returns the data source name of a file with options that suit it: a
// commit is on disk when it returns (synchronous=FULL with a write-ahead log).
func dsn(path, options string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options
}

// openFile opens the writer's connection, setting a damaged file aside. damage
// says why it did.
func openFile(path string) (db *sql.DB, damage error, err error) {
	db, err = tryOpen(path)
	if err == nil || !errors.As(err, new(damagedError)) {
		return db, nil, err
	}
	damage = err
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(path+suffix, path+".damaged"+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, damage, err
		}
	}
	db, err = tryOpen(path)
	return db, damage, err
}

// damagedError says that the file is no readable database.
type damagedError struct{ err error }

func (e damagedError) Error() string { return e.err.Error() }

func tryOpen(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dsn(path,
		"_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_busy_timeout=10000&_secure_delete=false"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := prepare(db); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// prepare checks the file and brings it to the schema.
func prepare(db *sql.DB) error {
	var have int
	if err := db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return damage(err)
	}
	if have > version {
		return fmt.Errorf("its format is number %d, this program knows up to %d", have, version)
	}
	var ok string
	if err := db.QueryRow("PRAGMA quick_check(1)").Scan(&ok); err != nil {
		return damage(err)
	} else if ok != "ok" {
		return damagedError{errors.New(ok)}
	}
	if _, err := db.Exec(schema); err != nil {
		return damage(err)
	}
	// The log of writes is cut back after a large download.
	_, err := db.Exec(fmt.Sprintf("PRAGMA user_version = %d; PRAGMA journal_size_limit = 4194304", version))
	return err
}

func openReadOnly(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := tryReadOnly(path, "mode=ro&_busy_timeout=10000")
	if err == nil {
		return db, nil
	}
	// A copy on a medium that cannot be written to, where SQLite could not make
	// the file that readers share. Without a write-ahead log nothing is missed.
	if info, walErr := os.Stat(path + "-wal"); walErr == nil && info.Size() > 0 {
		return nil, err
	}
	return tryReadOnly(path, "mode=ro&immutable=1")
}

func tryReadOnly(path, options string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dsn(path, options))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	var have int
	if err = db.QueryRow("PRAGMA user_version").Scan(&have); err == nil && have != version {
		err = errors.New("it is not a gateway's trust database")
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// querier is a database or a transaction.
type querier interface {
	Query(query string, args ...any) (*sql.Rows, error)
	QueryRow(query string, args ...any) *sql.Row
	Exec(query string, args ...any) (sql.Result, error)
}

// transact runs f in one transaction and returns when it is on disk.
func (c *Cache) transact(f func(q querier) error) error {
	tx, err := c.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// putCheckpoint raises the floor. It refuses to lower it.
func putCheckpoint(q querier, log string, size uint64, note []byte) error {
	res, err := q.Exec(`INSERT INTO checkpoint (log, size, note) VALUES (?, ?, ?)
		ON CONFLICT (log) DO UPDATE SET size = excluded.size, note = excluded.note WHERE size <= excluded.size`,
		log, int64(size), note)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ledger.ErrRollback, err)
	}
	return nil
}

// storedCheckpoint is a row of the table checkpoint.
type storedCheckpoint struct {
	log  string
	size uint64
	note []byte
}

func checkpoints(q querier) ([]storedCheckpoint, error) {
	rows, err := q.Query("SELECT log, size, note FROM checkpoint")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []storedCheckpoint
	for rows.Next() {
		var s storedCheckpoint
		if err := rows.Scan(&s.log, &s.size, &s.note); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// blobs names the tables whose rows are blobs numbered within a log.
type blobs struct{ table, column string }

func strips() blobs  { return blobs{"strip", "hashes"} }
func bundles() blobs { return blobs{"bundle", "entries"} }

func (t blobs) put(q querier, log string, n uint64, b []byte) error {
	_, err := q.Exec("INSERT OR REPLACE INTO "+t.table+" (log, n, "+t.column+") VALUES (?, ?, ?)", log, int64(n), b)
	return err
}

// get returns row n, nil if there is none.
func (t blobs) get(q querier, log string, n uint64) ([]byte, error) {
	var b []byte
	err := q.QueryRow("SELECT "+t.column+" FROM "+t.table+" WHERE log = ? AND n = ?", log, int64(n)).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return b, err
}

// has says whether there is a row n. An error counts as none: the row will be
// read from a source then.
func (t blobs) has(q querier, log string, n uint64) bool {
	var one int
	return q.QueryRow("SELECT 1 FROM "+t.table+" WHERE log = ? AND n = ?", log, int64(n)).Scan(&one) == nil
}

func (t blobs) drop(q querier, log string, n uint64) error {
	_, err := q.Exec("DELETE FROM "+t.table+" WHERE log = ? AND n = ?", log, int64(n))
	return err
}

// each calls f with the rows 0, 1, 2, ... below end, and stops where one is
// missing. The bytes are f's to read only until it returns.
func (t blobs) each(q querier, log string, end uint64, f func(n uint64, b []byte) error) error {
	rows, err := q.Query("SELECT n, "+t.column+" FROM "+t.table+" WHERE log = ? AND n < ? ORDER BY n", log, int64(end))
	if err != nil {
		return err
	}
	defer rows.Close()
	for want := uint64(0); rows.Next(); want++ {
		var n uint64
		var b sql.RawBytes
		if err := rows.Scan(&n, &b); err != nil {
			return err
		}
		if n != want {
			break
		}
		if err := f(n, b); err != nil {
			return err
		}
	}
	return rows.Err()
}

func putOpen(q querier, log string, leaves []byte) error {
	_, err := q.Exec("INSERT OR REPLACE INTO open_tile (log, leaves) VALUES (?, ?)", log, leaves)
	return err
}

func getOpen(q querier, log string) ([]byte, error) {
	var b []byte
	err := q.QueryRow("SELECT leaves FROM open_tile WHERE log = ?", log).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return b, err
}

func putMeta(q querier, key, value string) error {
	_, err := q.Exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value)
	return err
}

func getMeta(q querier, key string) (string, error) {
	var v string
	err := q.QueryRow("SELECT value FROM meta WHERE key = ?", key).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, err
}

func putAlarm(q querier, a Alarm) error {
	_, err := q.Exec("INSERT INTO alarm (log, kind, at, detail, held, found) VALUES (?, ?, ?, ?, ?, ?)",
		a.Log, a.Kind, a.At.Unix(), a.Detail, a.Held, a.Found)
	return err
}

func getAlarms(q querier) ([]Alarm, error) {
	rows, err := q.Query("SELECT log, kind, at, detail, held, found FROM alarm ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Alarm
	for rows.Next() {
		var a Alarm
		var at int64
		if err := rows.Scan(&a.Log, &a.Kind, &at, &a.Detail, &a.Held, &a.Found); err != nil {
			return nil, err
		}
		a.At = time.Unix(at, 0).UTC()
		all = append(all, a)
	}
	return all, rows.Err()
}
