package registry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"citygate/trust/registry"
)

func TestServe(t *testing.T) {
	w := newWorld(t)
	_, city := w.enrolled()
	issue(t, city, lamps(0, 260)...)
	if _, err := city.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := registry.NewHandler(w.path("cn"), w.path("sjz"))
	const never, forever = "no-cache", "public, max-age=31536000, immutable"
	for _, c := range []struct {
		path   string
		status int
		cache  string
		size   int
	}{
		{"/root.json", 200, never, -1},
		{"/sjz-records/checkpoint", 200, never, -1},
		{"/sjz-status/checkpoint", 200, never, -1},
		{"/directory/checkpoint", 200, never, -1},
		{"/sjz-records/tile/0/000", 200, forever, 8192},
		{"/sjz-records/tile/0/001.p/4", 200, forever, 128},
		{"/sjz-records/tile/1/000.p/1", 200, forever, 32},
		{"/sjz-records/tile/entries/000", 200, forever, -1},
		{"/sjz-records/tile/entries/001.p/4", 200, forever, -1},
		{"/sjz-records/tile/0/002", 404, never, -1},
		{"/unknown/checkpoint", 404, never, -1},
		{"/", 404, "", -1},
		{"/sjz-records", 404, "", -1},
		{"/sjz-records/", 404, "", -1},
		{"/sjz-records/tile/", 404, "", -1},
		{"/sjz-records/tile/0", 404, never, -1},
		{"/sjz-records/.state/treeState", 404, "", -1},
		{"/sjz-records/../../keys/issuer.seed", 404, "", -1},
		{"/../keys/issuer.seed", 404, "", -1},
		{"/sjz-records/tile/../checkpoint", 404, "", -1},
		{"/sjz-records/tile/entries/000/..", 404, "", -1},
		{"/registry.json", 404, "", -1},
		{"//etc/passwd", 404, "", -1},
	} {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = c.path
		h.ServeHTTP(rec, r)
		if rec.Code != c.status || rec.Header().Get("Cache-Control") != c.cache || c.size >= 0 && rec.Body.Len() != c.size {
			t.Errorf("%s: %d, %q, %d bytes; want %d, %q, %d", c.path, rec.Code, rec.Header().Get("Cache-Control"), rec.Body.Len(), c.status, c.cache, c.size)
		}
	}
	tag := func(tag string) (string, int) {
		r := httptest.NewRequest(http.MethodGet, "/sjz-records/checkpoint", nil)
		r.Header.Set("If-None-Match", tag)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec.Header().Get("ETag"), rec.Code
	}
	first, _ := tag("")
	if _, code := tag(first); code != http.StatusNotModified {
		t.Errorf("an unchanged checkpoint was sent again: %d", code)
	}
	issue(t, city, lamp(260))
	if _, err := city.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if second, code := tag(first); code != http.StatusOK || second == first {
		t.Errorf("a new checkpoint was not sent: %d", code)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodPut, "/sjz-records/checkpoint", nil))
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", rec.Code)
	}
}

func FuzzServe(f *testing.F) {
	h := registry.NewHandler(f.TempDir())
	f.Add("/a/checkpoint")
	f.Add("/a/tile/0/x001/234.p/12")
	f.Add("/../keys/issuer.seed")
	f.Fuzz(func(t *testing.T, path string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != http.StatusNotFound && rec.Code != http.StatusInternalServerError {
			t.Errorf("%q of an empty folder: %d", path, rec.Code)
		}
	})
}
