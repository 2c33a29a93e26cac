package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/trust/registry/web"
)

// The pages command writes a site, and serve shows the same beside the logs.
func TestPages(t *testing.T) {
	d := newDesk(t)
	d.do("pages", "--out", d.path("site"), "--help-number", "010-1234")
	want, err := os.ReadFile(filepath.Join(d.path("site"), "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(filepath.Join(d.path("site"), "404.html")); err != nil || string(again) != string(want) {
		t.Errorf("404.html is another page than index.html (%v)", err)
	}
	if !strings.Contains(string(want), `content="010-1234"`) {
		t.Error("the page lacks its help number")
	}
	if _, _, err := d.try("", "pages", "--out", d.path("site"), "--help-number", `"><script>`); err == nil {
		t.Error("a help number that is markup was written")
	}

	if err := os.MkdirAll(filepath.Join(d.path("cn"), "public"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.path("cn"), "public", "root.json"), []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	base := d.start("serve", "--dir", d.path("cn"), "--listen", "127.0.0.1:0", "--help-number", "010-1234")
	get := func(path string) (*http.Response, string) {
		r, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r, string(b)
	}
	for _, path := range []string{"/", "/156.1301.01/LAMP.000421", "/156.1301.02/P"} {
		if r, b := get(path); b != string(want) || r.Header.Get("Content-Security-Policy") != web.Policy {
			t.Errorf("%s: %s, %d bytes", path, r.Status, len(b))
		}
	}
	if _, b := get("/root.json"); b != "{}\n" {
		t.Errorf("root.json: %q", b)
	}
	for path, status := range map[string]int{web.HolderPath: 200, "/citygate.page/page.js": 200, "/citygate.page/": 404, "/resolve/MA.156.1301": 404,
		"/cn-records/checkpoint": 404, "/156/checkpoint": 404} {
		if r, _ := get(path); r.StatusCode != status {
			t.Errorf("%s: %s, want %d", path, r.Status, status)
		}
	}
}
