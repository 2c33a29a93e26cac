package main

import (
	"embed"
	"encoding/json"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"citygate/edge/config"
	"citygate/edge/kiosk"
)

// This file implements the page that a new device shows until it is enrolled, on the address of the citizen's page and
// in both languages at once, since it does not know yet who stands before it. When the gateway takes its place, the page
// sees that its state is gone and loads the citizen's.

//go:embed enrol
var enrolFiles embed.FS

// notEnrolled is the condition on /readyz of a device that is none of the gateways yet.
const notEnrolled = "not-enrolled"

// The states of the page beside those of an answer.
const (
	enrolAsking    = "asking"
	enrolUnreached = "unreached" // with the reason
)

// enrolState is what the page shows.
type enrolState struct {
	State  string `json:"state"` // asking, unreached, or as in an answer: waiting, granted, refused
	Code   string `json:"code"`
	Reason string `json:"reason,omitempty"`
}

// enrolPage is the page. It is safe for concurrent use.
type enrolPage struct {
	config config.Config
	fleet  string

	mu    sync.Mutex
	state enrolState // guarded by mu
}

func newEnrolPage(c config.Config, fleet string) *enrolPage {
	p := &enrolPage{config: c, fleet: fleet, state: enrolState{State: enrolAsking}}
	if u, err := url.Parse(fleet); err == nil {
		p.fleet = u.Host
	}
	return p
}

func (p *enrolPage) set(s enrolState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
}

func (p *enrolPage) get() enrolState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// handler serves the page behind the guards of the citizen's.
func (p *enrolPage) handler() (http.Handler, error) {
	assets, err := fs.Sub(enrolFiles, "enrol")
	if err != nil {
		return nil, err
	}
	page, err := template.ParseFS(assets, "index.html")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_ = page.Execute(w, map[string]any{"State": p.get(), "Fleet": p.fleet, "Board": boardName(), "City": p.config.City, "Theme": p.config.Theme})
	})
	mux.HandleFunc("GET /enrol.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(p.get())
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(kiosk.Readiness{Conditions: []kiosk.Condition{{Code: notEnrolled,
			Title: "the device is not enrolled", Severity: "fatal", Detail: p.get().State, Hint: "give the claim code to the operations centre"}}})
	})
	for _, name := range []string{"enrol.css", "enrol.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, assets, name) })
	}
	return kiosk.Guard(mux), nil
}

// servePage serves the page until the returned function is called. A device without it still has its console.
func (e *enroller) servePage() (stop func()) {
	h, err := e.page.handler()
	var l net.Listener
	if err == nil {
		l, err = net.Listen("tcp", e.config.Listen)
	}
	if err != nil {
		e.log.Warn("the page with the claim code is not shown", "error", err)
		return func() {}
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	return func() {
		srv.Close()
		<-done
	}
}
