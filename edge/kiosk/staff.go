package kiosk

import (
	"net/http"
	"sync"
	"time"
)

// This file implements the staff mode: what somebody who looks after the kiosk sees and can do at the screen. It opens
// only by an answer with Staff, so by a code that the pipeline has judged, and closes by itself after [StaffFor]. Each
// touch is
//
//	POST /staff/read, /staff/restart or /staff/leave
//
// with the page's own Origin, and is refused while the mode is not open.

// StaffFor is how long the staff mode stays open.
const StaffFor = 2 * time.Minute

const staffPath = "/staff/"

// The marks of a [Reading], the same four as on every page of the project.
const (
	MarkFine      = "fine"
	MarkAttention = "attention"
	MarkAlarm     = "alarm"
	MarkOff       = "off" // there is no such part, or it is not heard
)

// Reading is one line of the staff mode. The page has the code's name and the mark's word in both languages.
type Reading struct {
	Code  string `json:"code"`
	Mark  string `json:"mark"`
	Value string `json:"value,omitempty"` // figure and unit, the same in every language
}

// Staff is what the staff mode shows and does. None of its functions may block for long.
type Staff struct {
	Device   string // the gateway's name
	Version  string // of the software
	Readings func() []Reading
	TestRead func(on bool) // the next code is a test, or no longer
	Restart  func()        // ends the daemon in good order; its service manager starts it again
}

// session is the staff mode while it is open.
type session struct {
	mu      sync.Mutex
	until   time.Time // guarded by mu; zero: not open
	testing bool      // guarded by mu; the next code is a test
}

func (s *Server) openStaff() {
	s.staff.mu.Lock()
	s.staff.until, s.staff.testing = s.o.Now().Add(StaffFor), false
	s.staff.mu.Unlock()
	s.o.Logger.Info("staff mode opened")
	s.showStaff()
}

// showStaff sends the readings while the mode is open, and once that it is closed.
func (s *Server) showStaff() {
	s.staff.mu.Lock()
	defer s.staff.mu.Unlock()
	if s.staff.until.IsZero() {
		return
	}
	left := s.staff.until.Sub(s.o.Now())
	if left <= 0 || left > StaffFor { // over, or the clock was set
		s.closeStaff()
		return
	}
	s.hub.setStaff(message{event: "staff", data: encode(struct {
		LeftMS   int64     `json:"left_ms"`
		Testing  bool      `json:"testing"`
		Device   string    `json:"device"`
		Version  string    `json:"version"`
		Readings []Reading `json:"readings"`
	}{left.Milliseconds(), s.staff.testing, s.o.Staff.Device, s.o.Staff.Version, s.o.Staff.Readings()})})
}

// closeStaff needs staff.mu.
func (s *Server) closeStaff() {
	if s.staff.testing {
		s.o.Staff.TestRead(false)
	}
	s.staff.until, s.staff.testing = time.Time{}, false
	s.hub.setStaff(message{event: "staff", data: `{"left_ms":0}`})
	s.o.Logger.Info("staff mode closed")
}

// testDone notes that the test read has its answer.
func (s *Server) testDone() {
	s.staff.mu.Lock()
	s.staff.testing = false
	s.staff.mu.Unlock()
	s.showStaff()
}

func (s *Server) handleStaff(mux *http.ServeMux) {
	if s.o.Staff == nil {
		return
	}
	touch := func(name string, do func()) {
		mux.HandleFunc("POST "+staffPath+name, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Origin") == "" {
				http.Error(w, "only from the page itself", http.StatusForbidden)
				return
			}
			if !s.inStaff(do) {
				http.Error(w, "the staff mode is not open", http.StatusConflict)
				return
			}
			s.o.Logger.Info("staff mode", "touched", name)
			w.WriteHeader(http.StatusNoContent)
		})
	}
	touch("read", func() {
		s.staff.testing = true
		s.o.Staff.TestRead(true)
	})
	touch("restart", func() {
		s.closeStaff()
		s.o.Staff.Restart()
	})
	touch("leave", s.closeStaff)
}

// inStaff does what was touched, if the mode is open; do may use what staff.mu guards.
func (s *Server) inStaff(do func()) bool {
	s.staff.mu.Lock()
	open := s.o.Now().Before(s.staff.until)
	if open {
		do()
	}
	s.staff.mu.Unlock()
	s.showStaff()
	return open
}
