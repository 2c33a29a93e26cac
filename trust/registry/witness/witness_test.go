package witness_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/trust/registry/witness"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

const origin = "citygate.example/sjz-records"

// A testLog is a log in memory that signs whatever it is told to.
type testLog struct {
	t      *testing.T
	signer note.Signer
	vkey   string
	hashes []tlog.Hash
	size   int64
}

func newLog(t *testing.T) *testLog {
	t.Helper()
	skey, vkey, err := note.GenerateKey(nil, origin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &testLog{t: t, signer: s, vkey: vkey}
}

func (l *testLog) reader() tlog.HashReaderFunc {
	return func(is []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(is))
		for i, n := range is {
			out[i] = l.hashes[n]
		}
		return out, nil
	}
}

// grow appends entries until the log has n; salt makes another history.
func (l *testLog) grow(n int64, salt string) *testLog {
	for ; l.size < n; l.size++ {
		hs, err := tlog.StoredHashes(l.size, fmt.Appendf(nil, "%s %d", salt, l.size), l.reader())
		if err != nil {
			l.t.Fatal(err)
		}
		l.hashes = append(l.hashes, hs...)
	}
	return l
}

func (l *testLog) checkpoint(n int64) string {
	root, err := tlog.TreeHash(n, l.reader())
	if err != nil {
		l.t.Fatal(err)
	}
	return l.sign(fmt.Sprintf("%s\n%d\n%s\n", origin, n, root))
}

func (l *testLog) sign(text string) string {
	b, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(b)
}

// request is the honest request to go from one size to another.
func (l *testLog) request(from, to int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", from)
	if from > 0 && from < to {
		proof, err := tlog.ProveTree(to, from, l.reader())
		if err != nil {
			l.t.Fatal(err)
		}
		for _, h := range proof {
			fmt.Fprintf(&b, "%s\n", h)
		}
	}
	return b.String() + "\n" + l.checkpoint(to)
}

func open(t *testing.T, dir, skey string, logs ...string) *witness.Witness {
	t.Helper()
	w, err := witness.New(witness.Options{Dir: dir, Key: skey, Logs: logs, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func key(t *testing.T) (skey, vkey string) {
	t.Helper()
	skey, vkey, err := witness.GenerateKey("witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	return skey, vkey
}

func post(t *testing.T, w http.Handler, body string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/w1/add-checkpoint", strings.NewReader(body)))
	return rec
}

func expect(t *testing.T, w http.Handler, what, body string, status int) *httptest.ResponseRecorder {
	t.Helper()
	rec := post(t, w, body)
	if rec.Code != status {
		t.Errorf("%s: status %d %q, want %d", what, rec.Code, rec.Body, status)
	}
	return rec
}

func TestCosignsGrowth(t *testing.T) {
	l := newLog(t).grow(700, "a")
	skey, vkey := key(t)
	w := open(t, t.TempDir(), skey, l.vkey)
	if w.VerifierKey() != vkey {
		t.Fatalf("verifier key %s, want %s", w.VerifierKey(), vkey)
	}
	v, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	from := int64(0)
	for _, to := range []int64{0, 0, 1, 2, 3, 255, 256, 257, 257, 511, 700} {
		rec := expect(t, w, fmt.Sprintf("%d to %d", from, to), l.request(from, to), http.StatusOK)
		signed := l.checkpoint(to) + rec.Body.String()
		n, err := note.Open([]byte(signed), note.VerifierList(v))
		if err != nil || len(n.Sigs) != 1 {
			t.Fatalf("size %d: cosignature does not verify with transparency-dev/formats: %v", to, err)
		}
		if at, err := fnote.CoSigV1Timestamp(n.Sigs[0]); err != nil || at.Unix() != 1_800_000_000 {
			t.Errorf("size %d: cosigned at %v, %v", to, at, err)
		}
		from = to
	}
}

func TestRefusals(t *testing.T) {
	l := newLog(t).grow(600, "a")
	fork := &testLog{t: t, signer: l.signer, vkey: l.vkey}
	fork.grow(600, "b")
	stranger := newLog(t).grow(600, "a")
	skey, _ := key(t)
	w := open(t, t.TempDir(), skey, l.vkey)
	expect(t, w, "first", l.request(0, 300), http.StatusOK)

	good := l.request(300, 500)
	lines := strings.SplitAfter(good, "\n")
	emptyText := origin + "\n0\n" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"
	for _, c := range []struct {
		what, body string
		status     int
	}{
		{"another root for the size", fork.request(300, 300), http.StatusConflict},
		{"a fork that claims to start from the cosigned size", fork.request(300, 500), http.StatusUnprocessableEntity},
		{"rollback", l.request(300, 300)[:len("old 300\n\n")] + l.checkpoint(200), http.StatusBadRequest},
		{"rollback with a matching old size", "old 200\n\n" + l.checkpoint(200), http.StatusConflict},
		{"from zero", l.request(0, 500), http.StatusConflict},
		{"no proof", "old 300\n\n" + l.checkpoint(500), http.StatusUnprocessableEntity},
		{"proof short of a line", strings.Join(append([]string{lines[0]}, lines[2:]...), ""), http.StatusUnprocessableEntity},
		{"proof with a line more", lines[0] + lines[1] + strings.Join(lines[1:], ""), http.StatusUnprocessableEntity},
		{"proof for the same size", "old 300\n" + lines[1] + "\n" + l.checkpoint(300), http.StatusUnprocessableEntity},
		{"old above the size", l.request(0, 100)[:0] + "old 500\n\n" + l.checkpoint(300), http.StatusBadRequest},
		{"unknown origin", strings.Replace(good, origin, "other.example/log", 1), http.StatusNotFound},
		{"a stranger's signature", "old 300\n\n" + stranger.checkpoint(300), http.StatusForbidden},
		{"a changed root", strings.Replace(good, lines[len(lines)-4], l.root(499), 1), http.StatusForbidden},
		{"no signature", good[:strings.LastIndex(good, "—")], http.StatusForbidden},
		{"an extension line", "old 300\n\n" + l.sign(origin+"\n300\n"+l.root(300)+"ext\n"), http.StatusBadRequest},
		{"a rolled back empty log with a false root", "old 0\n\n" + l.sign(emptyText), http.StatusConflict},
		{"empty", "", http.StatusBadRequest},
		{"no checkpoint", "old 300\n", http.StatusBadRequest},
		{"leading zero", "old 0300\n\n" + l.checkpoint(300), http.StatusBadRequest},
		{"plus sign", "old +300\n\n" + l.checkpoint(300), http.StatusBadRequest},
		{"64 proof lines", "old 300\n" + strings.Repeat(lines[1], 64) + "\n" + l.checkpoint(500), http.StatusBadRequest},
		{"short hash", "old 300\nAAAA\n\n" + l.checkpoint(500), http.StatusBadRequest},
		{"huge", "old 300\n\n" + strings.Repeat("x", 1<<20), http.StatusBadRequest},
		{"binary", string(bytes.Repeat([]byte{0xff, 0}, 200)) + "\n\n", http.StatusBadRequest},
	} {
		rec := expect(t, w, c.what, c.body, c.status)
		sized := rec.Header().Get("Content-Type") == "text/x.tlog.size"
		if sized && rec.Body.String() != "300\n" {
			t.Errorf("%s: size %q", c.what, rec.Body)
		}
		if c.what == "another root for the size" && sized {
			t.Errorf("%s: answered with a size, which invites to try again", c.what)
		}
	}
	expect(t, w, "afterwards", good, http.StatusOK)
}

func (l *testLog) root(n int64) string {
	h, err := tlog.TreeHash(n, l.reader())
	if err != nil {
		l.t.Fatal(err)
	}
	return h.String() + "\n"
}

func TestOnlyPostAddCheckpoint(t *testing.T) {
	skey, _ := key(t)
	w := open(t, t.TempDir(), skey)
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/add-checkpoint", 405}, {"POST", "/", 404}, {"POST", "/x", 404}, {"DELETE", "/a/add-checkpoint", 405}} {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequest(c.method, c.path, nil))
		if rec.Code != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, rec.Code, c.status)
		}
	}
}

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

func TestKeys(t *testing.T) {
	skey, vkey := key(t)
	logSkey, logVkey, err := note.GenerateKey(nil, "witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, t.TempDir(), logSkey)
	if v, err := fnote.NewVerifierForCosignatureV1(logVkey); err != nil || v.KeyHash() == 0 || w.VerifierKey() == logVkey {
		t.Errorf("a type 1 key gave %s, %v", w.VerifierKey(), err)
	}
	for i := range skey {
		for _, bad := range []string{skey[:i], skey[:i] + "+" + skey[i+1:]} {
			if bad == skey {
				continue
			}
			_, err := witness.New(witness.Options{Dir: t.TempDir(), Key: bad})
			if err == nil {
				t.Fatalf("took a mangled key %q", bad)
			}
			if len(bad) > 80 && strings.Contains(err.Error(), bad[80:]) {
				t.Fatalf("the error shows the key: %v", err)
			}
		}
	}
	if _, err := witness.New(witness.Options{Dir: t.TempDir(), Key: skey, Logs: []string{vkey[:20]}}); err == nil {
		t.Error("took a mangled log key")
	}
	if _, _, err := witness.GenerateKey("a b"); err == nil {
		t.Error("made a key with a space in its name")
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
