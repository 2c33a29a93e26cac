package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"citygate/trust/registry"
)

// The whole way, with real processes, a real broker, real databases and pictures read back through the camera library:
// the gateway is killed in the middle of the film, then broker, registries and witnesses go away, and at the end every
// answer that was shown is with the fleet, once.
func TestWholeWay(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole demo")
	}
	t.Parallel()
	bin := buildCommands(t)
	var out, progress lockedBuffer
	state := t.TempDir()
	d := newDemo(options{bin: bin, state: state, once: true, hold: 900 * time.Millisecond, kill: true, outage: true}, &out, &progress)
	err := d.run(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s\n%s\n%s", err, progress.String(), out.String(), gatewaySaid(state))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var s summary
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil {
		t.Fatalf("last line is no summary: %v\n%s", err, out.String())
	}
	if s.Lost != 0 || s.Duplicated != 0 || s.Events != s.Acknowledged {
		t.Errorf("summary %s", s)
	}
	for _, v := range []string{"valid", "expired", "revoked", "not-in-ledger", "mismatch", "foreign"} {
		if s.Verdicts[v] == 0 {
			t.Errorf("no answer %s: %s", v, s)
		}
	}
	for _, word := range []string{"SIGKILL", "are gone", "come back"} {
		if !strings.Contains(progress.String(), word) {
			t.Errorf("the drill %q was not held", word)
		}
	}
}

// With the embedded broker, on the state of nobody, and a look at both pages while the film runs.
func TestEmbeddedBrokerAndPages(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole demo")
	}
	t.Parallel()
	bin := buildCommands(t)
	var out, progress lockedBuffer
	state := t.TempDir()
	d := newDemo(options{bin: bin, state: state, hold: 900 * time.Millisecond, embedded: true}, &out, &progress)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.run(ctx) }()
	err := poll(ctx, 5*time.Minute, "answers on the terminal", func() error {
		select {
		case err := <-done:
			t.Fatalf("the demo ended: %v\n%s", err, progress.String())
		default:
		}
		if n := strings.Count(out.String(), "accepted"); n < 2 {
			return os.ErrNotExist
		}
		return nil
	})
	if err != nil {
		t.Errorf("%v\n%s\n%s\n%s", err, progress.String(), out.String(), gatewaySaid(state))
	} else {
		lookAtPages(t, d.addr)
		// Operations give an order as a person does, and the gateway does it.
		conf := d.path("fleet", "fleet.toml")
		if err := d.do(ctx, "cityfleet", "command", "send", "--config", conf, "--wait", "1m", device, "scan-test", "seconds=1"); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := <-done; err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}

// gatewaySaid is the end of the gateway's log, for a demo that went wrong.
func gatewaySaid(state string) string {
	log, err := os.ReadFile(filepath.Join(state, "log", "gateway.log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4000):])
}

// lookAtPages opens both pages in a browser.
func lookAtPages(t *testing.T, addr addresses) {
	for _, url := range []string{"http://" + addr.Kiosk + "/", "http://" + addr.Fleet + "/"} {
		res, err := http.Get(url)
		if err != nil {
			t.Error(err)
			continue
		}
		res.Body.Close()
		if csp := res.Header.Get("Content-Security-Policy"); res.StatusCode != http.StatusOK || !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: %s, policy %q", url, res.Status, csp)
		}
	}
}

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{{"--nonsense"}, {"extra"}, {"--hold", "1ms"}, {"--once", "--camera", "x"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != 2 || errs.Len() == 0 || out.Len() != 0 {
			t.Errorf("%v: exit %d, %q, %q", args, code, out.String(), errs.String())
		}
	}
}

// The journal outlives a kill: a line that was cut short is dropped, and the next one is whole.
func TestJournalAfterAKill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.jsonl")
	first := `{"epoch":"00000000000000aa","seq":2,"verdict":"valid"}`
	if err := os.WriteFile(file, []byte(first+"\n"+first[:20]), 0o644); err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.note(`{"epoch":"00000000000000aa","seq":3,"verdict":"expired"}`); err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	if j, err = openJournal(file); err != nil {
		t.Fatal(err)
	}
	defer j.close()
	if all, now := j.answers(); len(all) != 2 || len(now) != 0 || all[1].Seq != 3 {
		t.Errorf("answers %v, of this start %v", all, now)
	}
}

// compare is what the promise is judged by, so it has to find each way of breaking it.
func TestCompareFindsWhatIsWrong(t *testing.T) {
	answers := []answer{{Epoch: "a", Seq: 2, Verdict: "valid"}, {Epoch: "b", Seq: 3, Verdict: "expired"}}
	event := func(epoch string, seq uint64, verdict string) storedEvent {
		return storedEvent{Epoch: epoch, Seq: seq, Verdict: verdict}
	}
	good := []storedEvent{event("a", 1, ""), event("a", 2, "valid"), event("b", 1, ""), event("b", 2, ""), event("b", 3, "expired")}
	for _, c := range []struct {
		name             string
		stored           []storedEvent
		lost, duplicated int
	}{
		{"all there", good, 0, 0},
		{"an answer is missing", good[:4], 1, 0},
		{"a number is missing", append(good[:2:2], good[3:]...), 1, 0},
		{"twice", append(good[:5:5], good[1]), 0, 1},
		{"another verdict", append(good[1:5:5], event("a", 1, "valid"), event("a", 2, "expired")), 1, 1},
		{"nothing", nil, 2, 0},
	} {
		s := compare(answers, answers[1:], c.stored, map[string]bool{"a": true}, 0)
		if s.Lost != c.lost || s.Duplicated != c.duplicated {
			t.Errorf("%s: lost %d, duplicated %d", c.name, s.Lost, s.Duplicated)
		}
		if s.Scans != 1 || s.Verdicts["expired"] != 1 {
			t.Errorf("%s: %s", c.name, s)
		}
	}
}

var commands struct {
	once sync.Once
	dir  string
	err  error
	out  []byte
}

// buildCommands builds the commands once, with the tags of this test.
func buildCommands(t *testing.T) string {
	t.Helper()
	commands.once.Do(func() {
		if commands.dir, commands.err = os.MkdirTemp("", "citydemo"); commands.err != nil {
			return
		}
		commands.out, commands.err = exec.Command("go", "build", "-tags", buildTags, "-o", commands.dir+"/", "citygate/cmd/citygate",
			"citygate/cmd/cityregistry", "citygate/cmd/cityfleet").CombinedOutput()
	})
	if commands.err != nil {
		t.Fatalf("build commands: %v\n%s", commands.err, commands.out)
	}
	return commands.dir
}

func TestMain(m *testing.M) {
	registry.RouteTesseraLogs(slog.New(slog.DiscardHandler))
	code := m.Run()
	if commands.dir != "" {
		os.RemoveAll(commands.dir)
	}
	os.Exit(code)
}

// lockedBuffer takes what the demo prints while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
