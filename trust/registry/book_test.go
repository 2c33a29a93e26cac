package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/trust/registry"
)

// A crash after the book was written and before the log was: the log is brought up to the book, with the same entries.
func TestLogBehindItsBook(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	city, stop := w.open("sjz", options())
	issue(t, city, lamps(0, 5)...)
	stop()
	book := filepath.Join(w.path("sjz"), "books", "sjz-records.jsonl")
	behind := w.path("behind")
	copyTree(t, filepath.Join(w.path("sjz"), "public", "sjz-records"), behind)
	city, stop = w.open("sjz", options())
	issued := issue(t, city, lamps(5, 300)...)
	stop()
	size := fileSize(t, book)

	log := filepath.Join(w.path("sjz"), "public", "sjz-records")
	if err := os.RemoveAll(log); err != nil {
		t.Fatal(err)
	}
	copyTree(t, behind, log)
	city, _ = w.open("sjz", options())
	again := issue(t, city, lamps(5, 300)...)
	for i := range again {
		if again[i].Index != issued[i].Index || !again[i].Again {
			t.Fatalf("record %d moved: %+v", i, again[i])
		}
	}
	if n := fileSize(t, book); n != size {
		t.Errorf("the book grew from %d to %d bytes", size, n)
	}
	if heads, err := city.Await(t.Context()); err != nil || heads[0].Size != 300 {
		t.Errorf("published %+v, %v", heads, err) // the witnesses have seen this root, so any other entry would be refused
	}
}

// What a crash leaves behind the last row of a book was never answered, and goes away; a damaged or foreign book stops the office.
func TestDamagedBooks(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	city, stop := w.open("sjz", options())
	issue(t, city, lamps(0, 5)...)
	stop()
	book := filepath.Join(w.path("sjz"), "books", "sjz-records.jsonl")
	good, err := os.ReadFile(book)
	if err != nil {
		t.Fatal(err)
	}
	for _, tail := range []string{"{", `{"i":5,"b":"AaQ`, "\x00\x00\x00\x00", "garbage\n", `{"i":7}` + "\n" + `{"i":8}` + "\n"} {
		if err := os.WriteFile(book, append(good[:len(good):len(good)], tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		city, stop := w.open("sjz", options())
		stop()
		if now, err := os.ReadFile(book); err != nil || string(now) != string(good) {
			t.Errorf("tail %q was not cut off: %v", tail, err)
		}
		_ = city
	}
	lines := strings.SplitAfter(string(good), "\n")
	for what, bad := range map[string]string{
		"a row is lost":     strings.Join(lines[:4], ""),
		"a row is damaged":  strings.Replace(string(good), `"i":2`, `"i":3`, 1),
		"the book is empty": "",
		"another record":    strings.Join(lines[:4], "") + strings.Replace(lines[3], `"i":3`, `"i":4`, 1),
	} {
		if err := os.WriteFile(book, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := registry.Open(t.Context(), w.path("sjz"), options()); err == nil {
			r.Close(t.Context())
			t.Errorf("%s: opened", what)
		}
	}
	if err := os.WriteFile(book, good, 0o600); err != nil {
		t.Fatal(err)
	}
	city, _ = w.open("sjz", options())
	if x := issue(t, city, lamp(5)); x[0].Index != 5 {
		t.Errorf("next index %d", x[0].Index)
	}
}

// A disk that fails before it has the rows, in the middle of them, or only says so afterwards: the caller gets an error, and the same request
// then gets one index, whatever the disk had kept.
func TestFaultsOfTheBook(t *testing.T) {
	failed := errors.New("disk")
	for what, kept := range map[string]func(p []byte) []byte{
		"nothing kept": func([]byte) []byte { return nil },
		"torn":         func(p []byte) []byte { return p[:len(p)-len(p)/3] },
		"kept":         func(p []byte) []byte { return p },
	} {
		w := newQuietWorld(t)
		w.enrolledAndClosed()
		city, stop := w.open("sjz", options())
		issue(t, city, lamps(0, 3)...)
		var commit func([]byte, int64) error
		commit = city.SetCommit(func(p []byte, at int64) error {
			if err := commit(kept(p), at); err != nil {
				t.Error(err)
			}
			return failed
		})
		if x, err := city.Issue(t.Context(), lamps(3, 9)); !errors.Is(err, failed) {
			t.Errorf("%s: issued %+v, %v", what, x, err)
		}
		city.SetCommit(commit)
		for range 2 { // in the same process, and after a restart
			for i, x := range issue(t, city, lamps(0, 12)...) {
				if x.Index != uint64(i) {
					t.Errorf("%s: lamp %d has index %d", what, i, x.Index)
				}
			}
			stop()
			city, stop = w.open("sjz", options())
		}
		if heads, err := city.Await(t.Context()); err != nil || heads[0].Size != 12 {
			t.Errorf("%s: published %+v, %v", what, heads, err)
		}
		stop()
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}
