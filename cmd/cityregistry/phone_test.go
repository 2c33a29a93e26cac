package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"citygate/internal/browsertest"
)

// plainFiles serves a folder as a host does that knows nothing but files, and shows 404.html for what is not there.
func plainFiles(dir string) http.Handler {
	files := http.FileServer(http.Dir(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if st, err := os.Stat(filepath.Join(dir, filepath.Clean("/"+r.URL.Path))); err == nil && (!st.IsDir() || r.URL.Path == "/") {
			files.ServeHTTP(w, r)
			return
		}
		page, err := os.ReadFile(filepath.Join(dir, "404.html"))
		if err != nil {
			http.Error(w, "cannot read", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(page)
	})
}

// phone starts a headless Chromium that finds the city's host at the addresses of the tests' servers, or skips the test.
func phone(t *testing.T, origins ...string) context.Context {
	t.Helper()
	browser := browsertest.Start(t, map[string]any{
		"host-resolver-rules":                      "MAP id.sjz.example 127.0.0.1", // with the port of the URL
		"unsafely-treat-insecure-origin-as-secure": strings.Join(origins, ","),
	})
	return browsertest.Tab(t, browser, 390, 844)
}

// A citizen scans a lamp whose code the office issued: on the registry's own server, and on a host of plain files.
func TestPhoneReadsTheOfficesLedger(t *testing.T) {
	d := newDesk(t)
	d.found()
	lamp := "MA.156.1301.01/LAMP.000421"
	text := strings.TrimSpace(decode(t, d.do("issue", "--json", "--dir", d.path("sjz"), "--kind", "street-asset", "--id", lamp)).Text)
	d.do("issue", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/LAMP.000422", "--fresh")

	served := d.start("serve", "--dir", d.path("cn"), "--dir", d.path("sjz"), "--listen", "127.0.0.1:0")
	d.do("pages", "--out", d.path("site"))
	copyTrees := func() {
		if err := os.RemoveAll(d.path("host")); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{d.path("cn", "public"), d.path("sjz", "public"), d.path("site")} {
			if err := os.CopyFS(d.path("host"), os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
		}
	}
	copyTrees()
	plain := httptest.NewServer(plainFiles(d.path("host")))
	t.Cleanup(plain.Close)

	origin := func(base string) string {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		return "http://id.sjz.example:" + u.Port()
	}
	tab := phone(t, origin(served), origin(plain.URL))
	says := func(address string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(tab, time.Minute)
		defer cancel()
		var reason string
		err := chromedp.Run(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(address),
			browsertest.Until(`document.documentElement.dataset.reason`, &reason))
		if err != nil {
			t.Fatalf("%.80s: %v", address, err)
		}
		return reason
	}
	path := strings.TrimPrefix(text, "HTTPS://ID.SJZ.EXAMPLE")
	bare, _, _ := strings.Cut(path, "#")
	for _, base := range []string{served, plain.URL} {
		if got := says(origin(base) + path); got != "valid" {
			t.Errorf("%s: %s", base, got)
		}
	}
	if got := says(origin(served) + bare); got != "record" {
		t.Errorf("without a code: %s", got)
	}
	if got := says(origin(plain.URL) + bare); got != "empty" {
		t.Errorf("without a code, from plain files: %s", got)
	}
	d.do("revoke", "--dir", d.path("sjz"), "--id", lamp)
	copyTrees()
	for _, base := range []string{served, plain.URL} {
		if got := says(origin(base) + path); got != "revoked" {
			t.Errorf("revoked, %s: %s", base, got)
		}
	}
	if got := says(origin(served) + strings.Replace(path, "000421", "000423", 1)); got != "mismatch" {
		t.Errorf("on another lamp's address: %s", got)
	}
}
