package registry_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"citygate/trust/ledger"
	"citygate/trust/registry"
	"github.com/transparency-dev/tessera/api"
)

// directory reads the published directory and folds it like a gateway.
func (w *world) directory(size int) *ledger.Directory {
	w.t.Helper()
	b, err := os.ReadFile(registry.RootPolicyFile(w.path("cn")))
	if err != nil {
		w.t.Fatal(err)
	}
	root, err := ledger.ParseRootPolicy(b)
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := ledger.NewDirectory(root)
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(w.path("cn"), "public", "directory", ledger.EntriesPath(0, size)))
	if err != nil {
		w.t.Fatal(err)
	}
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(raw); err != nil {
		w.t.Fatal(err)
	}
	return d.With(bundle.Entries)
}

func TestAllocationIsObeyedAndIdempotent(t *testing.T) {
	w := newWorld(t)
	national, _ := w.enrolled()
	e, err := registry.Enrol(w.path("sjz"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := registry.ParseEnrolment(e.Marshal())
	if err != nil || !bytes.Equal(parsed.Marshal(), e.Marshal()) {
		t.Fatalf("enrolment does not survive its file: %v", err)
	}
	first, err := national.Allocate(t.Context(), parsed)
	if err != nil || first.Registry != 2 || first.Key != 3 {
		t.Fatalf("again: %+v, %v", first, err)
	}
	if a, err := registry.ParseAllocation(first.Marshal()); err != nil || !bytes.Equal(a.Marshal(), first.Marshal()) {
		t.Fatalf("allocation does not survive its file: %v", err)
	}
	w.edit("sjz", "Shijiazhuang", "Shijiazhuang, renamed")
	if e, err = registry.Enrol(w.path("sjz")); err != nil {
		t.Fatal(err)
	}
	second, err := national.Allocate(t.Context(), e)
	if err != nil || second.Registry != 4 || second.Key != 3 {
		t.Fatalf("a new name: %+v, %v", second, err)
	}
	if _, err := national.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := w.directory(5)
	if v := d.Voids(); len(v) != 0 {
		t.Fatalf("void entries: %+v", v)
	}
	if r := d.Registry("MA.156.1301"); r == nil || r.Names["en"] != "Shijiazhuang, renamed" {
		t.Errorf("row: %+v", r)
	}
	for i, want := range []ledger.KeyState{ledger.KeyNone, ledger.KeyLive, ledger.KeyNone, ledger.KeyLive, ledger.KeyNone} {
		if _, s := d.Key(uint32(i)); s != want {
			t.Errorf("key row %d: %v, want %v", i, s, want)
		}
	}
}

// edit replaces a word in a registry's configuration.
func (w *world) edit(name, old, new string) {
	w.t.Helper()
	path := filepath.Join(w.path(name), "registry.json")
	b, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte(old), []byte(new), 1), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func TestAllocationsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	national, city := w.enrolled()
	c := w.city()
	c.Prefix, c.Short, c.Hosts = "MA.156.1302", "ts", []string{"ID.TS.EXAMPLE"}
	w.create("ts", c)
	good, err := registry.Enrol(w.path("ts"))
	if err != nil {
		t.Fatal(err)
	}
	sjz, err := registry.Enrol(w.path("sjz"))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(e *registry.Enrolment){
		"not below the country":         func(e *registry.Enrolment) { e.Prefix = "MA.840.1302" },
		"below a city":                  func(e *registry.Enrolment) { e.Prefix = "MA.156.1301.05" },
		"no prefix":                     func(e *registry.Enrolment) { e.Prefix = "" },
		"another city's logs":           func(e *registry.Enrolment) { e.Records, e.Status = sjz.Records, sjz.Status },
		"another city's issuer key":     func(e *registry.Enrolment) { e.IssuerKey = sjz.IssuerKey },
		"an issuer key of small order":  func(e *registry.Enrolment) { e.IssuerKey = make([]byte, 32) },
		"an issuer key of wrong length": func(e *registry.Enrolment) { e.IssuerKey = e.IssuerKey[:31] },
		"no host":                       func(e *registry.Enrolment) { e.Hosts = nil },
		"quorum out of reach":           func(e *registry.Enrolment) { e.Quorum = 4 },
		"no witness":                    func(e *registry.Enrolment) { e.Witnesses = nil },
		"no name":                       func(e *registry.Enrolment) { e.Names = nil },
		"a log key as allocation key":   func(e *registry.Enrolment) { e.AllocKeys = e.Records.Keys },
		"a city's logs renamed":         func(e *registry.Enrolment) { e.Prefix = "MA.156.1301" },
		"a name that nobody signed":     func(e *registry.Enrolment) { e.Names = map[string]string{"en": "Elsewhere"} },
		"no proof":                      func(e *registry.Enrolment) { e.Proofs = nil },
		"proofs of another request":     func(e *registry.Enrolment) { e.Proofs = sjz.Proofs },
	} {
		bad := good
		change(&bad)
		if a, err := national.Allocate(t.Context(), bad); err == nil {
			t.Errorf("%s: allocated %+v", what, a)
		}
	}
	if _, err := city.Allocate(t.Context(), good); err == nil {
		t.Error("a city allocated")
	}
	a, err := national.Allocate(t.Context(), good)
	if err != nil {
		t.Fatalf("refusals left something behind: %v", err)
	}
	if err := registry.Accept(w.path("sjz"), a); err == nil {
		t.Error("a registry accepted another's allocation")
	}
}

func TestEnrolmentFilesAreStrict(t *testing.T) {
	for _, bad := range []string{"", "{}", "null", "[]", `{"version":1}x`, `{"version":2}`, `{"version":1,"colour":"red"}`, "\x00"} {
		if _, err := registry.ParseEnrolment([]byte(bad)); err == nil && bad != `{"version":1}` {
			t.Errorf("enrolment: took %q", bad)
		}
		if _, err := registry.ParseAllocation([]byte(bad)); err == nil {
			t.Errorf("allocation: took %q", bad)
		}
	}
}

func TestCreate(t *testing.T) {
	w := newWorld(t)
	good := w.city()
	for what, change := range map[string]func(*registry.Config){
		"country without directory": func(c *registry.Config) { c.Prefix = "MA.156" },
		"directory in a city":       func(c *registry.Config) { c.National = true },
		"no prefix":                 func(c *registry.Config) { c.Prefix = "1301" },
		"short name":                func(c *registry.Config) { c.Short = "Ünbefugt" },
		"no short name":             func(c *registry.Config) { c.Short = "" },
		"no host":                   func(c *registry.Config) { c.Hosts = nil },
		"no name":                   func(c *registry.Config) { c.Names = nil },
		"no witness":                func(c *registry.Config) { c.Witnesses = nil },
		"witness URL":               func(c *registry.Config) { c.Witnesses = []registry.Witness{{Key: w.keys[0].Key, URL: "ftp://x"}} },
	} {
		bad := good
		change(&bad)
		if err := registry.Create(filepath.Join(t.TempDir(), "r"), bad); err == nil {
			t.Errorf("%s: created", what)
		}
	}
	w.create("sjz", good)
	key, err := os.ReadFile(registry.IssuerKeyFile(w.path("sjz")))
	if err != nil {
		t.Fatal(err)
	}
	w.create("sjz", good)
	if again, _ := os.ReadFile(registry.IssuerKeyFile(w.path("sjz"))); !bytes.Equal(again, key) {
		t.Error("creating again changed the issuer key")
	}
	other := good
	other.Short = "other"
	if err := registry.Create(w.path("sjz"), other); err == nil {
		t.Error("creating another registry in the same folder")
	}
	files, _ := filepath.Glob(filepath.Join(w.path("sjz"), "keys", "*"))
	for _, f := range files {
		if st, err := os.Stat(f); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", f, st.Mode(), err)
		}
	}
	if err := os.Chmod(registry.IssuerKeyFile(w.path("sjz")), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.LoadIssuerKey(registry.IssuerKeyFile(w.path("sjz"))); err == nil {
		t.Error("read a key that everyone may read")
	}
}
