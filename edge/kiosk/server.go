package kiosk

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

//go:embed page
var files embed.FS

// policy is the page's Content-Security-Policy: our own files and nothing else, no inline script or style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Server is the citizen's page. Its methods Answer and State may be called from any goroutine and never block.
type Server struct {
	o    Options
	hub  *hub
	page []byte
	try  []byte // the page /try; nil where there is none

	staff session
}

// New prepares the page; nothing runs before [Server.Run].
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = o.Now
	}
	if o.ClockSet == nil {
		o.ClockSet = func() bool { return true }
	}
	if o.Ready == nil {
		o.Ready = func() Readiness { return Readiness{Ready: true} }
	}
	if o.Metrics == nil {
		o.Metrics = http.NotFoundHandler()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, hub: newHub(o.Now)}
	var err error
	if s.page, err = render(o, false); err == nil && o.Try != nil {
		o.Lens = "above" // a laptop's camera
		s.try, err = render(o, true)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the citizen's page: %w", err)
	}
	return s, nil
}

// Answer shows a judged code at once, whatever is on the screen. A staff code opens the staff mode instead.
func (s *Server) Answer(a Answer) {
	a.Staff = a.Staff && a.Accept && s.o.Staff != nil
	s.hub.answer(a)
	switch {
	case a.Staff:
		s.openStaff()
	case a.Test:
		s.testDone()
	}
}

// State shows what the gateway is doing. Coordinates that are no numbers are not drawn.
func (s *Server) State(st State) {
	if st.Outline != nil {
		for _, p := range st.Outline {
			if math.IsNaN(p[0]+p[1]) || math.IsInf(p[0]+p[1], 0) {
				st.Outline = nil
				break
			}
		}
	}
	s.hub.setState(st)
}

// Run serves the page on l, which it closes, and sends the beat, until ctx ends.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: readTimeout,
		MaxHeaderBytes:    headerLimit,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	tick := time.NewTicker(BeatEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-failed:
			s.hub.close()
			return fmt.Errorf("serve the citizen's page: %w", err)
		case <-tick.C:
			if s.o.Now().Sub(s.o.Progress()) < StuckAfter {
				s.hub.beat(s.o.ClockSet())
			}
			s.showStaff()
		case <-ctx.Done():
			s.hub.close()
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			if err := srv.Shutdown(end); err != nil {
				srv.Close()
			}
			if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve the citizen's page: %w", err)
			}
			return nil
		}
	}
}

// Handler is the page with its guards, for a server of the caller's own and for tests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, "index.html", s.page)
	})
	for _, name := range []string{"kiosk.css", "kiosk.js", "mark.svg"} {
		b, err := files.ReadFile("page/" + name)
		if err != nil {
			panic("kiosk: embedded file: " + err.Error())
		}
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { serve(w, r, name, b) })
	}
	s.handleTry(mux)
	s.handleStaff(mux)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.o.Metrics)
	return Guard(mux)
}

func serve(w http.ResponseWriter, r *http.Request, name string, b []byte) {
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

// Guard refuses what the kiosk's own browser never sends: another Host (DNS rebinding), another Origin, a body. Whatever
// else is shown on the kiosk's address stands behind it too.
func Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead && (r.Method != http.MethodPost || !posted(r.URL.Path)):
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		case !loopbackHost(r.Host):
			http.Error(w, "this page is served to its own kiosk only", http.StatusMisdirectedRequest)
		case !sameOrigin(r):
			http.Error(w, "this page is served to its own kiosk only", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// posted says what the page's own scripts post to. A browser sends the Origin with every POST, so one without it is no
// page of ours: both handlers refuse it.
func posted(path string) bool { return path == framePath || strings.HasPrefix(path, staffPath) }

func loopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// sameOrigin holds for a request without an Origin header (navigation, a local tool) or from the page itself.
func sameOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	u, err := url.Parse(origins[0])
	return err == nil && len(origins) == 1 && u.Scheme == "http" && u.Host == r.Host
}

// events is the stream. Each write has its own deadline, so that a client that hangs is cut off and costs nothing.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	c := s.hub.subscribe(r.Header.Get("Last-Event-ID"))
	defer s.hub.unsubscribe(c)
	rc := http.NewResponseController(w)
	write := func(text string) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(writeTimeout)) // a recorder in a test has no deadline
		if _, err := io.WriteString(w, text); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	if !write("retry: 1000\n\n") {
		return
	}
	for {
		select {
		case m, ok := <-c:
			if !ok || !write(m.String()) {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	st := s.o.Ready()
	if s.o.Now().Sub(s.o.Progress()) >= StuckAfter {
		st.Ready = false
	}
	if st.Conditions == nil {
		st.Conditions = []Condition{}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !st.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(st) // the client is gone: nothing to do
}

// render fills the page's template once: nothing in it depends on a request.
func render(o Options, try bool) ([]byte, error) {
	t, err := template.ParseFS(files, "page/index.html")
	if err != nil {
		return nil, err
	}
	raw, err := files.ReadFile("page/words.json")
	if err != nil {
		return nil, err
	}
	var words any
	if err := json.Unmarshal(raw, &words); err != nil {
		return nil, err
	}
	lang, lens := or(o.Language, "zh-CN"), or(o.Lens, "below")
	page := map[string]any{
		"city": texts(o.City), "kiosk": texts(o.Kiosk), "nearest": texts(o.Nearest),
		"help": or(o.Help, "12345"), "lens": lens, "theme": or(o.Theme, "auto"), "language": lang,
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Language": lang, "Lens": lens, "Title": or(o.City[lang], "Citygate"), "Page": page, "Words": words, "Try": try,
	})
	return b.Bytes(), err
}

// texts has both languages; one that is missing is lent by the other.
func texts(t map[string]string) map[string]string {
	return map[string]string{"zh-CN": or(t["zh-CN"], t["en"]), "en": or(t["en"], t["zh-CN"])}
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
