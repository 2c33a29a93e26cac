package registry_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"citygate/trust/registry"
	"golang.org/x/sync/errgroup"
)

// Environment of a process that only issues.
const (
	issuerDir  = "CITYGATE_TEST_ISSUER_DIR"
	issuerFrom = "CITYGATE_TEST_ISSUER_FROM"
	issuerTo   = "CITYGATE_TEST_ISSUER_TO"
)

func TestMain(m *testing.M) {
	registry.RouteTesseraLogs(slog.New(slog.DiscardHandler))
	if dir := os.Getenv(issuerDir); dir != "" {
		if err := issuer(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	flag.Set("test.parallel", "8") // tests wait for the disk and for checkpoints, not for the processor
	os.Exit(m.Run())
}

// issuer issues lamps in steps of 7 and prints "request index text" for each as soon as it is answered.
func issuer(dir string) error {
	from, err1 := strconv.Atoi(os.Getenv(issuerFrom))
	to, err2 := strconv.Atoi(os.Getenv(issuerTo))
	if err1 != nil || err2 != nil {
		return fmt.Errorf("%v, %v", err1, err2)
	}
	r, err := registry.Open(context.Background(), dir, options())
	if err != nil {
		return err
	}
	for ; from < to; from += 7 {
		issued, err := r.Issue(context.Background(), lamps(from, min(from+7, to)))
		if err != nil {
			return err
		}
		for _, i := range issued {
			fmt.Println(i.Request, i.Index, i.Text)
		}
	}
	return r.Close(context.Background())
}

func issuerCommand(ctx context.Context, dir string, from, to int) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), issuerDir+"="+dir, issuerFrom+"="+strconv.Itoa(from), issuerTo+"="+strconv.Itoa(to))
	c.Stderr = os.Stderr
	return c
}

// answered is what processes were told, to be held against each other and against the registry.
type answered map[string]string

func (a answered) add(t *testing.T, line string) {
	t.Helper()
	request, rest, ok := strings.Cut(line, " ")
	if !ok {
		t.Errorf("issuer printed %q", line)
		return
	}
	if old, ok := a[request]; ok && old != rest {
		t.Errorf("%s was answered twice: %.60q and %.60q", request, old, rest)
	}
	a[request] = rest
}

// check compares all answers with the registry, and finds an index that was given twice.
func (a answered) check(t *testing.T, r *registry.Registry) {
	t.Helper()
	owners := make(map[string]string)
	for request, rest := range a {
		index, text, _ := strings.Cut(rest, " ")
		if other, ok := owners[index]; ok {
			t.Errorf("index %s was given to %s and %s", index, other, request)
		}
		owners[index] = request
		i, err := r.Answer(t.Context(), request)
		if err != nil || strconv.FormatUint(i.Index, 10) != index || i.Text != text && !i.Code.Sealed() {
			t.Errorf("%s: now %d, answered %s: %v", request, i.Index, index, err)
		}
	}
}

func TestProcessesThatIssueAtOnce(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	var g errgroup.Group
	outs := make([][]byte, 3)
	for i, r := range [][2]int{{0, 60}, {30, 90}, {0, 90}} { // two of them ask for each
		g.Go(func() (err error) {
			outs[i], err = issuerCommand(t.Context(), w.path("sjz"), r[0], r[1]).Output()
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	a := make(answered)
	for _, out := range outs {
		for line := range strings.Lines(string(out)) {
			a.add(t, strings.TrimSpace(line))
		}
	}
	if len(a) != 90 {
		t.Errorf("%d requests answered, want 90", len(a))
	}
	city, _ := w.open("sjz", options())
	a.check(t, city)
	if heads, err := city.Await(t.Context()); err != nil || heads[0].Size != 90 {
		t.Errorf("published %+v, %v", heads, err)
	}
}

// An office that is killed again and again in the middle of its work keeps everything that it has answered, at its index.
func TestKilledWhileIssuing(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	a := make(answered)
	for round := range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		c := issuerCommand(ctx, w.path("sjz"), 0, 100_000)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		known, lines := len(a), bufio.NewScanner(out)
		for lines.Scan() {
			a.add(t, lines.Text())
			if len(a) == known+20+round*13 {
				c.Process.Kill()
				break
			}
		}
		for lines.Scan() { // what it still printed counts as answered
			if strings.Count(lines.Text(), " ") == 2 && len(lines.Text()) > 300 {
				a.add(t, lines.Text())
			}
		}
		c.Wait()
		cancel()
	}
	if len(a) < 150 {
		t.Errorf("only %d requests were answered", len(a))
	}
	city, _ := w.open("sjz", options())
	a.check(t, city)
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := city.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	refs, err := registry.LogKeys(w.path("sjz"))
	if err != nil {
		t.Fatal(err)
	}
	w.conforms(w.serve("sjz"), refs[0])
}

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
