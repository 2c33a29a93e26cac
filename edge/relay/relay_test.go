package relay_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"citygate/edge/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door is an output that takes its time.
type door struct {
	takes time.Duration
	err   error
	mu    sync.Mutex
	open  int
	seen  []uint64
}

func (d *door) Pulse(ctx context.Context, p relay.Pulse) error {
	d.mu.Lock()
	d.open++
	if d.open > 1 {
		panic("two pulses at once")
	}
	d.seen = append(d.seen, p.Seq)
	d.mu.Unlock()
	defer func() { d.mu.Lock(); d.open--; d.mu.Unlock() }()
	select {
	case <-time.After(d.takes):
		return d.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestInterlockAndDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := &door{takes: 500 * time.Millisecond}
		var failures []error
		r := relay.New(d, relay.Options{Failed: func(err error) { failures = append(failures, err) }})
		if r.Open(relay.Pulse{Seq: 1}) {
			t.Error("a pulse before Run")
		}
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		if !r.Open(relay.Pulse{Seq: 2}) {
			t.Error("the first pulse was not taken")
		}
		synctest.Wait()
		if r.Open(relay.Pulse{Seq: 3}) {
			t.Error("a second pulse during the first")
		}
		<-time.After(time.Second)
		d.takes = time.Hour
		begin := time.Now()
		r.Open(relay.Pulse{Seq: 4})
		<-time.After(relay.Deadline + time.Millisecond)
		synctest.Wait()
		if len(failures) != 2 || failures[0] != nil || !errors.Is(failures[1], context.DeadlineExceeded) {
			t.Errorf("after %v: %v", time.Since(begin), failures)
		}
		if r.Busy() != 2 || len(d.seen) != 2 {
			t.Errorf("busy %d, pulses %v", r.Busy(), d.seen)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestWebhookSignsAndTriesAgain(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var tries atomic.Int32
	var got relay.Pulse
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sig, _ := base64.StdEncoding.DecodeString(r.Header.Get(relay.SignatureHeader))
		if !ed25519.Verify(pub, relay.Signed(body), sig) || r.Method != http.MethodPost {
			t.Error("the request is not signed")
		}
		if tries.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	w := relay.NewWebhook(s.URL, key)
	defer w.Close()
	p := relay.Pulse{Device: "k1", Epoch: 1<<63 + 1, Seq: 9, At: time.Unix(1, 0).UTC(), Verdict: "valid", Kind: 8}
	if err := w.Pulse(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got != p || tries.Load() != 3 {
		t.Errorf("got %+v after %d tries", got, tries.Load())
	}
}

func TestWebhookGivesUp(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer target.Close()
	ctx, cancel := context.WithCancel(t.Context()) // the time is over at the second try
	defer cancel()
	var tries atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1) > 1 {
			cancel()
		}
		http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	w := relay.NewWebhook(s.URL, key)
	defer w.Close()
	if err := w.Pulse(ctx, relay.Pulse{}); err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("error = %v, want the status", err)
	}
	nobody := relay.NewWebhook("http://127.0.0.1:1/", key)
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := nobody.Pulse(ctx, relay.Pulse{}); err == nil {
		t.Error("nobody answered, and that was taken as a pulse")
	}
}

func TestNamesOfOutputs(t *testing.T) {
	for _, good := range []string{"", "dry-run", "http://127.0.0.1:9/open", "https://gate.example/x"} {
		if err := relay.Check(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"dryrun", "gpio:1", "ftp://h/", "https://", "https://u:p@h/", "http://%zz", "//h/x"} {
		if relay.Check(bad) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	var b bytes.Buffer
	out, err := relay.Parse("dry-run", nil, slog.New(slog.NewTextHandler(&b, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Pulse(t.Context(), relay.Pulse{Seq: 5}); err != nil || !strings.Contains(b.String(), "seq=5") {
		t.Errorf("%v %q", err, b.String())
	}
	if _, err := relay.Parse("https://gate.example/x", nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := relay.Parse("bad", nil, nil); err == nil {
		t.Error("a bad name was parsed")
	}
}
