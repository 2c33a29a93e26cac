package kiosk_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"citygate/edge/kiosk"
)

// staffEvent is the staff mode as the page hears it.
type staffEvent struct {
	LeftMS   int64 `json:"left_ms"`
	Testing  bool
	Readings []kiosk.Reading
}

// hears is the last event of a name that a page that connects now is told, in a bubble of synctest.
func hears(t *testing.T, s *kiosk.Server, name string, into any) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, e := range slices.Backward(drain(listen(ctx, s.Handler(), ""))) {
		if e.event == name {
			b, err := json.Marshal(e.data)
			if err == nil {
				err = json.Unmarshal(b, into)
			}
			if err != nil {
				t.Fatalf("%v: %v", e.data, err)
			}
			return true
		}
	}
	return false
}

func TestStaffModeIsOpenedByACodeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tests []bool
		restarts := 0
		o := options("en", "day")
		o.Staff.TestRead = func(on bool) { tests = append(tests, on) }
		o.Staff.Restart = func() { restarts++ }
		s := newServer(t, o)
		for _, name := range []string{"read", "restart", "leave"} {
			if got := touch(s, name); got != http.StatusConflict {
				t.Errorf("%s without a staff code: %d", name, got)
			}
		}
		s.Answer(lamp("valid", kiosk.ClassAccepted))
		refused := bare("revoked", kiosk.ClassRefused)
		refused.Staff = true
		s.Answer(refused)
		if got := touch(s, "leave"); got != http.StatusConflict {
			t.Errorf("after a citizen's code and a refused one: %d", got)
		}
		openStaff(s)
		var e staffEvent
		if !hears(t, s, "staff", &e) || e.LeftMS != kiosk.StaffFor.Milliseconds() || len(e.Readings) != 10 {
			t.Fatalf("opened: %+v", e)
		}
		if got := touch(s, "read"); got != http.StatusNoContent || len(tests) != 1 || !tests[0] {
			t.Errorf("test read: %d, %v", got, tests)
		}
		if hears(t, s, "staff", &e); !e.Testing {
			t.Error("the page is not told that the next code is a test")
		}
		if got := touch(s, "leave"); got != http.StatusNoContent || len(tests) != 2 || tests[1] {
			t.Errorf("left with a test under way: %d, %v", got, tests)
		}
		if hears(t, s, "staff", &e); e.LeftMS != 0 {
			t.Errorf("left, and %d ms remain", e.LeftMS)
		}
		openStaff(s)
		if got := touch(s, "restart"); got != http.StatusNoContent || restarts != 1 {
			t.Errorf("restart: %d, %d", got, restarts)
		}
		openStaff(s)
		time.Sleep(kiosk.StaffFor + time.Second)
		if got := touch(s, "restart"); got != http.StatusConflict || restarts != 1 {
			t.Errorf("after two minutes: %d, %d restarts", got, restarts)
		}
		if hears(t, s, "staff", &e); e.LeftMS != 0 {
			t.Errorf("after two minutes %d ms remain", e.LeftMS)
		}
	})
}

func TestStaffModeIsTouchedByItsOwnPageAlone(t *testing.T) {
	s := newServer(t, options("en", "day"))
	openStaff(s)
	for name, origin := range map[string]string{"no origin": "", "another origin": "http://evil.example", "another port": "http://127.0.0.1:9"} {
		r := httptest.NewRequest(http.MethodPost, "/staff/restart", nil)
		r.Host = "127.0.0.1:8480"
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestKioskWithoutStaffMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options("en", "day")
		o.Staff = nil
		s := newServer(t, o)
		openStaff(s)
		if got := touch(s, "restart"); got != http.StatusNotFound && got != http.StatusMethodNotAllowed {
			t.Errorf("touched: %d", got)
		}
		var e staffEvent
		if hears(t, s, "staff", &e) {
			t.Error("it is opened")
		}
	})
}

func TestNonceIsToldToEveryPage(t *testing.T) {
	synctest.Test(t, nonceIsTold)
}

func nonceIsTold(t *testing.T) {
	s := newServer(t, options("en", "day"))
	var n struct {
		Digits, Path string
		Side         int
	}
	if hears(t, s, "nonce", &n) {
		t.Errorf("nobody demands %+v", n)
	}
	s.Nonce(asking)
	if !hears(t, s, "nonce", &n) || n.Digits != asking.Digits || n.Side < 29 || !strings.HasPrefix(n.Path, "M4 4h7") {
		t.Errorf("nonce: %+v", n)
	}
	s.Nonce(kiosk.Nonce{Digits: "00000001"})
	n.Path, n.Side = "", 0
	if !hears(t, s, "nonce", &n) || n.Digits != "00000001" || n.Side != 0 {
		t.Errorf("digits alone: %+v", n)
	}
	s.Nonce(kiosk.Nonce{Digits: "00000002", Page: "https://" + strings.Repeat("x", 5000)})
	if !hears(t, s, "nonce", &n) || n.Digits != "00000002" || n.Side != 0 {
		t.Errorf("an address that no symbol holds: %+v", n)
	}
}
