package witness_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"citygate/trust/registry/witness"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
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
			if len(bad) >= 90 && strings.Contains(err.Error(), bad[80:]) {
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
