package cache_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// damage changes the closed database by hand.
func (w *world) damage(t *testing.T, statements ...string) {
	t.Helper()
	if err := w.c.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", w.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if res, err := db.Exec(s); err != nil {
			t.Fatal(err)
		} else if n, _ := res.RowsAffected(); n == 0 {
			t.Fatalf("%s: no row", s)
		}
	}
}

// damageCase is one way in which rows are lost.
type damageCase struct {
	sql, log string
	// again is what has to be read again, once is what must not be.
	again, once string
}

func damageCases() map[string]damageCase {
	change := func(table, column, where string) string {
		const flip = "substr(%s, 1, 99) || X'00112233445566' || substr(%s, 107)"
		return "UPDATE " + table + " SET " + column + " = " + strings.ReplaceAll(flip, "%s", column) + " WHERE " + where
	}
	return map[string]damageCase{
		"strip":         {change("strip", "hashes", "log = 'sjz-records' AND n = 1"), "sjz-records", "tile/1/001", "tile/1/000"},
		"strip is gone": {"DELETE FROM strip WHERE log = 'sjz-records' AND n = 0", "sjz-records", "tile/1/000", "tile/1/001"},
		"open tile":     {change("open_tile", "leaves", "log = 'sjz-records'"), "sjz-records", "tile/0/792.p/20", "tile/1/000"},
		"status":        {change("bundle", "entries", "log = 'sjz-status' AND n = 0"), "sjz-status", "tile/entries/000", "tile/entries/001"},
		"directory":     {change("bundle", "entries", "log = 'directory' AND n = 0"), "directory", "tile/entries/000.p/3", ""},
		"checkpoint":    {"UPDATE checkpoint SET note = X'00' WHERE log = 'sjz-records'", "sjz-records", "tile/1/003.p/24", "tile/1/000"},
	}
}

func TestDamagedRowsAreReadAgain(t *testing.T) {
	for name, tc := range damageCases() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.city.Records.Fill(3*65536 + 24*256 + 20)
			for i := range 700 {
				w.SetStatus(w.city, uint64(i), ledger.Revoked)
			}
			w.sync(t)
			w.damage(t, tc.sql)
			again, once := w.src.Reads(tc.log, tc.again), w.src.Reads(tc.log, tc.once)
			w.open(t)
			w.outOfService(t, tc.log)
			w.sync(t)
			w.same(t)
			if w.src.Reads(tc.log, tc.again) == again {
				t.Errorf("%s was not read again", tc.again)
			}
			if tc.once != "" && w.src.Reads(tc.log, tc.once) != once {
				t.Errorf("%s was read again", tc.once)
			}
			w.reopen(t)
			w.same(t)
		})
	}
}

// outOfService checks that a damaged log is not in the view, that there is an
// alarm, and that its floor holds even now.
func (w *world) outOfService(t *testing.T, log string) {
	t.Helper()
	if l := w.c.View().Log(log); l != nil {
		t.Fatal("a damaged log is in the view")
	}
	if a := w.c.Alarms(); len(a) != 1 || a[0].Kind != cache.AlarmDamage || a[0].Log != log {
		t.Fatalf("alarms %v", a)
	}
	for _, l := range w.Logs()[1:] {
		if l.Short != log {
			continue
		}
		old := l.CheckpointOf(100, w.Time, ledgertest.Witnesses()...)
		if err := w.c.Apply(t.Context(), log, old, w.src); !errors.Is(err, ledger.ErrRollback) {
			t.Errorf("a rollback over a damaged log: %v", err)
		}
	}
}

// A log that forks while its rows are damaged is still found out, because its old
// note is.
func TestForkOverDamage(t *testing.T) {
	w := newWorld(t)
	w.city.Records.Fill(1000)
	other := w.city.Records.Clone()
	w.city.Records.Fill(100)
	w.sync(t)
	w.damage(t, "UPDATE open_tile SET leaves = X'' WHERE log = 'sjz-records'")
	w.open(t)
	other.Append([]byte("\x01another history"))
	other.Fill(500)
	w.src.Replace(other)
	var fork *ledger.ForkError
	if err := w.c.Apply(t.Context(), other.Short, other.Checkpoint(w.Time), w.src); !errors.As(err, &fork) {
		t.Errorf("a fork over a damaged log: %v", err)
	}
	if a := w.c.Alarms(); len(a) != 2 || a[1].Kind != cache.AlarmFork || len(a[1].Held) == 0 {
		t.Errorf("alarms %v", a)
	}
	w.src.Replace(w.city.Records)
	w.city.Records.Fill(77)
	w.sync(t)
	w.same(t)
}

func TestUnreadableFileIsSetAside(t *testing.T) {
	w := newWorld(t)
	w.sync(t)
	if err := w.c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.open(t)
	if a := w.c.Alarms(); len(a) != 1 || a[0].Kind != cache.AlarmDamage {
		t.Errorf("alarms %v", a)
	}
	if _, err := os.Stat(w.path + ".damaged"); err != nil {
		t.Error(err)
	}
	w.sync(t)
	w.same(t)
}

func TestOpenRefuses(t *testing.T) {
	w := newWorld(t)
	other := w.Root
	other.Directory.Origin = "elsewhere.example"
	other.Directory.LogKeys = []string{ledgertest.VKey("elsewhere.example")}
	if _, err := cache.Open(w.path, cache.Options{Root: other}); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("another directory's file: %v", err)
	}
	if _, err := cache.Open(filepath.Join(t.TempDir(), "x.db"), cache.Options{}); err == nil {
		t.Error("no root policy")
	}
	if _, err := cache.Open(filepath.Join(t.TempDir(), "no", "x.db"), cache.Options{Root: w.Root}); err == nil {
		t.Error("no folder")
	}
	garbage := filepath.Join(t.TempDir(), "g")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{garbage, filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		if _, err := cache.OpenReadOnly(path); err == nil {
			t.Errorf("%s opens for reading", path)
		}
	}
}
