package enrolment

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"citygate/fleet"
)

// Limits of the endpoint's server.
const (
	readTimeout  = 10 * time.Second // for a whole request
	writeTimeout = 10 * time.Second
	headerLimit  = 8 << 10
	endTimeout   = 2 * time.Second // for open requests at the end
)

// Store keeps the requests. [AskEnrolment] stores one that is new, notes that one known by its identity was seen again, and
// returns the row as it then is; the row must be on the disk before it returns. fleet.ErrEnrolmentsFull says that
// no more of this source can wait.
type Store interface {
	AskEnrolment(ctx context.Context, e fleet.Enrolment) (fleet.Enrolment, error)
}

// Server is the endpoint. It decides nothing and holds no key but that of its own certificate.
type Server struct {
	pin   Pin
	store Store
	log   *slog.Logger
}

// NewServer returns an endpoint for requests made with pin. A nil logger discards.
func NewServer(pin Pin, store Store, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{pin: pin, store: store, log: log}
}

// Run serves on l, which it closes, with the certificate chain that certificate returns for each connection, until ctx
// ends.
func (s *Server) Run(ctx context.Context, l net.Listener, certificate func() (*tls.Certificate, error)) error {
	srv := &http.Server{
		Handler: s, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: readTimeout, MaxHeaderBytes: headerLimit,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate() }},
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.ServeTLS(l, "", "") }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		srv.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP takes a request at [Path].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != Path {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	if err != nil {
		http.Error(w, "the request cannot be read, or is too large", http.StatusBadRequest)
		return
	}
	q, err := ParseRequest(s.pin, b)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := q.Identity(s.pin)
	e, err := s.store.AskEnrolment(r.Context(), fleet.Enrolment{ID: id[:], Code: id.Code(), Request: b, Source: source(r)})
	switch {
	case errors.Is(err, fleet.ErrEnrolmentsFull):
		http.Error(w, err.Error(), http.StatusTooManyRequests)
		return
	case err != nil:
		s.log.Error("enrolment request not stored", "error", err)
		http.Error(w, "the request could not be stored", http.StatusServiceUnavailable)
		return
	}
	s.answer(w, e)
}

func (s *Server) answer(w http.ResponseWriter, e fleet.Enrolment) {
	a := Answer{State: Waiting}
	switch e.State {
	case fleet.EnrolmentGranted:
		a.State, a.Grant = Granted, e.Grant
	case fleet.EnrolmentRefused:
		a.State, a.Reason = Refused, e.Reason
	}
	b, err := a.Encode()
	if err != nil {
		s.log.Error("enrolment answer", "error", err)
		http.Error(w, "no answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // the device asks again
}

// source is where a request comes from, without its port.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
