package registry_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"citygate/trust/registry"
	"citygate/trust/registry/witness"
)

// A world is three witnesses over HTTP, a national registry and a city, in folders of one test.
type world struct {
	t         testing.TB
	dir       string
	witnesses []*witness.Witness
	keys      []registry.Witness
	down      [3]atomic.Bool // witnesses that answer nothing but 503
	later     atomic.Int64   // how far the witnesses' clocks are ahead, in seconds
}

// timeout bounds every wait of a test; none comes near it unless something is broken.
const timeout = 30 * time.Second

func newWorld(t testing.TB) *world {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Parallel() // nearly all time goes into waiting for the disk and for checkpoints
	}
	return newQuietWorld(t)
}

// newQuietWorld is newWorld for a test that needs several.
func newQuietWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	for i, name := range []string{"witness.example/w1", "witness.example/w2", "witness.example/w3"} {
		skey, vkey, err := witness.GenerateKey(name)
		if err != nil {
			t.Fatal(err)
		}
		x, err := witness.New(witness.Options{Dir: filepath.Join(w.dir, filepath.Base(name)), Key: skey, Now: w.now})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if w.down[i].Load() {
				http.Error(rw, "down", http.StatusServiceUnavailable)
				return
			}
			x.ServeHTTP(rw, r)
		}))
		t.Cleanup(func() { s.Close(); x.Close() })
		w.witnesses = append(w.witnesses, x)
		w.keys = append(w.keys, registry.Witness{Key: vkey, URL: s.URL})
	}
	return w
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.later.Load()) * time.Second) }

func (w *world) national() registry.Config {
	return registry.Config{
		National: true, Prefix: "MA.156", Short: "cn", Origin: "citygate.example", Hosts: []string{"ID.CN.EXAMPLE"},
		Names: map[string]string{"zh": "国家登记处", "en": "National registry"}, Witnesses: w.keys, Quorum: 2,
	}
}

func (w *world) city() registry.Config {
	return registry.Config{
		Prefix: "MA.156.1301", Short: "sjz", Origin: "id.sjz.example", Hosts: []string{"ID.SJZ.EXAMPLE"},
		Names: map[string]string{"zh": "石家庄", "en": "Shijiazhuang"}, Witnesses: w.keys, Quorum: 2,
	}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// create makes a registry and tells the witnesses its logs.
func (w *world) create(name string, c registry.Config) {
	w.t.Helper()
	if err := registry.Create(w.path(name), c); err != nil {
		w.t.Fatal(err)
	}
	refs, err := registry.LogKeys(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, x := range w.witnesses {
		for _, ref := range refs {
			if err := x.AddLog(ref.Keys[0]); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func options() registry.Options {
	return registry.Options{CheckpointInterval: 100 * time.Millisecond}
}

// open opens a registry until the test's end, or until the function that it returns is called.
func (w *world) open(name string, o registry.Options) (*registry.Registry, func()) {
	w.t.Helper()
	r, err := registry.Open(w.t.Context(), w.path(name), o)
	if err != nil {
		w.t.Fatal(err)
	}
	closed := false
	stop := func() {
		if closed {
			return
		}
		closed = true
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			w.t.Errorf("close %s: %v", name, err)
		}
	}
	w.t.Cleanup(stop)
	return r, stop
}

// enrolled gives an open national registry "cn" and an open city "sjz" with its rows in the directory.
func (w *world) enrolled() (national, city *registry.Registry) {
	w.t.Helper()
	w.enrolledAndClosed()
	national, _ = w.open("cn", options())
	city, _ = w.open("sjz", options())
	return national, city
}

// enrolledAndClosed leaves the folders of enrolled without an open registry.
func (w *world) enrolledAndClosed() {
	w.t.Helper()
	w.foundWith(w.national(), w.city())
}

// foundWith makes and enrols the two registries with these configurations.
func (w *world) foundWith(cn, sjz registry.Config) {
	w.t.Helper()
	w.create("cn", cn)
	w.create("sjz", sjz)
	national, stop := w.open("cn", options())
	if _, err := national.EnrolSelf(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	e, err := registry.Enrol(w.path("sjz"))
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := national.Allocate(w.t.Context(), e)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := registry.Accept(w.path("sjz"), a); err != nil {
		w.t.Fatal(err)
	}
	stop()
}
