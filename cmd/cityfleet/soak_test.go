package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"citygate/fleet/store"
	"citygate/internal/keyfile"
	"citygate/internal/pgtest"
	"citygate/sync/outbox"
	"citygate/sync/uplink"
	"citygate/sync/wire"
)

// A long run is asked for with
//
//	go test ./cmd/cityfleet -run KilledEverywhere -cycles 1000 -seed 7 -timeout 3h
var (
	soakCycles = flag.Int("cycles", 25, "kills in TestKilledEverywhere")
	soakSeed   = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of what is killed and when")
)

const soakVar = "CITYGATE_FLEET_TEST_PROCESS"

// soakProcess says what a process of TestKilledEverywhere is.
type soakProcess struct {
	Fleet string // configuration of a fleet server; empty: a gateway

	Outbox, Broker, Key, FleetKey string
	Drain                         bool // append nothing, end when everything is acknowledged
}

func TestMain(m *testing.M) {
	if text := os.Getenv(soakVar); text != "" {
		if err := soakChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func soakChild(text string) error {
	var p soakProcess
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if p.Fleet != "" {
		return run(ctx, []string{"serve", "--config", p.Fleet}, io.Discard, io.Discard)
	}
	return p.gateway(ctx)
}

// gateway appends one event after the other and prints "epoch seq text" when Append has returned.
func (p soakProcess) gateway(ctx context.Context) error {
	key, err := keyfile.ReadSeed(p.Key)
	if err != nil {
		return err
	}
	fleetKey, err := keyfile.ReadVerifier(p.FleetKey)
	if err != nil {
		return err
	}
	box, err := outbox.Open(p.Outbox, outbox.Options{Device: "k-1"})
	if err != nil {
		return err
	}
	up, err := uplink.New(uplink.Config{Brokers: []string{p.Broker}, Key: key, FleetKey: fleetKey, AckTimeout: time.Second}, box, uplink.Sinks{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	parts.Go(func() { box.Run(ctx) })
	parts.Go(func() { up.Run(ctx) })
	defer func() { cancel(); parts.Wait(); box.Close() }()
	for i := 0; p.Drain; i++ {
		if box.Stats(ctx).Depth == 0 {
			return nil
		}
		<-time.After(20 * time.Millisecond)
	}
	for i := 0; ; i++ {
		text := fmt.Sprintf("v%d", i)
		s, err := box.Append(ctx, wire.Event{Type: wire.TypeScan, Prio: wire.PrioScan, Verdict: text})
		if err != nil {
			return err
		}
		if _, err := fmt.Println(s.Epoch, s.Seq, text); err != nil {
			return err
		}
	}
}

// soak is the world of TestKilledEverywhere: four processes, and the oracle outside of them.
type soak struct {
	t        *testing.T
	rnd      *rand.Rand
	fleet    soakProcess
	gate     soakProcess
	database *pgtest.Server // nil: the fleet's own SQLite file, which dies with it
	dbURL    string

	brokerConf, brokerState string

	broker, server, gateway *exec.Cmd
	serverEnded             chan struct{} // closed when server has ended
	lines                   chan string

	promised map[outbox.Stamp]string
}

// TestKilledEverywhere kills gateway, broker, fleet server and database at random moments, and wipes what the broker
// keeps in half of its deaths. In the end every event whose Append returned is stored, once, with its text and its
// chain.
func TestKilledEverywhere(t *testing.T) {
	t.Parallel()
	w := newSoak(t)
	kills := map[string]int{}
	for n := range *soakCycles {
		if n%100 == 99 {
			t.Logf("%d kills, %d promises", n+1, len(w.promised))
		}
		w.take(1 + w.rnd.IntN(60))
		kills[w.kill()]++
	}
	w.take(20)
	w.finish()
	t.Logf("-cycles %d -seed %d: %d events promised, killed %v", *soakCycles, *soakSeed, len(w.promised), kills)
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("no mosquitto here")
	}
	addr := freeAddr(t)
	w := &soak{t: t, rnd: rand.New(rand.NewPCG(*soakSeed, 0)), promised: map[outbox.Stamp]string{}, brokerState: filepath.Join(t.TempDir(), "state"), lines: make(chan string, 1<<16)}
	dir, conf := install(t, "tcp://"+addr, "127.0.0.1:0", "")
	w.dbURL = filepath.Join(dir, "fleet.db")
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		w.database = pgtest.Start(t)
		w.dbURL = w.database.URL("")
		b, err := os.ReadFile(conf)
		if err == nil {
			err = os.WriteFile(conf, []byte(strings.Replace(string(b), `"fleet.db"`, fmt.Sprintf("%q", w.dbURL), 1)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	vkey := must(t, "keygen", "--name", "k-1", "--key", filepath.Join(dir, "event.key"))
	must(t, "device", "add", "--config", conf, "--name", "k-1", "--key", strings.TrimSpace(vkey))
	_, port, _ := net.SplitHostPort(addr)
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 128\nmax_queued_messages 10000\npersistence true\nautosave_interval 1\npersistence_location %s/\nlog_type error\n", port, w.brokerState)
	if os.Getuid() == 0 {
		text += "user root\n"
	}
	w.brokerConf = filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(w.brokerConf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.fleet = soakProcess{Fleet: conf}
	w.gate = soakProcess{Outbox: filepath.Join(dir, "outbox.db"), Broker: "tcp://" + addr, Key: filepath.Join(dir, "event.key"), FleetKey: filepath.Join(dir, "fleet.vkey")}
	t.Cleanup(func() {
		for _, c := range []*exec.Cmd{w.gateway, w.broker} {
			if c != nil {
				c.Process.Kill()
				c.Wait()
			}
		}
		if w.server != nil {
			w.killServer()
		}
	})
	w.startBroker(path)
	w.startServer()
	w.startGateway()
	return w
}

func (w *soak) startBroker(path string) {
	w.t.Helper()
	if err := os.MkdirAll(w.brokerState, 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.broker = exec.Command(path, "-c", w.brokerConf)
	if err := w.broker.Start(); err != nil {
		w.t.Fatal(err)
	}
}

// start starts a process of this test binary.
func (w *soak) start(p soakProcess) *exec.Cmd {
	w.t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), soakVar+"="+string(b))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.Fleet == "" && !p.Drain {
		out, err := cmd.StdoutPipe()
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { out.Close() })
		defer func() {
			go func() {
				for in := bufio.NewReader(out); ; {
					line, err := in.ReadString('\n')
					if err != nil {
						return // a line that the kill has cut short was not said
					}
					w.lines <- line
				}
			}()
		}()
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return cmd
}

// startServer starts the fleet server. It ends by itself when its database is not there.
func (w *soak) startServer() {
	w.t.Helper()
	cmd, ended := w.start(w.fleet), make(chan struct{})
	w.server, w.serverEnded = cmd, ended
	go func() {
		cmd.Wait()
		close(ended)
	}()
}

func (w *soak) killServer() {
	w.server.Process.Kill()
	<-w.serverEnded
}

func (w *soak) startGateway() { w.gateway = w.start(w.gate) }

// take waits for so many promises and remembers all that have come.
func (w *soak) take(n int) {
	w.t.Helper()
	limit := time.After(time.Minute)
	for range n {
		select {
		case line := <-w.lines:
			w.remember(line)
		case <-limit:
			w.t.Fatal("the gateway appends nothing")
		}
	}
	for {
		select {
		case line := <-w.lines:
			w.remember(line)
		default:
			return
		}
	}
}

func (w *soak) remember(line string) {
	var s outbox.Stamp
	var text string
	if _, err := fmt.Sscan(line, &s.Epoch, &s.Seq, &text); err != nil {
		w.t.Errorf("the gateway printed %q", line)
		return
	}
	if was, twice := w.promised[s]; twice {
		w.t.Errorf("number %d of %x was given to %s and to %s", s.Seq, s.Epoch, was, text)
	}
	w.promised[s] = text
}

// kill kills one of the processes and starts it again.
func (w *soak) kill() string {
	w.t.Helper()
	end := func(c *exec.Cmd) {
		c.Process.Kill()
		c.Wait()
	}
	switch victim := w.rnd.IntN(4); {
	case victim == 0:
		end(w.gateway)
		w.startGateway()
		return "gateway"
	case victim == 1:
		end(w.broker)
		what := "broker"
		if w.rnd.IntN(2) == 0 {
			what = "broker and its state"
			if err := os.RemoveAll(w.brokerState); err != nil {
				w.t.Fatal(err)
			}
		}
		w.startBroker(w.broker.Path)
		return what
	case victim == 2 && w.database != nil:
		w.database.Kill()
		w.database.Restart()
		select {
		case <-w.serverEnded:
			w.startServer()
		default:
		}
		return "database"
	}
	w.killServer()
	w.startServer()
	return "fleet"
}

// finish lets everything go up, and compares.
func (w *soak) finish() {
	w.t.Helper()
	w.gateway.Process.Kill()
	w.gateway.Wait()
	for more := true; more; { // what it had printed before
		select {
		case line := <-w.lines:
			w.remember(line)
		case <-time.After(200 * time.Millisecond):
			more = false
		}
	}
	w.killServer() // its pauses between connections have grown
	w.startServer()
	last := w.gate
	last.Drain = true
	w.gateway = w.start(last)
	done := make(chan error, 1)
	go func() { done <- w.gateway.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			w.t.Fatal(err)
		}
	case <-time.After(3*time.Minute + time.Duration(*soakCycles)*time.Second):
		w.tell()
		w.t.Fatalf("-seed %d: the gateway's events are not acknowledged", *soakSeed)
	}
	w.compare()
}

// tell says how far the fleet is and what it found, for a run that got stuck.
func (w *soak) tell() {
	db, err := store.Open(w.dbURL, store.Options{})
	if err != nil {
		w.t.Log(err)
		return
	}
	defer db.Close()
	totals, err := db.Totals(w.t.Context())
	w.t.Logf("%d numbers stored, %d promised, %v", totals.Numbers, len(w.promised), err)
	g, err := db.Gateway(w.t.Context(), "k-1")
	w.t.Logf("gateway: %v, birth %+v, health %+v, %v", g.Presence, g.Birth, g.Health, err)
	list, err := db.Findings(w.t.Context(), store.FindingsQuery{})
	w.t.Logf("findings %+v, %v", list, err)
}

// compare is the oracle's word.
func (w *soak) compare() {
	w.t.Helper()
	db, err := store.Open(w.dbURL, store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Audit(w.t.Context(), ""); err != nil {
		w.t.Errorf("chains: %v", err)
	}
	stored := map[outbox.Stamp]string{}
	err = db.Events(w.t.Context(), store.EventsQuery{Device: "k-1"}, func(r store.Record) error {
		s := outbox.Stamp{Epoch: r.Epoch, Seq: r.First}
		if _, twice := stored[s]; twice {
			w.t.Errorf("number %d of %x is stored twice", s.Seq, s.Epoch)
		}
		if r.Event == nil {
			w.t.Errorf("number %d of %x is no event", s.Seq, s.Epoch)
			return nil
		}
		stored[s] = r.Event.Verdict
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	lost := 0
	for s, text := range w.promised {
		if stored[s] != text {
			lost++
		}
	}
	if lost > 0 {
		w.t.Errorf("-seed %d: %d of %d promised events are lost or changed", *soakSeed, lost, len(w.promised))
	}
	if list, err := db.Findings(w.t.Context(), store.FindingsQuery{}); err != nil || len(list) > 0 {
		w.t.Errorf("findings %+v, %v", list, err)
	}
}
