package kiosk_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// stream is a client of /events that lives in the test: no network, so that time can be a test's own.
type stream struct {
	h      http.Header
	lines  *io.PipeWriter
	status int
	mu     sync.Mutex
}

func (s *stream) Header() http.Header         { return s.h }
func (s *stream) WriteHeader(code int)        { s.mu.Lock(); s.status = code; s.mu.Unlock() }
func (s *stream) Write(b []byte) (int, error) { return s.lines.Write(b) }
func (s *stream) Flush()                      {}

type event struct {
	id, event string
	data      map[string]any
}

// listen opens /events and returns its events; the channel is closed when the stream ends.
func listen(ctx context.Context, h http.Handler, last string) <-chan event {
	pr, pw := io.Pipe()
	r := httptest.NewRequest(http.MethodGet, "/events", nil).WithContext(ctx)
	r.Host = "127.0.0.1"
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	go func() {
		h.ServeHTTP(&stream{h: http.Header{}, lines: pw}, r)
		pw.Close()
	}()
	out := make(chan event, 1024)
	go func() {
		defer close(out)
		var e event
		for sc := bufio.NewScanner(pr); sc.Scan(); {
			name, value, _ := strings.Cut(sc.Text(), ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.event = value
			case "data":
				_ = json.Unmarshal([]byte(value), &e.data)
			case "":
				if e.event != "" {
					out <- e
				}
				e = event{}
			}
		}
	}()
	return out
}

// drain takes what has come by now.
func drain(c <-chan event) (out []event) {
	synctest.Wait()
	for {
		select {
		case e, ok := <-c:
			if !ok {
				return out
			}
			out = append(out, e)
		default:
			return out
		}
	}
}

func kinds(list []event) string {
	var out []string
	for _, e := range list {
		out = append(out, e.event)
	}
	return strings.Join(out, " ")
}

func answer(seq uint64) kiosk.Answer {
	a := lamp("valid", kiosk.ClassAccepted)
	a.Seq = seq
	return a
}

func TestStreamSaysAnswersAndStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := newServer(t, options("en", "day"))
		c := listen(ctx, s.Handler(), "")
		first := drain(c)
		if kinds(first) != "state" || first[0].data["state"] != "out-of-service" || first[0].data["reason"] != "starting" {
			t.Fatalf("at first: %+v", first)
		}
		s.State(kiosk.State{State: kiosk.StateAiming, Outline: seen()})
		s.Answer(answer(7))
		got := drain(c)
		if kinds(got) != "state answer" || got[1].id != "000000000000c17e-7" {
			t.Fatalf("then: %+v", got)
		}
		d := got[1].data
		if d["epoch"] != "000000000000c17e" || d["seq"] != 7.0 || d["verdict"] != "valid" || d["class"] != "accepted" ||
			d["accept"] != true || d["hold_ms"] != 5000.0 || d["symbology"] != "qr" || d["id"] != "MA.156.1301.01/LAMP.000421" || d["kind"] != 1.0 {
			t.Errorf("answer = %v", d)
		}
		if _, err := time.Parse(time.RFC3339, d["at"].(string)); err != nil {
			t.Error(err)
		}
		late := drain(listen(ctx, s.Handler(), ""))
		if kinds(late) != "state" || late[0].data["outline"] != nil {
			t.Errorf("a new client is told of earlier people: %+v", late)
		}
		cancel()
	})
}

func TestClientThatComesBackGetsWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := newServer(t, options("en", "day"))
		for seq := range uint64(5) {
			s.Answer(answer(seq + 1))
		}
		count := func(last string) int {
			return strings.Count(kinds(drain(listen(ctx, s.Handler(), last))), "answer")
		}
		for last, want := range map[string]int{"000000000000c17e-3": 2, "000000000000c17e-5": 0, "0000000000000001-9": 5, "0": 5, "": 0} {
			if got := count(last); got != want {
				t.Errorf("after %q: %d answers, want %d", last, got, want)
			}
		}
		for seq := range uint64(kiosk.Replay + 20) {
			s.Answer(answer(seq + 10))
		}
		if got := count("0"); got != kiosk.Replay {
			t.Errorf("%d answers are kept, want %d", got, kiosk.Replay)
		}
		cancel()
	})
}

func TestNothingOfThePersonStaysAfterTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := newServer(t, options("en", "day"))
		a := answer(1)
		a.ID, a.Personal, a.Ending = "", true, "7Q2F"
		s.Answer(a)
		if got := drain(listen(ctx, s.Handler(), "0")); got[1].data["ending"] != "7Q2F" {
			t.Errorf("within the hold: %+v", got)
		}
		<-time.After(kiosk.HoldAccepted + time.Millisecond)
		got := drain(listen(ctx, s.Handler(), "0"))
		if got[1].data["ending"] != nil || got[1].data["age_ms"].(float64) < 5000 {
			t.Errorf("after the hold: %+v", got[1].data)
		}
		cancel()
	})
}

// memory is a listener without a network.
type memory struct{ c chan struct{} }

func (m memory) Accept() (net.Conn, error) { <-m.c; return nil, net.ErrClosed }
func (m memory) Close() error {
	select {
	case <-m.c:
	default:
		close(m.c)
	}
	return nil
}
func (m memory) Addr() net.Addr { return &net.TCPAddr{} }

func TestBeatStopsWhenThePipelineIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o := options("en", "day")
		stuck := time.Now().Add(time.Hour)
		o.Progress = func() time.Time {
			if now := time.Now(); now.Before(stuck) {
				return now
			}
			return stuck
		}
		o.ClockSet = func() bool { return false }
		s := newServer(t, o)
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx, memory{make(chan struct{})}) }()
		c := listen(ctx, s.Handler(), "")
		<-time.After(7 * time.Second)
		got := drain(c)
		if kinds(got) != "state beat beat beat" || got[1].data["clock"] != "unset" {
			t.Errorf("in 7 s: %+v", got)
		}
		stuck = time.Now()
		<-time.After(20 * time.Second)
		if got := drain(c); len(got) > 1 {
			t.Errorf("stuck, and still %s", kinds(got))
		}
		if w := get(s.Handler(), "/readyz", nil); w.Code != http.StatusServiceUnavailable {
			t.Errorf("stuck, and /readyz says %d", w.Code)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, open := <-c; open {
			t.Error("the stream goes on after the end")
		}
	})
}

func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := newServer(t, options("en", "day"))
		pr, pw := io.Pipe() // nobody reads pr
		ended := make(chan struct{})
		go func() {
			r := httptest.NewRequest(http.MethodGet, "/events", nil).WithContext(ctx)
			r.Host = "localhost"
			s.Handler().ServeHTTP(&stream{h: http.Header{}, lines: pw}, r)
			close(ended)
		}()
		synctest.Wait()
		for seq := range uint64(2000) {
			s.Answer(answer(seq + 1)) // never blocks
		}
		pr.Close()
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("the handler goes on for a client that is gone")
		}
	})
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
