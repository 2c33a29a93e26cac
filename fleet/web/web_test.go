package web_test

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/fleet/web"
	"citygate/sync/wire"
)

func get(t *testing.T, h http.Handler, target string, change ...func(*http.Request)) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "127.0.0.1:8490"
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var pagePaths = []string{"/", "/gateways", "/gateways/sjz-0102-0110", "/gateways/qhd-0103-0111", "/gateways/sjz-0102-0110/events", "/findings", "/findings?closed=1", "/findings/1"}

// Every page in both languages: whole, without script or style in it, under the
// content policy, and with every text translated.
func TestPages(t *testing.T) {
	h := street(t).server(web.Options{}).Handler()
	for _, p := range pagePaths {
		for _, lang := range []string{"en", "zh-CN"} {
			r := get(t, h, p, func(r *http.Request) { r.Header.Set("Accept-Language", lang+",de;q=0.5") })
			html := body(t, r)
			if r.StatusCode != http.StatusOK || !strings.HasSuffix(strings.TrimSpace(html), "</html>") {
				t.Fatalf("%s %s: %s", p, lang, r.Status)
			}
			if !strings.Contains(html, `<html lang="`+lang+`"`) {
				t.Errorf("%s: not in %s", p, lang)
			}
			for _, bad := range []string{" style=", "<style", "javascript:", "onclick", "<script>", "%!", "&lt;no value", "means-", "todo-", "verdict-"} {
				if strings.Contains(html, bad) {
					t.Errorf("%s %s: contains %q", p, lang, bad)
				}
			}
			policy := r.Header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
				if !strings.Contains(policy, want) {
					t.Errorf("%s: policy %q lacks %s", p, policy, want)
				}
			}
			if strings.Contains(policy, "unsafe") || r.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: headers %v", p, r.Header)
			}
		}
	}
}

func TestGuards(t *testing.T) {
	h := street(t).server(web.Options{Hosts: []string{"fleet.citygate.example"}}).Handler()
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	for name, want := range map[string]int{"127.0.0.1": 200, "[::1]:8490": 200, "localhost:1": 200, "LOCALHOST": 200, "fleet.citygate.example": 200,
		"attacker.example": 421, "127.0.0.1.attacker.example": 421, "": 421, "10.0.0.1": 421, "fleet.citygate.example.": 421} {
		if r := get(t, h, "/api/summary", host(name)); r.StatusCode != want {
			t.Errorf("host %q: %d, want %d", name, r.StatusCode, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		if r := get(t, h, "/", func(r *http.Request) { r.Method = method }); r.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", method, r.Status)
		}
	}
	r := get(t, h, "/api/gateways", func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "cors")
	})
	if r.StatusCode != http.StatusForbidden {
		t.Errorf("another site's script: %s", r.Status)
	}
}

// Whatever an address holds, the answer is a short refusal or a page.
func TestBadAddresses(t *testing.T) {
	h := street(t).server(web.Options{}).Handler()
	for target, want := range map[string]int{
		"/nothing": 404, "/gateways/none": 404, "/gateways/%00": 404, "/findings/0": 404, "/findings/x": 404, "/findings/99": 404, "/findings/99/evidence": 404,
		"/findings/2/evidence": 404, "/api/events": 400, "/api/events?device=none": 404, "/api/events?device=sjz-0101-0100&epoch=zz": 400,
		"/api/events?device=sjz-0101-0100&after=1": 400, "/gateways/sjz-0101-0100/events?epoch=zz": 400, "/gateways/sjz-0101-0100/events?before=-1": 400,
		"/gateways?from=-3": 200, "/gateways?from=99999999": 200, "/gateways?state=%3Cscript%3E&q=%22%3E%3Cscript%3E&sort=zz": 200, "/?lang=xx&theme=yy": 200,
		"/assets/../server.go": 307, "/assets/fleet.css": 200, "/findings?closed=%ff": 200,
	} {
		r := get(t, h, target)
		if r.StatusCode != want {
			t.Errorf("%s: %s, want %d", target, r.Status, want)
		}
		if html := body(t, r); strings.Contains(html, "<script>") || strings.Contains(html, "goroutine") {
			t.Errorf("%s: %q", target, html)
		}
	}
}

func TestSummary(t *testing.T) {
	h := street(t).server(web.Options{}).Handler()
	var s struct {
		Gateways int
		States   map[string]int
		Events   uint64
		Verdicts map[string]int64
		Findings map[string]int64 `json:"findings_open"`
		OldestS  *float64         `json:"oldest_unacknowledged_s"`
		TrustS   *float64         `json:"trust_age_s"`
	}
	if err := json.NewDecoder(get(t, h, "/api/summary").Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	var scans int64
	for _, n := range s.Verdicts {
		scans += n
	}
	if s.Gateways != 12 || uint64(scans)+11 != s.Events || s.Findings["fork"] != 1 || s.Findings["gap"] != 1 || s.States["offline"] != 2 || s.States["alarm"] != 1 {
		t.Errorf("summary %+v", s)
	}
	if s.OldestS == nil || *s.OldestS != 2400 || s.TrustS == nil {
		t.Errorf("oldest %v, trust %v", s.OldestS, s.TrustS)
	}
}

func TestEventLines(t *testing.T) {
	x := street(t)
	h := x.server(web.Options{}).Handler()
	g, err := x.s.Gateway(t.Context(), "sjz-0101-0100")
	if err != nil {
		t.Fatal(err)
	}
	read := func(query string) []uint64 {
		var out []uint64
		for line := range strings.Lines(body(t, get(t, h, "/api/events?device=sjz-0101-0100"+query))) {
			var e struct {
				Epoch, Type, Verdict, Chain string
				Seq                         uint64
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			if (e.Type == wire.TypeScan) != (e.Verdict != "") || len(e.Epoch) != 16 || len(e.Chain) != 64 {
				t.Errorf("line %s", line)
			}
			out = append(out, e.Seq)
		}
		return out
	}
	all := read("")
	if uint64(len(all)) != g.Mark || !slices.IsSorted(all) {
		t.Errorf("%d lines, %d numbers stored", len(all), g.Mark)
	}
	epoch := "&epoch=" + hex16(g.Epoch)
	if got := read(epoch + "&after=190"); uint64(len(got)) != g.Mark-190 || got[0] != 191 {
		t.Errorf("after 190: %v", got)
	}
	if got := read("&epoch=1"); len(got) != 0 {
		t.Errorf("another epoch: %v", got)
	}
}

func hex16(n uint64) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 16)
	for i := range b {
		b[15-i] = digits[n>>(4*i)&15]
	}
	return string(b)
}

func TestListsAndFilters(t *testing.T) {
	x := street(t)
	h := x.server(web.Options{}).Handler()
	for query, want := range map[string]int{"": 12, "q=qhd": 4, "state=alarm": 1, "q=reason:camera": 1, "q=state:offline": 2, "q=version:1.0": 11,
		"q=place:MA.156.1303": 4, "q=%E4%B8%AD%E5%B1%B1": 3, "q=nothing": 0, "q=qhd+state:offline": 2} {
		rows, err := csv.NewReader(get(t, h, "/gateways.csv?"+query).Body).ReadAll()
		if err != nil || len(rows)-1 != want {
			t.Errorf("%q: %d gateways, want %d: %v", query, len(rows)-1, want, err)
		}
	}
	x.must(x.s.AddDevice(t.Context(), fleet.Device{Name: "k-1", Key: make([]byte, 32), Title: "=cmd()"}))
	if csv := body(t, get(t, h, "/gateways.csv?q=k-1")); !strings.Contains(csv, "'=cmd()") {
		t.Errorf("a spreadsheet would run %q", csv)
	}
	rows, err := csv.NewReader(get(t, h, "/findings.csv").Body).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Errorf("findings %v, %v", rows, err)
	}
	r := get(t, h, "/findings/1/evidence")
	if body(t, r) != "a batch" || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("evidence %v", r.Header)
	}
}

// The choice of language and colours stays.
func TestChoices(t *testing.T) {
	h := street(t).server(web.Options{}).Handler()
	r := get(t, h, "/?lang=zh-CN&theme=night")
	again := get(t, h, "/gateways", func(q *http.Request) {
		for _, c := range r.Cookies() {
			if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
				t.Errorf("cookie %v", c)
			}
			q.AddCookie(c)
		}
	})
	if html := body(t, again); !strings.Contains(html, `lang="zh-CN" data-theme="night"`) || !strings.Contains(html, "需关注") {
		t.Error("the choice is forgotten")
	}
}

func TestLive(t *testing.T) {
	x := street(t)
	srv := httptest.NewServer(x.server(web.Options{}).Handler())
	defer srv.Close()
	r, err := srv.Client().Get(srv.URL + "/api/live")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "event: ") {
				if got := lines.Text()[7:]; got != want {
					t.Fatalf("event %q, want %q", got, want)
				}
				return
			}
		}
		t.Fatal("the stream ended: ", lines.Err())
	}
	next("beat")
	x.off("sjz-0101-0100", streetEpoch(0), time.Minute)
	next("change")
	if lines.Scan(); lines.Text() != `data: {"device":"sjz-0101-0100","what":"state"}` {
		t.Errorf("data %q", lines.Text())
	}
	x.s.Close() // a store that goes away ends the stream instead of leaving it dead
	next("resync")
}

func TestMetricsAndHealth(t *testing.T) {
	h := street(t).server(web.Options{}).Handler()
	text := body(t, get(t, h, "/metrics"))
	for _, want := range []string{`cityfleet_gateways{state="offline"} 2`, `cityfleet_findings_open{kind="fork"} 1`, `cityfleet_mqtt_connected 1`,
		`cityfleet_log_size{log="directory"} 24`, "cityfleet_oldest_unacknowledged_seconds 2400", "cityfleet_wal_bytes", `cityfleet_scans_total{verdict="valid"}`} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, "sjz-0101") {
		t.Error("a gateway's name is a label")
	}
	for _, p := range []string{"/healthz", "/readyz"} {
		if r := get(t, h, p); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", p, r.Status)
		}
	}
	x := newSample(t)
	x.s.Close()
	if r := get(t, x.server(web.Options{}).Handler(), "/readyz"); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready without a store: %s", r.Status)
	}
}
