package registry_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"citygate/trust/registry"
	"citygate/trust/registry/mirrored"
	"citygate/trust/registry/witness"
	"golang.org/x/mod/sumdb/note"
)

// hire adds witnesses of some names, which know the logs of some registries as they are when the witness is asked.
func (w *world) hire(names ...string) []registry.Witness {
	w.t.Helper()
	var keys []registry.Witness
	for _, name := range names {
		skey, vkey, err := witness.GenerateKey("witness.example/" + name)
		if err != nil {
			w.t.Fatal(err)
		}
		x, err := witness.New(witness.Options{Dir: w.path("state-" + name), Key: skey, Now: w.now})
		if err != nil {
			w.t.Fatal(err)
		}
		s := httptest.NewServer(http.HandlerFunc(x.ServeHTTP))
		w.t.Cleanup(func() { s.Close(); x.Close() })
		w.witnesses = append(w.witnesses, x)
		keys = append(keys, registry.Witness{Key: vkey, URL: s.URL})
	}
	return keys
}

// tell tells every witness the logs of a registry.
func (w *world) tell(name string) {
	w.t.Helper()
	refs, err := registry.LogKeys(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, x := range w.witnesses {
		for _, ref := range refs {
			for _, key := range ref.Keys {
				if err := x.AddLog(key); err != nil {
					w.t.Fatal(err)
				}
			}
		}
	}
}

// institute makes a directory key in a folder and gives its verifier key.
func (w *world) institute(path string) string {
	w.t.Helper()
	skey, vkey, err := note.GenerateKey(nil, "citygate.example/"+filepath.Base(path))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(skey+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return vkey
}

// changeNation replaces witnesses, log keys and the directory keys of the national registry.
func (w *world) changeNation(round string) {
	t := w.t
	t.Helper()
	hired := w.hire(round+"1", round+"2", round+"3")
	if _, err := registry.Prepare(w.path("cn"), hired, 2, true); err != nil {
		t.Fatal(err)
	}
	w.tell("cn")
	national, stop := w.open("cn", options())
	var keys []string
	for _, n := range []string{"1", "2", "3"} {
		keys = append(keys, w.institute(filepath.Join(w.path("cn"), "keys", "directory-"+round+n+".skey")))
	}
	p, err := national.ProposeRotation(t.Context(), keys, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := national.RotateRoot(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := national.EnrolSelf(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := national.Publish(t.Context()); !errors.Is(err, registry.ErrChanged) {
		t.Fatalf("an open registry goes on with the old witnesses: %v", err)
	}
	stop()
	national, stop = w.open("cn", options())
	if _, err := national.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
}

// A gateway sleeps through two rotations that replace institutes, witnesses and the directory's log key, wakes, walks them and goes on; so
// does a mirror, and a gateway that knows only the mirror.
func TestRotationsOfTheRootPolicy(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	city, _ := w.open("sjz", options())
	issue(t, city, lamp(1))
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := city.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(registry.RootPolicyFile(w.path("cn")))
	if err != nil {
		t.Fatal(err)
	}
	sleeper := w.gateway("cn", "sjz")
	copied := w.copyOf(first, "copy", mirror.HTTP{Base: w.serve("cn", "sjz")})

	w.changeNation("a")
	w.changeNation("b")
	lampText, err := city.Answer(t.Context(), lamp(1).Identifier)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, c *cache.Cache, src mirror.Source) {
		t.Helper()
		if _, err := c.Sync(t.Context(), src); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := c.View().Directory().Rotations(); len(got) != 2 {
			t.Errorf("%s: rotations %v", what, got)
		}
		if v := trust.Check(lampText.Text, c.View(), trust.DefaultPolicy(), trust.Moment{Now: time.Now(), Synced: true}); v.Reason != trust.Valid {
			t.Errorf("%s: %s", what, v.Reason)
		}
	}
	check("the gateway that slept", sleeper, mirror.HTTP{Base: w.serve("cn", "sjz")})
	for range 2 {
		if _, err := copied.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check("a gateway with the first policy, from the mirror", w.cache(first), mirror.HTTP{Base: w.serve("copy")})
	newest, err := os.ReadFile(filepath.Join(w.path("copy"), "public", "root.json"))
	if err != nil || string(newest) == string(first) {
		t.Fatalf("the mirror's root policy: %v", err)
	}
	check("a gateway with the newest policy", w.cache(newest), mirror.HTTP{Base: w.serve("copy")})
	w.copyOf(newest, "late", mirror.HTTP{Base: w.serve("copy")})
	w.restoredAfterRotation("copy")
}

// copyOf mirrors a source.
func (w *world) copyOf(root []byte, name string, src mirror.Source) *mirrored.Copy {
	w.t.Helper()
	p, err := ledger.ParseRootPolicy(root)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := mirrored.Open(w.path(name), mirrored.Options{Root: p, Sources: []mirror.Source{src}})
	if err != nil {
		w.t.Fatal(err)
	}
	reports, err := c.Sync(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range reports {
		if r.Err != nil {
			w.t.Errorf("%s: %v", r.Log, r.Err)
		}
	}
	return c
}

// cache is a gateway that has nothing yet.
func (w *world) cache(root []byte) *cache.Cache {
	w.t.Helper()
	p, err := ledger.ParseRootPolicy(root)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := cache.Open(filepath.Join(w.t.TempDir(), "trust.db"), cache.Options{Root: p})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

// restoredAfterRotation wipes the national registry and rebuilds it from a mirror, with the kept rotations and the newest policy.
func (w *world) restoredAfterRotation(from string) {
	t := w.t
	t.Helper()
	public := filepath.Join(w.path("cn"), "public")
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(public, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var before []string
	names := []string{"root.json", "directory/rotation/0", "directory/rotation/1"}
	for _, n := range names {
		before = append(before, read(n))
	}
	for _, sub := range []string{"public", "books"} {
		if err := os.RemoveAll(filepath.Join(w.path("cn"), sub)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := registry.RestoreFromMirror(t.Context(), w.path("cn"), mirror.Dir{Path: filepath.Join(w.path(from), "public")}); err != nil {
		t.Fatal(err)
	}
	for i, n := range names {
		if read(n) != before[i] {
			t.Errorf("%s is another after restoring", n)
		}
	}
}

// One institute alone, of the old or of the new policy, rotates nothing, and neither do all the new ones without the old.
func TestRotationNeedsBothThresholds(t *testing.T) {
	w := newWorld(t)
	national, _ := w.enrolled()
	var keys, files []string
	for _, n := range []string{"x", "y"} {
		files = append(files, w.path(n+".skey"))
		keys = append(keys, w.institute(files[len(files)-1]))
	}
	all, err := national.ProposeRotation(t.Context(), keys, 2)
	if err != nil || len(all.Signatures) != 3 {
		t.Fatalf("%d signatures, %v", len(all.Signatures), err)
	}
	old := all.Signatures
	for _, f := range files {
		if err := all.SignWith(f); err != nil {
			t.Fatal(err)
		}
	}
	for what, sigs := range map[string][]registry.ProposalSignature{
		"nobody": {}, "one old": old[:1], "one new": all.Signatures[3:4], "the old ones": old, "the new ones": all.Signatures[3:],
		"one of each": {old[0], all.Signatures[3]}, "all new and one old": {old[0], all.Signatures[3], all.Signatures[4]},
		"all old and one new": {old[0], old[1], old[2], all.Signatures[3]},
	} {
		p := all
		p.Signatures = sigs
		if err := national.RotateRoot(t.Context(), p); err == nil {
			t.Errorf("%s rotated the root policy", what)
		}
	}
	if _, err := national.Enter(t.Context(), all); err == nil {
		t.Error("a rotation was entered like another entry")
	}
	parsed, err := registry.ParseProposal(all.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // again changes nothing
		if err := national.RotateRoot(t.Context(), parsed); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.gateway("cn", "sjz").View().Directory().Root().DirectoryKeys; strings.Join(got, " ") != strings.Join(keys, " ") {
		t.Errorf("directory keys %v", got)
	}
	if err := national.Withdraw(t.Context(), 3, 0); err == nil {
		t.Error("the old institutes withdrew a key row")
	}
}
