package registry_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/internal/figures"
	"citygate/internal/keyindex"
	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/registry"
)

// A book with more rows than the index has in memory: everything is found, also when the book goes on, and an index that is damaged, or of
// another book, is made anew.
func TestNamesOnDisk(t *testing.T) {
	t.Parallel()
	const n, some = 3500, 1000
	dir := t.TempDir()
	writeBook(t, dir, 0, n, 0)
	open := func(want uint64) registry.Names {
		t.Helper()
		names, rows, err := registry.OpenNames(dir, some)
		if err != nil || rows != want {
			t.Fatalf("%d rows, want %d: %v", rows, want, err)
		}
		for i := uint64(0); i < rows; i += rows/97 + 1 {
			if got, ok, err := names.Find(nameOf(t, i)); err != nil || !ok || got != i {
				t.Fatalf("record %d found at %d, %v, %v", i, got, ok, err)
			}
			if got, ok, err := names.Requested(requestOf(i)); err != nil || !ok || got != i {
				t.Fatalf("request %d found at %d, %v, %v", i, got, ok, err)
			}
		}
		if _, ok, err := names.Find(nameOf(t, rows)); ok || err != nil {
			t.Fatalf("found what is not there: %v", err)
		}
		return names
	}
	open(n).Close()
	writeBook(t, dir, n, n+1100, 0)
	open(n + 1100).Close()
	index := filepath.Join(dir, "books", "x-records.index")
	before := read(t, index)
	if err := os.Truncate(index, int64(len(before)-1)); err != nil {
		t.Fatal(err)
	}
	open(n + 1100).Close()
	if after := read(t, index); len(after) < len(before) {
		t.Errorf("the index was not made anew: %d octets", len(after))
	}
	writeBook(t, dir, 0, n+50, 1) // another book
	open(n + 50).Close()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func nameOf(t testing.TB, i uint64) cityid.ID {
	t.Helper()
	id, err := cityid.Parse(fmt.Sprintf("MA.156.1301.01/LAMP.%09d", i))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// requestOf is the identifier, and for some records another text.
func requestOf(i uint64) string {
	if i%10 == 0 {
		return fmt.Sprintf("order-%d", i)
	}
	return fmt.Sprintf("MA.156.1301.01/LAMP.%09d", i)
}

// writeBook writes a book's rows, as Issue does, and from row 0 on a new book.
func writeBook(t testing.TB, dir string, from, to uint64, salt byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "books"), 0o700); err != nil {
		t.Fatal(err)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if from == 0 {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(filepath.Join(dir, "books", "x-records.jsonl"), flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	sig := base64.StdEncoding.EncodeToString(make([]byte, 64))
	for i := from; i < to; i++ {
		body, err := code.EncodeBody(false, code.Claims{Nodes: "156.1301.01", Object: fmt.Sprintf("LAMP.%09d", i), Kind: code.KindStreetAsset,
			Issued: 1_800_000_000, Salt: []byte{salt, 1, 2, 3, 4, 5, 6, 7}})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(w, `{"i":%d,"r":"%s","b":"%s","k":3,"s":"%s"}`+"\n", i, requestOf(i), base64.StdEncoding.EncodeToString(body), sig)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// namesDir names the folder for the process that is measured.
const namesDir = "CITYGATE_TEST_NAMES"

// looked is what a process costs that opens a book and looks up identifiers.
type looked struct{ Seconds, MB, Micros float64 }

// lookUp is the process that is measured.
func lookUp(dir string) error {
	start := time.Now()
	names, rows, err := registry.OpenNames(dir, keyindex.MaxDelta)
	if err != nil {
		return err
	}
	l := looked{Seconds: time.Since(start).Seconds()}
	const lookups = 20_000
	start = time.Now()
	for i := range uint64(lookups) {
		n := i * 7919 * 104729 % rows
		id, err := cityid.Parse(fmt.Sprintf("MA.156.1301.01/LAMP.%09d", n))
		if err != nil {
			return err
		}
		if got, ok, err := names.Find(id); err != nil || !ok || got != n {
			return fmt.Errorf("record %d found at %d: %w", n, got, err)
		}
	}
	l.Micros = time.Since(start).Seconds() / lookups * 1e6
	names.Close()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(status) {
		if rest, ok := strings.CutPrefix(string(line), "VmHWM:"); ok { // the peak
			fmt.Sscan(rest, &l.MB)
		}
	}
	l.MB *= 1024 / 1e6
	return json.NewEncoder(os.Stdout).Encode(l)
}

// TestElevenMillionNames measures the index of eleven million identifiers, once while it is made and once when it is there.
func TestElevenMillionNames(t *testing.T) {
	f := figures.Open(t, *figuresFile)
	const n = 11_000_000
	dir := t.TempDir()
	writeBook(t, dir, 0, n, 0)
	var runs [2]looked
	for i := range runs {
		cmd := exec.Command(os.Args[0])
		cmd.Env, cmd.Stderr = append(os.Environ(), namesDir+"="+dir), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &runs[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []figures.Figure{
		{Figure: "names_11m_first_s", Value: runs[0].Seconds, Unit: "s"},
		{Figure: "names_11m_first_mb", Value: runs[0].MB, Unit: "MB"},
		{Figure: "names_11m_open_s", Value: runs[1].Seconds, Unit: "s"},
		{Figure: "names_11m_open_mb", Value: runs[1].MB, Unit: "MB"},
		{Figure: "names_11m_find_us", Value: runs[1].Micros, Unit: "µs"},
		{Figure: "names_11m_disk_mb", Value: float64(fileSize(t, filepath.Join(dir, "books", "x-records.index"))) / 1e6, Unit: "MB"},
	} {
		f.Add(x)
	}
}
