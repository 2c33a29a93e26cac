package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/internal/pgtest"
)

// postgresEnv holds a server's address while the tests run a second time, on
// PostgreSQL.
const postgresEnv = "CITYGATE_TEST_POSTGRES"

// TestPostgreSQL runs every other test of this package on PostgreSQL.
func TestPostgreSQL(t *testing.T) {
	if os.Getenv(postgresEnv) != "" {
		t.Skip("this is the second run")
	}
	pg := pgtest.Start(t, "fsync=off")
	cmd := exec.Command(os.Args[0], "-test.skip=^(TestPostgreSQL|TestDatabaseKilled|TestFigures)$", "-rapid.checks=5", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), postgresEnv+"="+pg.URL(""))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// database names a new, empty database: a file, or a schema of its own.
func database(tb testing.TB) string {
	tb.Helper()
	address := os.Getenv(postgresEnv)
	if address == "" {
		return filepath.Join(tb.TempDir(), "fleet ?%.db") // no character of a path is special
	}
	return schema(tb, address)
}

func schema(tb testing.TB, address string) string {
	tb.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRow(`SELECT COUNT(*) FROM pg_namespace`).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	name := fmt.Sprintf("s%d", n)
	if _, err := db.Exec(`CREATE SCHEMA ` + name); err != nil {
		tb.Fatal(err)
	}
	return address + "search_path=" + name
}

// Two servers open one empty database at once, and commit one device's events
// in turns; every number is stored once.
func TestTwoServers(t *testing.T) {
	path := database(t)
	d := newDevice("k-1", 7)
	d.scans(t, 200)
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			s, err := store.Open(path, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.AddDevice(context.Background(), d.row()); err != nil {
				t.Error(err)
				return
			}
			var plan []store.Batch
			for first := uint64(1); first <= 200; first += 5 {
				plan = append(plan, d.batch(t, first, min(200, first+4+uint64(w))))
			}
			deliver(t, s, plan)
			if n, err := s.Audit(context.Background(), ""); w == 0 && (err != nil || n != 200) {
				t.Errorf("%d numbers, %v", n, err)
			}
		})
	}
	wg.Wait()
}

// The database is killed while batches are committed and its answers are lost.
// What Commit said is stored is stored, once; the store goes on by itself.
func TestDatabaseKilled(t *testing.T) {
	pg := pgtest.Start(t)
	s, err := store.Open(schema(t, pg.URL("")), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := newDevice("k-1", 7)
	enrol(t, s, d)
	d.scans(t, 300)
	var kills, fails atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for mark := uint64(0); mark < d.last(); {
			r, err := s.Commit(t.Context(), []store.Batch{d.batch(t, mark+1, mark+3)})
			if err == nil && r[0].Outcome != store.Committed && r[0].Outcome != store.Repeated {
				err = fmt.Errorf("outcome %d", r[0].Outcome)
			}
			if err != nil {
				fails.Add(1)
				continue
			}
			mark = r[0].Mark
			if mark == d.last() && kills.Load() < 2 {
				d.scans(t, 300) // it was too quick
			}
		}
	}()
	for range 2 {
		pg.Kill()
		pg.Restart()
		kills.Add(1)
	}
	<-done
	if n, err := s.Audit(t.Context(), ""); err != nil || n != d.last() {
		t.Errorf("%d numbers, %v", n, err)
	}
	if list, err := s.Findings(t.Context(), store.FindingsQuery{}); err != nil || len(list) != 0 {
		t.Errorf("findings %v, %v", list, err)
	}
	t.Logf("%d numbers; %d commits failed", d.last(), fails.Load())
}

// What comes from outside is storable whatever its bytes are.
func TestTextOfAnyBytes(t *testing.T) {
	s := open(t)
	enrol(t, s, newDevice("k-1", 7))
	f := fleet.Finding{Device: "k-1", Kind: fleet.Poison, Epoch: 1 << 63, First: 1, Last: 1, Detail: "a\x00b\xff\xc0"}
	if err := s.Find(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	list, err := s.Findings(t.Context(), store.FindingsQuery{})
	if err != nil || len(list) != 1 || list[0].Epoch != 1<<63 || list[0].Detail != "a?b?" {
		t.Errorf("%+v, %v", list, err)
	}
}
