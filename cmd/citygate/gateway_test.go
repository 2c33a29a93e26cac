package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"citygate/internal/qrcode"
	"citygate/sync/outbox"
)

// command runs a subcommand as a person does.
func runCommand(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = dispatch(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// site is a folder with all that a gateway's configuration names.
type site struct {
	dir, address string
}

func newSite(t *testing.T, o *office, shown ...string) site {
	t.Helper()
	mirror := httptest.NewServer(o)
	t.Cleanup(mirror.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := site{t.TempDir(), l.Addr().String()}
	l.Close()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range shown {
		m, err := qrcode.Encode(text, qrcode.M)
		if err != nil {
			t.Fatal(err)
		}
		write(fmt.Sprintf("%d.png", i), m.PNG(4))
	}
	write("root.json", o.Root.Marshal())
	write("event.key", []byte(hex.EncodeToString(bytes.Repeat([]byte{7}, 32))+"\n"))
	write("citygate.toml", fmt.Appendf(nil, "device = \"k1\"\nplace = \"MA.156.1301.02\"\nroot_policy = \"root.json\"\nstate_dir = \"state\"\ncamera = %q\ncamera_loop = true\nlisten = %q\nmirrors = [%q]\n",
		filepath.Join(s.dir, "*.png"), s.address, mirror.URL))
	return s
}

// life is a gateway that runs in this process. Each of its methods may be called once.
type life struct {
	cancel context.CancelFunc
	done   chan int

	mu   sync.Mutex
	errs bytes.Buffer // guarded by mu; what it said
}

// live runs the gateway.
func (s site) live(t *testing.T) *life {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &life{cancel: cancel, done: make(chan int, 1)}
	go func() {
		l.done <- dispatch(ctx, []string{"run", "--config", filepath.Join(s.dir, "citygate.toml")}, nil, io.Discard, writer(func(b []byte) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.errs.Write(b)
		}))
	}()
	return l
}

// wait waits until the gateway ends by itself.
func (l *life) wait() (int, string) {
	code := <-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	return code, l.errs.String()
}

// end ends the gateway.
func (l *life) end() (int, string) {
	l.cancel()
	return l.wait()
}

// start runs the gateway until the returned function is called, which gives its exit code and what it said.
func (s site) start(t *testing.T) (stop func() (int, string)) {
	t.Helper()
	return s.live(t).end
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// answers reads the page's stream until the wanted verdicts have come.
func (s site) answers(t *testing.T, want ...string) (got []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	missing := map[string]bool{}
	for _, v := range want {
		missing[v] = true
	}
	for pause := time.NewTicker(10 * time.Millisecond); len(missing) > 0; <-pause.C {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Last-Event-ID", "0")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			if ctx.Err() != nil {
				t.Fatalf("no answer of %v within 20 s: %v", want, err)
			}
			continue // not listening yet
		}
		event := ""
		for sc := bufio.NewScanner(res.Body); len(missing) > 0 && sc.Scan(); {
			name, value, _ := strings.Cut(sc.Text(), ": ")
			var a struct{ Verdict string }
			switch {
			case name == "event":
				event = value
			case name == "data" && event == "answer" && json.Unmarshal([]byte(value), &a) == nil:
				got = append(got, a.Verdict)
				delete(missing, a.Verdict)
			}
		}
		res.Body.Close()
		if ctx.Err() != nil {
			t.Fatalf("answers %v, want %v", got, want)
		}
	}
	return got
}

func TestRunAnswersRecordsAndEnds(t *testing.T) {
	o := newOffice(t)
	s := newSite(t, o, o.text["valid"], o.text["revoked"], o.text["foreign"])
	stop := s.start(t)
	s.answers(t, "valid", "revoked", "foreign")
	res, err := http.Get("http://" + s.address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || !strings.Contains(string(metrics), `citygate_trust_size{log="sjz-records"} 256`) && !strings.Contains(string(metrics), "citygate_scans_total") {
		t.Errorf("metrics: %v\n%s", err, metrics)
	}
	code, errs := stop()
	if code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
	for _, secret := range []string{"LAMP", "shop.example"} {
		if strings.Contains(errs, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	box, err := outbox.Open(filepath.Join(s.dir, "state", outboxFile), outbox.Options{Device: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if st := box.Stats(t.Context()); st.Depth < 5 { // two starts, three scans at least, a stop
		t.Errorf("%d events are stored", st.Depth)
	}
	if code, out, errs := runCommand(t, "", "verify", "--trust", filepath.Join(s.dir, "state", trustFile), o.text["valid"]); code != 0 {
		t.Errorf("verify by the gateway's own database: exit %d %s%s", code, out, errs)
	}
}

func TestRunWithoutACameraServesThePage(t *testing.T) {
	o := newOffice(t)
	s := newSite(t, o) // no pictures
	stop := s.start(t)
	defer stop()
	s.waitFor(t, "/readyz", func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "camera-missing")
	})
}

func TestWrongConfigurationChangesNothing(t *testing.T) {
	o := newOffice(t)
	for name, spoil := range map[string]func(s site) error{
		"unknown key": func(s site) error { return appendTo(filepath.Join(s.dir, "citygate.toml"), "colour = 1\n") },
		"root policy": func(s site) error { return appendTo(filepath.Join(s.dir, "root.json"), "{}") },
		"no key":      func(s site) error { return os.Remove(filepath.Join(s.dir, "event.key")) },
		"open key":    func(s site) error { return os.Chmod(filepath.Join(s.dir, "event.key"), 0o644) },
		"short key":   func(s site) error { return os.WriteFile(filepath.Join(s.dir, "event.key"), []byte("abcd"), 0o600) },
		"fleet key": func(s site) error {
			return appendTo(filepath.Join(s.dir, "citygate.toml"), "brokers = [\"tcp://127.0.0.1:1\"]\nfleet_key = \"root.json\"\n")
		},
	} {
		s := newSite(t, o)
		if err := spoil(s); err != nil {
			t.Fatal(err)
		}
		code, _, errs := runCommand(t, "", "run", "--config", filepath.Join(s.dir, "citygate.toml"))
		if code != 3 || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, %q", name, code, errs)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "state")); !os.IsNotExist(err) {
			t.Errorf("%s: state_dir was made", name)
		}
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}
