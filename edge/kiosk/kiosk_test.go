package kiosk_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"citygate/edge/kiosk"
	"citygate/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newServer(t *testing.T, o kiosk.Options) *kiosk.Server {
	t.Helper()
	s, err := kiosk.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(h http.Handler, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "127.0.0.1:8480"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestOnlyTheKiosksOwnBrowserIsServed(t *testing.T) {
	h := newServer(t, options("zh-CN", "day")).Handler()
	tests := []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"loopback", nil, 200},
		{"localhost", func(r *http.Request) { r.Host = "LOCALHOST:8480" }, 200},
		{"IPv6", func(r *http.Request) { r.Host = "[::1]:8480" }, 200},
		{"no port", func(r *http.Request) { r.Host = "127.0.0.1" }, 200},
		{"own origin", func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:8480") }, 200},
		{"HEAD", func(r *http.Request) { r.Method = http.MethodHead }, 200},
		{"rebound name", func(r *http.Request) { r.Host = "evil.example:8480" }, 421},
		{"name that begins alike", func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, 421},
		{"localhost's child", func(r *http.Request) { r.Host = "x.localhost" }, 421},
		{"network address", func(r *http.Request) { r.Host = "192.0.2.1:8480" }, 421},
		{"no host", func(r *http.Request) { r.Host = "" }, 421},
		{"other origin", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, 403},
		{"other port's origin", func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:9999") }, 403},
		{"https origin", func(r *http.Request) { r.Header.Set("Origin", "https://127.0.0.1:8480") }, 403},
		{"null origin", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		{"two origins", func(r *http.Request) { r.Header["Origin"] = []string{"http://127.0.0.1:8480", "http://evil.example"} }, 403},
		{"POST", func(r *http.Request) { r.Method = http.MethodPost }, 405},
		{"OPTIONS", func(r *http.Request) { r.Method = http.MethodOptions }, 405},
	}
	for _, path := range []string{"/", "/readyz", "/healthz", "/kiosk.js"} {
		for _, tt := range tests {
			if got := get(h, path, tt.change).Code; got != tt.want {
				t.Errorf("%s %s: status %d, want %d", path, tt.name, got, tt.want)
			}
		}
	}
	for _, path := range []string{"/none", "/page/index.html", "/words.json", "/../kiosk.go", "/events/x", "/metrics"} {
		if got := get(h, path, nil).Code; got != 404 && got != 301 && got != 307 {
			t.Errorf("%s: status %d, want none", path, got)
		}
	}
}

func TestPageLoadsLittleAndOnlyItsOwn(t *testing.T) {
	h := newServer(t, options("en", "day")).Handler()
	total := 0
	external := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9]`)
	for _, path := range []string{"/", "/kiosk.css", "/kiosk.js", "/mark.svg"} {
		w := get(h, path, nil)
		body := w.Body.String()
		total += len(body)
		text := strings.ReplaceAll(body, "http://www.w3.org/2000/svg", "")
		if m := external.FindString(text); m != "" {
			t.Errorf("%s names another origin: %q", path, m)
		}
		csp := w.Header().Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: policy %q lacks %s", path, csp, part)
			}
		}
		if strings.Contains(csp, "unsafe") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, w.Header())
		}
	}
	t.Logf("the page loads %d bytes", total)
	if total >= 60_000 {
		t.Errorf("the page loads %d bytes, at most 60,000", total)
	}
	page := get(h, "/", nil).Body.String()
	if regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=|<script>|<style`).MatchString(page) {
		t.Error("the page has inline script or style")
	}
}

func TestTextsOfTheConfigurationCannotLeaveTheirPlace(t *testing.T) {
	evil := map[string]string{"zh-CN": `</script><script>alert(1)</script>`, "en": `"><img src=x>`}
	page := get(newServer(t, kiosk.Options{City: evil, Kiosk: evil, Nearest: evil, Help: "<b>"}).Handler(), "/", nil).Body.String()
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img") || strings.Contains(page, "<b>\"") {
		t.Error("a text of the configuration became markup")
	}
}

// words is the page's own list, as the browser gets it.
func words(t *testing.T) (w struct {
	Reasons map[string][4]string
	Closed  map[string][2]string
	Kinds   map[string][2]string
}) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("page", "words.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestEveryReasonHasItsWords(t *testing.T) {
	w := words(t)
	if len(w.Reasons) != len(trust.Reasons()) {
		t.Errorf("%d reasons have words, the list has %d", len(w.Reasons), len(trust.Reasons()))
	}
	for _, r := range trust.Reasons() {
		for i, s := range w.Reasons[string(r)] {
			if s == "" || strings.ContainsAny(s, "!！") {
				t.Errorf("%s: text %d is %q", r, i, s)
			}
		}
		if n := len([]rune(w.Reasons[string(r)][0])); n > 8 {
			t.Errorf("%s: headline of %d characters", r, n)
		}
	}
}

func TestReadyz(t *testing.T) {
	o := options("en", "day")
	o.Ready = func() kiosk.Readiness {
		return kiosk.Readiness{Conditions: []kiosk.Condition{{Code: "camera-missing", Title: "t", Severity: "fatal", Detail: "no such file"}}}
	}
	w := get(newServer(t, o).Handler(), "/readyz", nil)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"code":"camera-missing"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(newServer(t, options("en", "day")).Handler(), "/readyz", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"conditions":[]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
