package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/fleet/store"
)

// A second opening finds everything; a file that is no database, or a folder
// that cannot be written, is an error that names it.
func TestOpen(t *testing.T) {
	path := database(t)
	d := newDevice("k-1", 7)
	d.scans(t, 5)
	for i := range 2 {
		s, err := store.Open(path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			enrol(t, s, d)
			commit(t, s, d.batch(t, 1, 5))
		}
		if n, err := s.Audit(t.Context(), ""); err != nil || n != 5 {
			t.Errorf("opening %d: %d numbers, %v", i, n, err)
		}
		if s.Close() != nil {
			t.Error("close")
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.db")
	if err := os.WriteFile(bad, []byte(strings.Repeat("not a database ", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{bad, filepath.Join(dir, "none", "fleet.db"), dir, "postgres://h@/d?host=" + dir} {
		if s, err := store.Open(p, store.Options{}); err == nil {
			s.Close()
			t.Errorf("%s was opened", p)
		} else if !strings.Contains(err.Error(), p) || strings.Contains(err.Error(), "secret") {
			t.Errorf("the error %q does not name %s", err, p)
		}
	}
}

// One changed byte, a missing row or another mark is found.
func TestAuditFindsTampering(t *testing.T) {
	type change struct {
		sql  string
		args []any
	}
	zero := []any{make([]byte, 32)}
	for _, c := range []change{
		{`UPDATE events SET raw = $1 WHERE seq = 7`, []any{[]byte{0xa0}}},
		{`UPDATE events SET chain = $1 WHERE seq = 9`, zero},
		{`DELETE FROM events WHERE seq = 20`, nil},
		{`DELETE FROM events WHERE seq = 1`, nil},
		{`UPDATE epochs SET mark = 21`, nil},
		{`UPDATE epochs SET chain = $1`, zero},
	} {
		path := database(t)
		s, err := store.Open(path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		d := newDevice("k-1", 7)
		enrol(t, s, d)
		d.scans(t, 20)
		commit(t, s, d.batch(t, 1, 20))
		tamper(t, path, c.sql, c.args)
		if _, err := s.Audit(t.Context(), "k-1"); !errors.Is(err, store.ErrBroken) {
			t.Errorf("%s: %v", c.sql, err)
		}
		s.Close()
	}
}

func tamper(t *testing.T, path, change string, args []any) {
	t.Helper()
	driver, name := "sqlite3", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
	if store.IsURL(path) {
		driver, name = "pgx", path
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(change, args...); err != nil {
		t.Fatal(err)
	}
}

// Maintenance folds the log back, also while readers and writers work, and ends
// with its context.
func TestRunEnds(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
	if s.WALBytes() < 0 {
		t.Error("size of the write-ahead log")
	}
}
