package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"citygate/fleet"
	"citygate/fleet/store"
)

//go:embed assets templates
var files embed.FS

const (
	contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	readTimeout  = 10 * time.Second
	headerLimit  = 16 << 10
	personLimit  = 100 // octets of a name
	closeTimeout = 3 * time.Second
)

// Ingest is what the pages tell of the broker's connection.
type Ingest struct {
	Connected  bool
	Since      time.Time
	StoreFails bool
	// Events, Batches, Repeated and Acks count since the process started, and
	// Dropped counts dropped messages by reason.
	Events, Batches, Repeated, Acks uint64
	Dropped                         map[string]uint64
}

// Log is how far one log is published to gateways.
type Log struct {
	Name    string
	Size    uint64
	Checked time.Time
	Failing bool
}

// Options say what the pages show. Store is required.
type Options struct {
	Store *store.Store
	// Ingest and Logs are asked at each page; nil leaves their panels out.
	Ingest func() Ingest
	Logs   func() []Log
	// Places returns the names of a prefix by language, or nil.
	Places func(prefix string) map[string]string
	// Title is the fleet's name by language; empty means "Citygate fleet".
	Title map[string]string
	// Zone is the zone of all times shown; nil means UTC.
	Zone *time.Location
	// Language is used where the browser asks for none that we have; "en".
	Language string
	// Limits are the values beyond which a person is needed; zero means
	// fleet.DefaultLimits.
	Limits fleet.Limits
	// Hosts are names that requests may use beside the loopback ones.
	Hosts []string
	// PersonHeader is the request header in which the proxy in front of the pages
	// names who is signed in; only that proxy may reach the pages then. With it
	// people can close findings here; without it nothing can be changed.
	PersonHeader string
	// Version is this program's, for the page's foot.
	Version string
	// Now is the clock; nil means time.Now.
	Now    func() time.Time
	Logger *slog.Logger
}

// Server renders the pages.
type Server struct {
	o         Options
	templates *template.Template
	handler   http.Handler
}

// New prepares the pages; it starts nothing.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Language != "zh-CN" {
		o.Language = "en"
	}
	if o.Limits == (fleet.Limits{}) {
		o.Limits = fleet.DefaultLimits()
	}
	if o.Places == nil {
		o.Places = func(string) map[string]string { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o}
	var err error
	if s.templates, err = parseTemplates(); err != nil {
		return nil, fmt.Errorf("fleet pages: %w", err)
	}
	s.handler = s.guard(s.routes())
	return s, nil
}

// Handler serves everything.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, build func(*http.Request, *view) error) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) { s.page(w, r, build) })
	}
	page("/{$}", s.overview)
	page("/gateways", s.gatewayList)
	page("/gateways/{name}", s.gatewayPage)
	page("/gateways/{name}/events", s.eventsPage)
	page("/findings", s.findingList)
	page("/findings/{id}", s.findingPage)
	answer := func(pattern string, f func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				s.fail(w, r, err)
			}
		})
	}
	mux.HandleFunc("POST /findings/{id}/close", func(w http.ResponseWriter, r *http.Request) {
		if err := s.closeFinding(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
	answer("/gateways.csv", s.gatewaysCSV)
	answer("/findings.csv", s.findingsCSV)
	answer("/findings/{id}/evidence", s.evidence)
	answer("/api/summary", s.apiSummary)
	answer("/api/gateways", s.apiGateways)
	answer("/api/events", s.apiEvents)
	answer("/api/live", s.apiLive)
	answer("/healthz", s.healthz)
	answer("/readyz", s.readyz)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /assets/", http.FileServerFS(files))
	return mux
}

// guard sets what every answer carries and refuses what no page sends.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // a form's Origin would be null under no-referrer
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !s.knownHost(r.Host) {
			http.Error(w, "this host name is not one of the fleet server's; add it to hosts in fleet.toml", http.StatusMisdirectedRequest)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && (r.Method != http.MethodPost || s.o.PersonHeader == "") {
			http.Error(w, "read-only", http.StatusMethodNotAllowed)
			return
		}
		if r.Method == http.MethodPost && (!ownOrigin(r) || s.person(r) == "") {
			http.Error(w, "only from these pages, and by a person who is signed in", http.StatusForbidden)
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			http.Error(w, "not for other sites", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownOrigin says whether a form of these pages was sent: browsers name the
// origin of every POST.
func ownOrigin(r *http.Request) bool {
	u, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && u.Host != "" && u.Host == r.Host
}

// person is who the proxy says is signed in, "" for nobody.
func (s *Server) person(r *http.Request) string {
	if s.o.PersonHeader == "" {
		return ""
	}
	name := strings.Join(strings.Fields(r.Header.Get(s.o.PersonHeader)), " ")
	if len(name) > personLimit {
		return ""
	}
	return name
}

func (s *Server) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || slices.Contains(s.o.Hosts, host) {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Run serves on l, which it closes, until ctx ends.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: readTimeout, IdleTimeout: time.Minute, MaxHeaderBytes: headerLimit,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the fleet pages: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		srv.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the fleet pages: %w", err)
	}
	return nil
}

// fail answers a request that could not be served; details stay in the log.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	code := http.StatusInternalServerError
	var bad badRequest
	switch {
	case errors.Is(err, fleet.ErrUnknownDevice), errors.Is(err, errNotFound):
		code = http.StatusNotFound
	case errors.As(err, &bad):
		code = http.StatusBadRequest
	case r.Context().Err() != nil:
		return
	default:
		s.o.Logger.Error("page could not be served", "path", r.URL.Path, "error", err)
		err = errors.New("the store could not be read")
	}
	http.Error(w, err.Error(), code)
}

var errNotFound = errors.New("not found")

// badRequest is a request that can never be served.
type badRequest string

func (b badRequest) Error() string { return string(b) }
