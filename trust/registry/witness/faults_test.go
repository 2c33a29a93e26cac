package witness_test

import (
	"bytes"
	"citygate/trust/registry/witness"
	"errors"
	"fmt"
	"golang.org/x/sync/errgroup"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStateSurvivesAndBelongsToOneKey(t *testing.T) {
	l := newLog(t).grow(600, "a")
	fork := &testLog{t: t, signer: l.signer}
	fork.grow(600, "b")
	dir := t.TempDir()
	skey, _ := key(t)
	w := open(t, dir, skey, l.vkey)
	expect(t, w, "first", l.request(0, 300), http.StatusOK)

	if _, err := witness.New(witness.Options{Dir: dir, Key: skey, Logs: []string{l.vkey}}); err == nil {
		t.Fatal("two witnesses share one folder")
	}
	w.Close()
	other, _ := key(t)
	if _, err := witness.New(witness.Options{Dir: dir, Key: other}); err == nil {
		t.Fatal("a state folder changed hands")
	}
	w = open(t, dir, skey, l.vkey)
	expect(t, w, "fork after a restart", fork.request(0, 300), http.StatusConflict)
	expect(t, w, "fork after a restart", fork.request(300, 300), http.StatusConflict)
	expect(t, w, "growth after a restart", l.request(300, 400), http.StatusOK)
}

// A damaged state file must not be taken for "nothing cosigned yet".
func TestDamagedStateSignsNothing(t *testing.T) {
	l := newLog(t).grow(600, "a")
	dir := t.TempDir()
	skey, _ := key(t)
	w := open(t, dir, skey, l.vkey)
	expect(t, w, "first", l.request(0, 300), http.StatusOK)
	files, _ := filepath.Glob(filepath.Join(dir, "*.checkpoint"))
	if len(files) != 1 {
		t.Fatalf("state files: %v", files)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(good) {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		os.WriteFile(files[0], bad, 0o644)
		if rec := post(t, w, l.request(0, 300)); rec.Code == http.StatusOK {
			t.Fatalf("signed from zero with byte %d of the state changed", i)
		}
	}
	for i := range len(good) - 1 {
		os.WriteFile(files[0], good[:i], 0o644)
		if rec := post(t, w, l.request(0, 300)); rec.Code == http.StatusOK {
			t.Fatalf("signed from zero with the state cut at %d", i)
		}
	}
}

// A disk that fails, before or after it has persisted, and a process that dies before it answers: the next request finds
// the truth on the disk, and no second root is ever signed.
func TestFaultsOfTheDisk(t *testing.T) {
	failed := errors.New("disk")
	for _, persisted := range []bool{false, true} {
		l := newLog(t).grow(600, "a")
		fork := &testLog{t: t, signer: l.signer}
		fork.grow(600, "b")
		dir := t.TempDir()
		skey, _ := key(t)
		w := open(t, dir, skey, l.vkey)
		expect(t, w, "first", l.request(0, 100), http.StatusOK)
		var write func(string, []byte) error
		write = w.SetWrite(func(path string, data []byte) error {
			if persisted {
				if err := write(path, data); err != nil {
					t.Fatal(err)
				}
			}
			return failed
		})
		expect(t, w, "growth on a failing disk", l.request(100, 300), http.StatusInternalServerError)
		w.SetWrite(write)
		for restarts := range 2 {
			if restarts == 1 {
				w.Close()
				w = open(t, dir, skey, l.vkey)
			}
			rec := post(t, w, l.request(0, 300))
			want := "100\n"
			if persisted {
				want = "300\n"
			}
			if rec.Code != http.StatusConflict || rec.Body.String() != want {
				t.Fatalf("persisted %v: %d %q, want size %q", persisted, rec.Code, rec.Body, want)
			}
			if persisted {
				expect(t, w, "the fork of what was persisted", fork.request(300, 300), http.StatusConflict)
				expect(t, w, "again, for the lost answer", l.request(300, 300), http.StatusOK)
			}
		}
	}
}

// Many writers of two histories at once: for each size at most one root is signed, and sizes only rise.
func TestConcurrentRequests(t *testing.T) {
	a := newLog(t).grow(64, "a")
	b := &testLog{t: t, signer: a.signer}
	b.grow(64, "b")
	skey, _ := key(t)
	w := open(t, t.TempDir(), skey, a.vkey)
	var g errgroup.Group
	type answer struct {
		size int64
		fork int
	}
	answers := make(chan answer, 64*64)
	for n := range 8 {
		for i, l := range []*testLog{a, b} {
			g.Go(func() error {
				from := int64(0)
				for to := int64(1 + n); to <= 64; to += int64(1 + n%3) {
					rec := post(t, w, l.request(from, to))
					if rec.Code == http.StatusOK {
						answers <- answer{to, i}
						from = to
					} else if rec.Header().Get("Content-Type") == "text/x.tlog.size" {
						fmt.Sscan(rec.Body.String(), &from)
					}
					to = max(to, from)
				}
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	close(answers)
	signed := make(map[int64]int)
	for x := range answers {
		if f, ok := signed[x.size]; ok && f != x.fork {
			t.Fatalf("two roots signed for size %d", x.size)
		}
		signed[x.size] = x.fork
	}
	forks := make(map[int]bool)
	for _, f := range signed {
		forks[f] = true
	}
	if len(forks) != 1 {
		t.Fatalf("signed sizes of %d histories", len(forks))
	}
}

func FuzzAddCheckpoint(f *testing.F) {
	t := &testing.T{}
	l := newLog(t).grow(10, "a")
	skey, _, err := witness.GenerateKey("w")
	if err != nil {
		f.Fatal(err)
	}
	w, err := witness.New(witness.Options{Dir: f.TempDir(), Key: skey, Logs: []string{l.vkey}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { w.Close() })
	honest := map[string]bool{}
	for to := range int64(10) {
		honest[l.checkpoint(to)] = true
		f.Add([]byte(l.request(to/2, to)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		line, err := w.AddCheckpoint(body)
		if err != nil {
			return
		}
		_, checkpoint, _ := bytes.Cut(body, []byte("\n\n"))
		text, _, _ := strings.Cut(string(checkpoint), "\n\n")
		for c := range honest {
			if strings.HasPrefix(c, text+"\n\n") && len(line) > 0 {
				return
			}
		}
		t.Errorf("cosigned what the log never signed: %q", body)
	})
}
