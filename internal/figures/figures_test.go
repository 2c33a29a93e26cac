package figures_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"citygate/internal/figures"
)

// recorder is a test of which it is recorded how it ends and what it logs.
type recorder struct {
	testing.TB
	skipped, failed string
	logged          []string
	cleanups        []func()
}

func (r *recorder) Helper()                      {}
func (r *recorder) Cleanup(f func())             { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Logf(f string, args ...any)   { r.logged = append(r.logged, fmt.Sprintf(f, args...)) }
func (r *recorder) Errorf(f string, args ...any) { r.failed = fmt.Sprintf(f, args...) }
func (r *recorder) Skip(args ...any)             { r.skipped = fmt.Sprint(args...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, args ...any) {
	r.failed = fmt.Sprintf(f, args...)
	runtime.Goexit()
}

// record runs a test to its end, its cleanups among it.
func record(t *testing.T, test func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, f := range slices.Backward(r.cleanups) {
				f()
			}
		}()
		test(r)
	}()
	<-done
	return r
}

func TestLinesAreAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "figures.jsonl")
	var logged []string
	for _, line := range []figures.Figure{
		{Figure: "append_p99_ms", Value: 3.125, Unit: "ms", Peer: "p99 of fsync", PeerValue: 2.5},
		{Figure: "start_s", Value: 0.25, Unit: "s"},
	} { // each by a run of its own
		r := record(t, func(t testing.TB) { figures.Open(t, path).Add(line) })
		if r.failed != "" || r.skipped != "" {
			t.Fatalf("failed %q, skipped %q", r.failed, r.skipped)
		}
		for _, l := range r.logged {
			logged = append(logged, strings.Join(strings.Fields(l), " "))
		}
	}
	const want = `{"figure":"append_p99_ms","value":3.125,"unit":"ms","peer":"p99 of fsync","peer_value":2.5}
{"figure":"start_s","value":0.25,"unit":"s","peer":"","peer_value":0}
`
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%v, the file holds\n%s", err, got)
	}
	if want := []string{"append_p99_ms 3.12 ms p99 of fsync: 2.50", "start_s 0.25 s"}; !slices.Equal(logged, want) {
		t.Errorf("logged %q", logged)
	}
}

func TestNothingIsAskedFor(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		figures.Open(tb, "")
		t.Error("the test goes on")
	})
	if !strings.Contains(r.skipped, "-figures") || r.failed != "" {
		t.Errorf("skipped %q, failed %q", r.skipped, r.failed)
	}
}

func TestFailuresEndTheTest(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, test := range map[string]func(testing.TB){
		"create the folder": func(t testing.TB) { figures.Open(t, filepath.Join(file, "below", "figures.jsonl")) },
		"open the file":     func(t testing.TB) { figures.Open(t, dir) },
		"figure ratio": func(t testing.TB) {
			figures.Open(t, file).Add(figures.Figure{Figure: "ratio", Value: math.NaN()})
		},
	} {
		if r := record(t, test); !strings.HasPrefix(r.failed, want) {
			t.Errorf("%s: failed %q", want, r.failed)
		}
	}
	if b, err := os.ReadFile(file); err != nil || len(b) > 0 {
		t.Errorf("%v, the file holds %q", err, b)
	}
}

func TestClosedWithTheTest(t *testing.T) {
	var f *figures.File
	r := record(t, func(tb testing.TB) { f = figures.Open(tb, filepath.Join(t.TempDir(), "figures.jsonl")) })
	record(t, func(testing.TB) { f.Add(figures.Figure{Figure: "late"}) }) // on a goroutine that may end
	if !strings.Contains(r.failed, os.ErrClosed.Error()) {
		t.Errorf("failed %q", r.failed)
	}
}
