package kiosk

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// This file implements /try: the citizen's page on a laptop, with the laptop's own camera. Its script sends frames of
// 8-bit luma, row by row without padding, as
//
//	POST /try/frame?w=640&h=360      Content-Type: application/octet-stream
//
// and gets {"answer": …, "outline": …}, both as on /events, both null when there is nothing, and the "nonce" where policy demands one. A frame leaves the browser
// only towards this loopback address, and is kept nowhere.

// MaxSide is the largest width and height of a frame that is taken, in pixels.
const MaxSide = 1280

const (
	framePath = "/try/frame"
	minSide   = 16
)

// Picture is one frame of a browser's camera: Width times Height bytes of luma.
type Picture struct {
	Pix           []byte
	Width, Height int
}

// handleTry serves the page and takes its frames, where there is a Try.
func (s *Server) handleTry(mux *http.ServeMux) {
	if s.try == nil {
		return
	}
	mux.HandleFunc("GET /try", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
		serve(w, r, "index.html", s.try)
	})
	b, err := files.ReadFile("page/try.js")
	if err != nil {
		panic("kiosk: embedded file: " + err.Error())
	}
	mux.HandleFunc("GET /try.js", func(w http.ResponseWriter, r *http.Request) { serve(w, r, "try.js", b) })
	mux.HandleFunc("POST "+framePath, s.frame)
}

// frame looks at one posted frame. A browser sends the Origin with every POST, so one without it is no page of ours;
// the content type cannot be sent by a foreign form.
func (s *Server) frame(w http.ResponseWriter, r *http.Request) {
	p := Picture{Width: side(r, "w"), Height: side(r, "h")}
	switch {
	case r.Header.Get("Origin") == "":
		http.Error(w, "only from the page itself", http.StatusForbidden)
		return
	case r.Header.Get("Content-Type") != "application/octet-stream":
		http.Error(w, "only application/octet-stream", http.StatusUnsupportedMediaType)
		return
	case p.Width == 0 || p.Height == 0 || r.ContentLength != int64(p.Width)*int64(p.Height):
		http.Error(w, "the size does not fit the bytes", http.StatusBadRequest)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout)) // a recorder in a test has no deadline
	p.Pix = make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, p.Pix); err != nil {
		http.Error(w, "the frame is cut off", http.StatusBadRequest)
		return
	}
	answer, outline, err := s.o.Try(r.Context(), p)
	if err != nil {
		status := http.StatusServiceUnavailable
		if errors.Is(err, ErrBusy) {
			status = http.StatusTooManyRequests
		}
		http.Error(w, "not now", status)
		return
	}
	var said struct {
		Answer  any            `json:"answer"`
		Outline *[4][2]float64 `json:"outline"`
		Nonce   any            `json:"nonce,omitempty"`
	}
	said.Outline, said.Nonce = outline, s.hub.shownNonce()
	if answer != nil {
		answer.Staff = false // there is no staff mode here
		var kind *uint64
		if answer.Kind != 0 {
			kind = &answer.Kind
		}
		said.Answer = answerData(*answer, 0, kind)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, encode(said)) // the client is gone: nothing to do
}

// ErrBusy is what Try answers while it looks at another frame.
var ErrBusy = errors.New("another frame is being looked at")

// side reads a width or height within the limits, else 0.
func side(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < minSide || n > MaxSide {
		return 0
	}
	return n
}
