package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"citygate/fleet/store"
	"citygate/fleet/web"
)

// A person whom the proxy names closes a finding with a reason; nobody else does.
func TestFindingIsClosedByAPerson(t *testing.T) {
	x := street(t)
	const header = "X-Forwarded-User"
	h := x.server(web.Options{PersonHeader: header}).Handler()
	readOnly := x.server(web.Options{}).Handler()
	post := func(h http.Handler, path, reason string, change func(*http.Request)) int {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(url.Values{"reason": {reason}}.Encode()))
		r.Host = "127.0.0.1"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://127.0.0.1")
		r.Header.Set(header, "Li  Wei")
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	without := func(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }
	for name, got := range map[string]int{
		"405 no proxy is set up": post(readOnly, "/findings/1/close", "key was replaced", nil),
		"403 nobody is named":    post(h, "/findings/1/close", "key was replaced", without(header)),
		"403 no origin":          post(h, "/findings/1/close", "key was replaced", without("Origin")),
		"403 another site":       post(h, "/findings/1/close", "key was replaced", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }),
		"403 a sandboxed page":   post(h, "/findings/1/close", "key was replaced", func(r *http.Request) { r.Header.Set("Origin", "null") }),
		"400 no reason":          post(h, "/findings/1/close", "  ", nil),
		"400 a book":             post(h, "/findings/1/close", strings.Repeat("x", 501), nil),
		"404 no such finding":    post(h, "/findings/99/close", "key was replaced", nil),
		"405 no such thing":      post(h, "/findings/1", "key was replaced", nil),
	} {
		if !strings.HasPrefix(name, strconv.Itoa(got)) {
			t.Errorf("%s: %d", name, got)
		}
	}
	named := func(r *http.Request) { r.Header.Set(header, "Li Wei") }
	if page := body(t, get(t, h, "/findings/1?lang=en", named)); !strings.Contains(page, "Recorded as Li Wei") {
		t.Error("the page of a finding has no form for a person")
	}
	if page := body(t, get(t, readOnly, "/findings/1?lang=en", named)); strings.Contains(page, "<form class=\"close\"") {
		t.Error("the page has a form where nobody can be named")
	}
	if got := post(h, "/findings/1/close", "key was replaced", nil); got != http.StatusSeeOther {
		t.Fatalf("closing: %d", got)
	}
	list, err := x.s.Findings(t.Context(), store.FindingsQuery{ID: 1})
	if err != nil || len(list) != 1 || list[0].Resolved.IsZero() || list[0].Reason != "key was replaced (Li Wei)" {
		t.Errorf("closed: %+v, %v", list, err)
	}
	if got := post(h, "/findings/1/close", "again", nil); got != http.StatusBadRequest {
		t.Errorf("closing it again: %d", got)
	}
}

// Neighbours that went offline together are one line, others are not.
func TestNeighboursThatFailTogetherAreOneLine(t *testing.T) {
	x := newSample(t)
	for i := range 9 {
		name := fmt.Sprintf("k-%d", i)
		x.enrol(name, fmt.Sprintf("MA.156.1301.0%d/KIOSK.%d", 1+i/6, i), "")
		x.on(name, uint64(i+1), 5*time.Hour)
		switch {
		case i < 4: // one street, within a minute
			x.off(name, uint64(i+1), 26*time.Minute+time.Duration(i)*15*time.Second)
		case i == 4: // the same street, an hour before
			x.off(name, uint64(i+1), 90*time.Minute)
		case i == 6, i == 7: // two of another street
			x.off(name, uint64(i+1), 26*time.Minute)
		}
	}
	page := body(t, get(t, x.server(web.Options{}).Handler(), "/?lang=en"))
	_, needs, _ := strings.Cut(page, `id="needs"`)
	needs, _, _ = strings.Cut(needs, "</section>")
	if n := strings.Count(needs, "<tr>"); n != 5 { // the head, k-4, the four, k-6, k-7
		t.Errorf("%d rows: %s", n, needs)
	}
	if !strings.Contains(needs, `href="/gateways?q=place:MA.156.1301+reason:offline">4 gateways</a>`) {
		t.Errorf("no line for four gateways: %s", needs)
	}
}
