package registry_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"citygate/trust/registry"
	"citygate/trust/registry/mirrored"
)

// mirror copies what cn and sjz publish into another folder.
func (w *world) mirror(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(registry.RootPolicyFile(w.path("cn")))
	if err != nil {
		w.t.Fatal(err)
	}
	root, err := ledger.ParseRootPolicy(b)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := mirrored.Open(w.path(name), mirrored.Options{Root: root, Sources: []mirror.Source{mirror.HTTP{Base: w.serve("cn", "sjz")}}})
	if err != nil {
		w.t.Fatal(err)
	}
	reports, err := c.Sync(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range reports {
		if r.Err != nil {
			w.t.Fatalf("%s: %v", r.Log, r.Err)
		}
	}
	return w.path(name)
}

// A city's server is destroyed; what is left are its keys and another city's copy of its logs.
func TestRestoreFromMirror(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	city, stop := w.open("sjz", options())
	qs := append(lamps(0, 300), registry.Request{Identifier: "MA.156.1301.02/PASS.1", Personal: true, Kind: code.KindCredential})
	issue(t, city, qs...)
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := city.SetStatus(t.Context(), 7, ledger.Revoked); err != nil {
		t.Fatal(err)
	}
	issue(t, city, lamp(300))
	if _, err := city.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	sealed := issue(t, city, qs...)
	stop()
	other := w.mirror("other")
	before := w.path("before")
	copyTree(t, filepath.Join(w.path("sjz"), "public"), before)
	for _, sub := range []string{"public", "books", "open", "lock"} {
		if err := os.RemoveAll(filepath.Join(w.path("sjz"), sub)); err != nil {
			t.Fatal(err)
		}
	}

	lost, err := registry.RestoreFromMirror(t.Context(), w.path("sjz"), mirror.Dir{Path: filepath.Join(w.path("nowhere"), "public")},
		mirror.Dir{Path: filepath.Join(other, "public")})
	if err != nil {
		t.Fatal(err)
	}
	if r := lost[0]; r.Size != 513 || r.Records != 301 || r.Lost != 1 {
		t.Errorf("restored %+v", lost)
	}
	if _, err := registry.RestoreFromMirror(t.Context(), w.path("sjz"), mirror.Dir{Path: filepath.Join(other, "public")}); err == nil {
		t.Error("restored over what is there")
	}
	sameLogs(t, before, filepath.Join(w.path("sjz"), "public"))

	w.goesOn(qs, sealed)
}

// goesOn opens the restored city and compares it with what it had issued.
func (w *world) goesOn(qs []registry.Request, sealed []registry.Issued) {
	t := w.t
	t.Helper()
	city, _ := w.open("sjz", options())
	again := issue(t, city, qs[:300]...)
	for i := range again {
		if again[i].Text != sealed[i].Text || !again[i].Again {
			t.Fatalf("record %d is another: %+v", i, again[i])
		}
	}
	if s, err := city.Status(t.Context(), 7); err != nil || s != ledger.Revoked {
		t.Errorf("status %v, %v", s, err)
	}
	if x := issue(t, city, lamp(301)); x[0].Index != 513 {
		t.Errorf("next index %d", x[0].Index)
	}
	if _, err := city.Publish(t.Context()); err != nil {
		t.Errorf("the witnesses do not take the restored logs: %v", err)
	}
	view := w.gateway("cn", "sjz").View()
	moment := trust.Moment{Now: time.Now(), Synced: true}
	for _, i := range []int{0, 299, 300} { // 300 is the personal one, whose holder still has the code
		if v := trust.Check(sealed[i].Text, view, trust.DefaultPolicy(), moment); v.Reason != trust.Valid {
			t.Errorf("record %d: %s", i, v.Reason)
		}
	}
}

// A copy that is behind cannot make the registry show another history: nothing is cosigned.
func TestRestoreFromAnOldMirror(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	city, stop := w.open("sjz", options())
	issue(t, city, lamps(0, 10)...)
	stop()
	other := w.mirror("other")
	city, stop = w.open("sjz", options())
	issue(t, city, lamps(10, 20)...)
	stop()
	for _, sub := range []string{"public", "books"} {
		if err := os.RemoveAll(filepath.Join(w.path("sjz"), sub)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := registry.RestoreFromMirror(t.Context(), w.path("sjz"), mirror.Dir{Path: filepath.Join(other, "public")}); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.WitnessTimeout = time.Second
	r, err := registry.Open(t.Context(), w.path("sjz"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := r.Close(ctx); err == nil {
			t.Error("closed as if all were published")
		}
	}()
	issue(t, r, registry.Request{Identifier: "MA.156.1301.01/OTHER.1"})
	if heads := published(t, r); heads[0].Size != 10 {
		t.Errorf("published %+v", heads)
	}
}

// sameLogs compares two published trees file by file, without Tessera's state and without partial tiles of sizes in between.
func sameLogs(t *testing.T, before, after string) {
	t.Helper()
	n := 0
	err := fs.WalkDir(os.DirFS(after), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, ".state") {
			return err
		}
		a, err1 := os.ReadFile(filepath.Join(before, path))
		b, err2 := os.ReadFile(filepath.Join(after, path))
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v, %v", path, err1, err2)
		}
		n++
		return nil
	})
	if err != nil || n < 8 {
		t.Errorf("compared %d files: %v", n, err)
	}
}
