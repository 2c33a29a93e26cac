package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"citygate/trust/cityid"
	"citygate/trust/registry/web"
)

// logs stands for the published logs.
var logs = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "published") })

func pages(t testing.TB) *web.Handler {
	t.Helper()
	h, err := web.New(web.Options{}, logs)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = path
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func TestHandler(t *testing.T) {
	h := pages(t)
	for path, want := range map[string]string{
		"/": "text/html; charset=utf-8", "/156.1301.01/LAMP.000421": "text/html; charset=utf-8", "/156.1301": "text/html; charset=utf-8",
		"/156.1301.02/P": "text/html; charset=utf-8", web.HolderPath: "text/html; charset=utf-8",
		"/citygate.page/page.js": "text/javascript; charset=utf-8", "/citygate.page/page.css": "text/css; charset=utf-8", "/citygate.page/mark.svg": "image/svg+xml",
	} {
		rec := get(h, http.MethodGet, path)
		if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != want || rec.Header().Get("Content-Security-Policy") != web.Policy ||
			rec.Header().Get("X-Content-Type-Options") != "nosniff" || rec.Header().Get("Referrer-Policy") != "no-referrer" || rec.Body.Len() == 0 {
			t.Errorf("%s: %d, %v", path, rec.Code, rec.Header())
		}
		if head := get(h, http.MethodHead, path); head.Code != http.StatusOK || head.Body.Len() != 0 {
			t.Errorf("HEAD %s: %d, %d bytes", path, head.Code, head.Body.Len())
		}
		if same := get(h, http.MethodGet, path, "If-None-Match", rec.Header().Get("ETag")); same.Code != http.StatusNotModified || same.Body.Len() != 0 {
			t.Errorf("%s again: %d", path, same.Code)
		}
		if post := get(h, http.MethodPost, path); post.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, post.Code)
		}
	}
	for _, path := range []string{"/root.json", "/directory/checkpoint", "/156/checkpoint", "/156/tile/0/000", "/resolve/MA.156.1301", "/citygate.page", "/citygate.page/",
		"/index.html/", "/156.1301.01/lamp", "/citygate.page/../index.html", "/site/index.html"} {
		if rec := get(h, http.MethodGet, path); rec.Body.String() != "published" {
			t.Errorf("%s is a page", path)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, help := range []string{`"`, "<b>", "12345678901234567890x", "call us"} {
		if _, err := web.New(web.Options{Help: help}, logs); err == nil {
			t.Errorf("help number %q was taken", help)
		}
		if err := web.Write(t.TempDir(), web.Options{Help: help}); err == nil {
			t.Errorf("help number %q was written", help)
		}
	}
	if _, err := web.New(web.Options{}, nil); err == nil {
		t.Error("pages without logs behind them")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := web.Write(file, web.Options{}); err == nil {
		t.Error("pages were written into a file")
	}
}

// TestPagesAreSelfContained: what the pages name is in their folder, and nothing comes from another host or stands inline.
func TestPagesAreSelfContained(t *testing.T) {
	dir := t.TempDir()
	if err := web.Write(dir, web.Options{Help: "+86 12345"}); err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?:src|href)="([^"]*)"|from '([^']*)'|import\('([^']*)'\)`)
	inline := regexp.MustCompile(`<style|style="|<script>|\son[a-z]+="|javascript:|innerHTML|eval\(`)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if found := inline.Find(b); found != nil {
			t.Errorf("%s has %q", path, found)
		}
		for _, m := range names.FindAllStringSubmatch(string(b), -1) {
			name := m[1] + m[2] + m[3]
			at := filepath.Join(dir, filepath.FromSlash(name))
			if strings.HasPrefix(name, "./") {
				at = filepath.Join(filepath.Dir(path), name)
			}
			if _, err := os.Stat(at); err != nil || !strings.HasPrefix(name, "/citygate.page/") && !strings.HasPrefix(name, "./") {
				t.Errorf("%s names %q", path, name)
			}
		}
		if filepath.Ext(path) == ".html" && !strings.Contains(string(b), `content="+86 12345"`) {
			t.Errorf("%s lacks the help number", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPreloads: a page names all modules that its script needs, so that a phone asks for them at once and not one after the other.
func TestPreloads(t *testing.T) {
	h := pages(t)
	imports := regexp.MustCompile(`from '\./([a-z0-9]+\.js)'`)
	for page, script := range map[string]string{"/": "page.js", web.HolderPath: "holder.js"} {
		html := get(h, http.MethodGet, page).Body.String()
		needed, seen := []string{script}, map[string]bool{script: true}
		for ; len(needed) > 0; needed = needed[1:] {
			for _, m := range imports.FindAllStringSubmatch(get(h, http.MethodGet, "/"+web.Folder+"/"+needed[0]).Body.String(), -1) {
				if seen[m[1]] {
					continue
				}
				seen[m[1]] = true
				needed = append(needed, m[1])
				if !strings.Contains(html, `<link rel="modulepreload" href="/`+web.Folder+`/`+m[1]+`">`) {
					t.Errorf("%s does not name %s", page, m[1])
				}
			}
		}
		if n := strings.Count(html, "modulepreload"); n != len(seen)-1 {
			t.Errorf("%s names %d modules and needs %d", page, n, len(seen)-1)
		}
	}
}

// FuzzHandler: a path is a page's, or it is left to the logs; nothing else.
func FuzzHandler(f *testing.F) {
	for _, s := range []string{"", "156.1301.01/LAMP.000421", "citygate.page/page.js", "156/checkpoint", "../x", "156.1301.01/"} {
		f.Add(s)
	}
	h := pages(f)
	start := get(h, http.MethodGet, "/").Body.String()
	f.Fuzz(func(t *testing.T, path string) {
		rec := get(h, http.MethodGet, "/"+path)
		if rec.Code != http.StatusOK {
			t.Fatalf("%q: %d", path, rec.Code)
		}
		id, err := cityid.FromPath(path)
		page := err == nil && cityid.IssuedAlphabet(id.Path())
		if got := rec.Body.String() == start; got != (page || path == "" || path == "index.html") {
			t.Errorf("%q: the citizen's page: %v", path, got)
		}
	})
}
