// Package kiosk serves the citizen's page of a gateway, on loopback, to the kiosk's own browser.
//
// The page asks nothing and decides nothing: the daemon tells it, as server-sent events on /events,
//
//	event: answer  one judged code; its id is "{epoch}-{seq}", the event's own identity
//	event: state   idle, aiming, checking or out-of-service, with the outline of the code that is in view, and before which
//	               of several cameras it is
//	event: nonce   what holders put into what they show here, where policy demands it; see nonce.go
//	event: staff   the staff mode and its readings; see staff.go
//	event: beat    every 2 s, as long as the gateway makes progress
//
// A page that hears nothing for 4.5 s says "out of service" by itself, so the beat is held back when the pipeline is
// stuck, even though this package's own goroutines still run. A client that comes back with Last-Event-ID gets the
// answers that it missed (at most [Replay], of this start of the daemon), each with its age, so that a page does not
// show what is over and a journal misses nothing; a new client gets the answer whose hold is not over yet.
//
// Privacy: an answer carries an identifier only of a public asset and only when the caller put it there, and the
// last characters of a personal code only until its hold is over.
//
// Where [Options.Try] is set, /try is the same page with the browser's own camera in place of the gateway's; see
// try.go.
//
// The same listener serves /readyz, /healthz and /metrics. Only GET and HEAD are answered (and POST of a frame to /try, and of a
// touch in the staff mode), only for a loopback Host, and never for another Origin; the Content-Security-Policy allows this
// server's own files and nothing else.
package kiosk

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Times of the page. Hold times are those of the answer's class.
const (
	BeatEvery    = 2 * time.Second        // between two beats
	StuckAfter   = 2 * time.Second        // without progress for so long there is no beat
	HoldAccepted = 5 * time.Second        // an accepted answer stays so long
	HoldOther    = 8 * time.Second        // a refusal, or "cannot check", stays so long
	Replay       = 256                    // answers kept for clients that come back
	writeTimeout = 5 * time.Second        // for one event to one client
	headerLimit  = 8 << 10                // bytes of request headers
	readTimeout  = 5 * time.Second        // for a request's headers
	closeTimeout = 500 * time.Millisecond // for open requests at the end
)

// The states of the page that are no answers.
const (
	StateIdle         = "idle"
	StateAiming       = "aiming"
	StateChecking     = "checking"
	StateOutOfService = "out-of-service"
)

// The classes of answers, as the page and the journal see them.
const (
	ClassAccepted    = "accepted"
	ClassRefused     = "refused"
	ClassCannotCheck = "cannot-check"
)

// Answer is what the citizen is told about one scan. The event it belongs to is durable before an Answer is made.
type Answer struct {
	Epoch     uint64            // of the durable event
	Seq       uint64            // of the durable event
	At        time.Time         // when the verdict was made
	Verdict   string            // the reason, a word of the closed list
	Class     string            // ClassAccepted, ClassRefused or ClassCannotCheck
	Accept    bool              //
	ID        string            // a public asset's identifier, only where the page may name it
	Kind      uint64            // the kind of the asset, 0 when unknown
	Personal  bool              // a personal code: no identifier
	Ending    string            // the last characters of a personal code, gone after the hold
	Issuer    map[string]string // the issuing office's name by language, only where the page may name it
	Lang      string            // the code's own claim of a language, BCP 47
	Symbology string            // qr, datamatrix, aztec, …
	Staff     bool              // it opens the staff mode, and is not shown as an answer
	Test      bool              // the staff mode's test read: shown there, and nothing opened
	Camera    int               // before which camera, from 1; 0 where there is one alone
}

// Hold is how long the answer stays on the screen.
func (a Answer) Hold() time.Duration {
	if a.Accept {
		return HoldAccepted
	}
	return HoldOther
}

// State is what the gateway is doing when there is no answer to show.
type State struct {
	State   string         // one of the State constants
	Outline *[4][2]float64 // corners of the code in view, clockwise, as fractions of the picture's width and height
	Reason  string         // with StateOutOfService: a condition of the page's list
	Camera  int            // before which camera the code is, from 1; 0 where there is one alone
}

// Readiness is what /readyz answers. Conditions are sorted and stable, so that two reads can be compared.
type Readiness struct {
	Ready      bool        `json:"ready"`
	Conditions []Condition `json:"conditions"`
}

// Condition is one named thing that is not as it should be.
type Condition struct {
	Code     string    `json:"code"`
	Title    string    `json:"title"`
	Severity string    `json:"severity"`
	Since    time.Time `json:"since"`
	Detail   string    `json:"detail,omitempty"`
	Hint     string    `json:"hint,omitempty"` // what to do about it
}

// Options configure a [Server]. City, Kiosk and Nearest are texts by language ("zh-CN", "en").
type Options struct {
	City, Kiosk, Nearest map[string]string
	Help                 string // telephone number in place of 12345
	Lens                 string // below, above, left, right; default below
	Theme                string // auto, day, night; default auto
	Language             string // zh-CN or en; default zh-CN

	Try func(ctx context.Context, p Picture) (*Answer, *[4][2]float64, error) // for /try; nil: there is no such page

	Staff *Staff // what the staff mode shows and does; nil: there is none

	Progress func() time.Time // when the pipeline last made progress; nil: always just now
	ClockSet func() bool      // whether the clock is synchronised; nil: yes
	Ready    func() Readiness // for /readyz; nil: ready
	Metrics  http.Handler     // for /metrics; nil: 404
	Now      func() time.Time // default time.Now
	Logger   *slog.Logger     // default: discard
}
