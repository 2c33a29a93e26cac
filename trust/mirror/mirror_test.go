package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
	"citygate/trust/mirror"
)

// publish writes a log's folder as a registry does, with the partial tiles of its
// size only.
func publish(t *testing.T, dir string, l *ledgertest.Log) {
	t.Helper()
	put := func(resource string, b []byte, err error) {
		t.Helper()
		path := filepath.Join(dir, l.Short, filepath.FromSlash(resource))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(ledger.CheckpointPath, l.Checkpoint(time.Unix(1782900000, 0)), nil)
	for level := 0; l.Size()>>(8*level) > 0; level++ {
		nodes := l.Size() >> (8 * level)
		for n := uint64(0); n*256 < nodes; n++ {
			width := int(min(256, nodes-n*256))
			b, err := l.Tile(level, n, width)
			put(ledger.TilePath(level, n, width), b, err)
			if level == 0 {
				b, err := l.Bundle(n, width)
				put(ledger.EntriesPath(n, width), b, err)
			}
		}
	}
}

func testLog() *ledgertest.Log {
	l := ledgertest.NewLog("sjz-records", "sjz.example/records", ledgertest.Witnesses()...)
	l.Fill(700)
	return l
}

// source is a mirror with all its resources.
type source interface {
	Checkpoint(ctx context.Context, log string) ([]byte, error)
	Rotation(ctx context.Context, n int) ([]byte, error)
	Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error)
	Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error)
}

// serves checks that a mirror of testLog answers as it should.
func serves(t *testing.T, s source) {
	t.Helper()
	ctx, l := t.Context(), testLog()
	if b, err := s.Checkpoint(ctx, l.Short); err != nil || !bytes.HasPrefix(b, []byte(l.Origin+"\n700\n")) {
		t.Errorf("checkpoint: %q, %v", b, err)
	}
	for _, r := range []struct {
		level int
		n     uint64
		width int
		have  int
	}{
		{0, 0, 256, 256}, {0, 2, 188, 188}, {1, 0, 2, 2},
		{0, 1, 20, 256}, // its partial tile is gone: the full one
	} {
		want, err := l.Tile(r.level, r.n, r.have)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Tile(ctx, l.Short, r.level, r.n, r.width); err != nil || !bytes.Equal(got, want) {
			t.Errorf("tile %+v: %d bytes, %v", r, len(got), err)
		}
	}
	want, err := l.Bundle(2, 188)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Entries(ctx, l.Short, 2, 188); err != nil || !bytes.Equal(got, want) {
		t.Errorf("entries: %d bytes, %v", len(got), err)
	}
	if _, err := s.Tile(ctx, l.Short, 0, 9, 256); !errors.Is(err, mirror.ErrNotFound) {
		t.Errorf("a tile that is not there: %v", err)
	}
	if _, err := s.Rotation(ctx, 0); !errors.Is(err, mirror.ErrNotFound) {
		t.Errorf("a rotation that is not there: %v", err)
	}
	for _, log := range []string{"", "..", "a/b", "UPPER", "../" + l.Short} {
		if _, err := s.Checkpoint(ctx, log); err == nil {
			t.Errorf("log %q is served", log)
		}
	}
}

func TestDir(t *testing.T) {
	dir := t.TempDir()
	publish(t, dir, testLog())
	serves(t, mirror.Dir{Path: dir})
	huge := filepath.Join(dir, "sjz-records", "checkpoint")
	if err := os.WriteFile(huge, make([]byte, ledger.MaxCheckpoint+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := (mirror.Dir{Path: dir}).Checkpoint(t.Context(), "sjz-records"); err == nil {
		t.Error("a huge checkpoint is read")
	}
	// A link out of the folder, and a folder in a file's place.
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(huge), os.Symlink(secret, huge)); err != nil {
		t.Fatal(err)
	}
	if b, err := (mirror.Dir{Path: dir}).Checkpoint(t.Context(), "sjz-records"); err == nil {
		t.Errorf("a link leads out of the folder to %q", b)
	}
	if err := errors.Join(os.Remove(huge), os.Mkdir(huge, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := (mirror.Dir{Path: dir}).Checkpoint(t.Context(), "sjz-records"); err == nil {
		t.Error("a folder is read as a file")
	}
	if _, err := (mirror.Dir{Path: filepath.Join(dir, "missing")}).Checkpoint(t.Context(), "x"); err == nil {
		t.Error("a missing folder is read")
	}
}

func TestHTTP(t *testing.T) {
	dir := t.TempDir()
	publish(t, dir, testLog())
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer srv.Close()
	serves(t, mirror.HTTP{Base: srv.URL})
	serves(t, mirror.HTTP{Base: srv.URL + "/", Client: srv.Client()})
}

func TestHTTPRefuses(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("elsewhere")) }))
	defer other.Close()
	var answer http.HandlerFunc
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer srv.Close()
	for name, h := range map[string]http.HandlerFunc{
		"an endless body": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
		"a server's error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"another host":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
		"a broken body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("short"))
		},
	} {
		answer = h
		if b, err := (mirror.HTTP{Base: srv.URL}).Checkpoint(t.Context(), "x"); err == nil {
			t.Errorf("%s is read: %d bytes", name, len(b))
		}
	}
	if _, err := (mirror.HTTP{Base: "::"}).Checkpoint(t.Context(), "x"); err == nil {
		t.Error("no URL")
	}
}

func TestMulti(t *testing.T) {
	dir := t.TempDir()
	publish(t, dir, testLog())
	empty := mirror.Dir{Path: t.TempDir()}
	serves(t, mirror.Multi{empty, mirror.Dir{Path: dir}})
	if n := len((mirror.Multi{empty, empty}).Alternatives()); n != 2 {
		t.Errorf("%d alternatives", n)
	}
	if _, err := (mirror.Multi{}).Checkpoint(t.Context(), "x"); err == nil {
		t.Error("nobody answers")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (mirror.Multi{empty, empty}).Checkpoint(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

func TestMessages(t *testing.T) {
	l := testLog()
	full, err := l.Tile(0, 2, 188)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan string, 100)
		m := mirror.NewMessages(func(log, resource string) { asked <- log + "/" + resource })
		type answer struct {
			b   []byte
			err error
		}
		got := make(chan answer)
		go func() {
			b, err := m.Tile(t.Context(), l.Short, 0, 2, 150)
			got <- answer{b, err}
		}()
		synctest.Wait()
		if a := <-asked; a != "sjz-records/tile/0/002" {
			t.Errorf("asks for %s", a)
		}
		// None of these is an answer.
		for _, d := range []struct {
			log, resource string
			b             []byte
			enough        bool
		}{
			{l.Short, "tile/0/002", full[:100*32], false}, {l.Short, "tile/0/002", full[:100], false}, {l.Short, "tile/0/002", make([]byte, ledger.MaxTile+32), false},
			{l.Short, "tile/0/001", full, true}, {"other", "tile/0/002", full, true}, {l.Short, "../etc", full, true}, // nobody waits for these
		} {
			if enough := m.Deliver(d.log, d.resource, d.b); enough != d.enough {
				t.Errorf("%s/%s of %d bytes: enough %v", d.log, d.resource, len(d.b), enough)
			}
		}
		synctest.Wait()
		select {
		case a := <-got:
			t.Fatalf("answered with %d bytes, %v", len(a.b), a.err)
		case <-time.After(mirror.AskAgain + time.Second):
		}
		if len(asked) != 1 {
			t.Errorf("asked %d times more", len(asked))
		}
		if !m.Deliver(l.Short, "tile/0/002", full) {
			t.Error("the whole tile is not enough")
		}
		if a := <-got; a.err != nil || !bytes.Equal(a.b, full) {
			t.Errorf("answered with %d bytes, %v", len(a.b), a.err)
		}
	})
}

func TestMessagesWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mirror.NewMessages(func(string, string) {})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := m.Checkpoint(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("checkpoint: %v", err)
		}
		// The two ways in and out at once.
		done := make(chan error)
		for range 8 {
			go func() {
				_, err := m.Checkpoint(t.Context(), "y")
				done <- err
			}()
		}
		synctest.Wait()
		m.Deliver("y", "checkpoint", []byte("note"))
		for range 8 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzDeliver(f *testing.F) {
	f.Add("x", "tile/0/000.p/3", []byte("0123456789abcdef0123456789abcdef"))
	m := mirror.NewMessages(func(string, string) {})
	f.Fuzz(func(t *testing.T, log, resource string, b []byte) {
		m.Deliver(strings.Clone(log), resource, b)
	})
}
