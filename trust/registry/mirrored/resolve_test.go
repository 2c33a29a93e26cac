package mirrored_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"citygate/trust/registry/mirrored"
)

// record logs a public record.
func (w *world) record(object string, language string) {
	w.t.Helper()
	w.city.Records.Append(recordEntry(w.t, object, language))
}

func recordEntry(t testing.TB, object, language string) []byte {
	t.Helper()
	body, err := code.EncodeBody(false, code.Claims{Nodes: "156.1301.01", Object: object, Language: language})
	if err != nil {
		t.Fatal(err)
	}
	return code.EntryOf(body)
}

func id(t testing.TB, s string) cityid.ID {
	t.Helper()
	x, err := cityid.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A mirror of a mirror answers for a name, and the answer holds; a mirror that hides it is asked in vain and passed over.
func TestResolve(t *testing.T) {
	w := newWorld(t)
	w.record("LAMP.1", "")
	w.record("LAMP.2", "")
	w.record("LAMP.1", "zh-CN") // renewed
	w.n.SetStatus(w.city, 1001, ledger.Suspended)
	c := w.open(w.src)
	w.sync(c)
	s := httptest.NewServer(mirrored.NewResolver(w.dir))
	t.Cleanup(s.Close)
	hides := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(hides.Close)
	mirrors := []string{"http://127.0.0.1:1", hides.URL, s.URL + "/"}

	r, err := c.Resolve(t.Context(), id(t, "MA.156.1301.01/LAMP.1"), mirrors, http.DefaultClient)
	if err != nil || r.Index != 1002 || r.Log != "sjz-records" || r.Status != ledger.Good || r.Claims.Language != "zh-CN" || !r.Time.Equal(w.n.Time) {
		t.Errorf("resolved %+v, %v", r, err)
	}
	r, err = c.Resolve(t.Context(), id(t, "MA.156.1301.01/LAMP.2"), mirrors, http.DefaultClient)
	if err != nil || r.Index != 1001 || r.Status != ledger.Suspended {
		t.Errorf("resolved %+v, %v", r, err)
	}
	if _, err := c.Resolve(t.Context(), id(t, "MA.156.1301.01/LAMP.3"), mirrors, http.DefaultClient); !errors.Is(err, mirrored.ErrUnresolved) {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := c.Resolve(t.Context(), id(t, "MA.156.1302.01/LAMP.1"), mirrors, http.DefaultClient); err == nil {
		t.Error("resolved what no registry holds")
	}
	w.record("LAMP.3", "") // the resolver sees what is published later
	w.sync(c)
	if r, err := c.Resolve(t.Context(), id(t, "MA.156.1301.01/LAMP.3"), mirrors, http.DefaultClient); err != nil || r.Index != 1003 {
		t.Errorf("resolved %+v, %v", r, err)
	}
}

// Nothing that a lying mirror answers is believed: no bit of a true answer may change, and no other record's answer serves.
func TestResolveBelievesNothing(t *testing.T) {
	w := newWorld(t)
	w.record("LAMP.1", "")
	w.record("LAMP.2", "")
	c := w.open(w.src)
	w.sync(c)
	resolver := mirrored.NewResolver(w.dir)
	good, err := resolver.Prove(id(t, "MA.156.1301.01/LAMP.1"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := resolver.Prove(id(t, "MA.156.1301.01/LAMP.2"))
	if err != nil {
		t.Fatal(err)
	}
	var answer []byte
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.Write(answer) }))
	t.Cleanup(s.Close)
	believed := func() bool {
		_, err := c.Resolve(t.Context(), id(t, "MA.156.1301.01/LAMP.1"), []string{s.URL}, http.DefaultClient)
		return err == nil
	}
	if answer = good; !believed() {
		t.Fatal("the true answer was not believed")
	}
	bad := [][]byte{nil, other, bytes.Replace(good, []byte("index 1000\n"), []byte("index 1001\n"), 1), bytes.Repeat([]byte("x"), 1<<20)}
	signatures := bytes.LastIndex(good, []byte("\n\n"))
	for i := 0; i < signatures; i += 3 {
		b := bytes.Clone(good)
		b[i] ^= 1
		bad = append(bad, b, good[:i])
	}
	for i, b := range bad {
		if answer = b; believed() {
			t.Errorf("answer %d was believed: %.200q", i, b)
		}
	}
}

func TestResolverRefuses(t *testing.T) {
	w := newWorld(t)
	w.record("LAMP.1", "")
	w.sync(w.open(mirror.Multi{w.src}))
	h := mirrored.NewResolver(w.dir)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/resolve/MA.156.1301.01/LAMP.1", 200},
		{"GET", "/resolve/MA.156.1301.01/LAMP.9", 404},
		{"GET", "/resolve/MA.156.1301.02/P", 404},
		{"GET", "/resolve/../../etc/passwd", 400},
		{"GET", "/resolve/", 400},
		{"GET", "/other", 400},
		{"POST", "/resolve/MA.156.1301.01/LAMP.1", 405},
	} {
		rec := httptest.NewRecorder()
		q := httptest.NewRequest(c.method, "/", nil)
		q.URL.Path = c.path
		h.ServeHTTP(rec, q)
		if rec.Code != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, rec.Code, c.status)
		}
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/resolve/MA.156.1301.01/LAMP.1", nil))
	if !strings.HasPrefix(rec.Body.String(), "c2sp.org/tlog-proof@v1\nextra ") {
		t.Errorf("answer %.80q", rec.Body)
	}
}

// Names are found again by the next resolver, from the disk; an index that is damaged changes no answer.
func TestNamesOnDisk(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		w.record(fmt.Sprintf("LAMP.%d", i), "")
	}
	c := w.open(w.src)
	w.sync(c)
	index := filepath.Join(w.dir, "index", "sjz-records.names")
	ask := func(some, records int) { t.Helper(); w.asked(some, records) }
	ask(1000, 300)
	if _, err := os.Stat(index); err == nil {
		t.Error("a few names were written")
	}
	ask(100, 300)
	old, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	w.record("LAMP.300", "")
	w.sync(c)
	ask(100, 301)
	if now, err := os.ReadFile(index); err != nil || !bytes.Equal(now, old) {
		t.Errorf("one new name was written: %v", err)
	}
	ask(1, 301)
	damaged := bytes.Clone(old)
	damaged[len(damaged)/2] ^= 1
	for what, b := range map[string][]byte{"damaged": damaged, "cut": old[:len(old)-1], "of nothing": nil} {
		if err := os.WriteFile(index, b, 0o644); err != nil {
			t.Fatal(err)
		}
		r := mirrored.NewResolver(w.dir)
		for range 2 { // the first question may find the damage
			_, err = r.Prove(id(t, "MA.156.1301.01/LAMP.7"))
		}
		if r.Close(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// asked asks a new resolver for records 0 to before another, and for one that is not there. It writes names if some are new.
func (w *world) asked(some, records int) {
	w.t.Helper()
	r := mirrored.NewResolver(w.dir)
	defer r.Close()
	r.KeepFrom(some)
	for i := range records {
		if _, err := r.Prove(id(w.t, fmt.Sprintf("MA.156.1301.01/LAMP.%d", i))); err != nil {
			w.t.Fatalf("record %d: %v", i, err)
		}
	}
	if _, err := r.Prove(id(w.t, "MA.156.1301.01/LAMP.999999")); err == nil {
		w.t.Error("found what is not there")
	}
}

// An index of another log with the same name, and one that cannot be written, change no answer.
func TestNamesOfAnotherLog(t *testing.T) {
	first, w := newWorld(t), newWorld(t)
	for i := range 20 {
		first.record(fmt.Sprintf("LAMP.%d", 19-i), "")
	}
	w.record("LAMP.0", "")
	for _, x := range []*world{first, w} {
		x.sync(x.open(x.src))
	}
	first.asked(1, 20)
	if err := os.CopyFS(filepath.Join(w.dir, "index"), os.DirFS(filepath.Join(first.dir, "index"))); err != nil {
		t.Fatal(err)
	}
	w.asked(1, 1)
	if err := os.RemoveAll(filepath.Join(w.dir, "index")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "index"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w.asked(1, 1)
}
