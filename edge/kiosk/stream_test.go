package kiosk_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"citygate/edge/kiosk"
)

// stream is a client of /events that lives in the test: no network, so that time can be a test's own.
type stream struct {
	h      http.Header
	lines  *io.PipeWriter
	status int
	mu     sync.Mutex
}

func (s *stream) Header() http.Header { return s.h }

func (s *stream) WriteHeader(code int) { s.mu.Lock(); s.status = code; s.mu.Unlock() }

func (s *stream) Write(b []byte) (int, error) { return s.lines.Write(b) }

func (s *stream) Flush() {}

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
		<-time.After(kiosk.HoldAccepted)
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
		for last, want := range map[string]int{"000000000000c17e-3": 2, "000000000000c17e-5": 0, "0000000000000001-9": 5, "0": 5, "": 1} {
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
		var stuck atomic.Int64 // unix nanoseconds since when nothing moves; 0: it does
		o.Progress = func() time.Time {
			if at := stuck.Load(); at != 0 {
				return time.Unix(0, at)
			}
			return time.Now()
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
		stuck.Store(time.Now().UnixNano())
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
