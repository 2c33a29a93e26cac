package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citygate/fleet/store"
	"citygate/internal/figures"
	"citygate/internal/keyfile"
	"citygate/internal/pki"
	"citygate/sync/uplink"
)

// The figures of a simulated fleet:
//
//	go test ./cmd/cityfleet -run Simulated -figures sync.jsonl -gateways 5000 -timeout 30m
//
// Without -figures a small fleet is tried, quickly.
var (
	figuresFile = flag.String("figures", "", "append the figures of the simulated fleet to this file as JSON lines")
	simGateways = flag.Int("gateways", 500, "simulated gateways, with -figures")
	simEvents   = flag.Int("events", 4, "events of each gateway before the cut, with -figures; as many follow")
)

// TestSimulatedFleet runs gateways with real outboxes and uplinks, each with a
// certificate of its own, against a real mosquitto with the product's own
// configuration and a whole fleet server, all on this machine. Each records an
// event every 10 s. Then the broker is killed, so that all are cut and come back
// at once. No event may be lost.
func TestSimulatedFleet(t *testing.T) {
	n, events, every := 12, 3, 100*time.Millisecond
	if *figuresFile != "" {
		n, events, every = *simGateways, *simEvents, 10*time.Second
	}
	w := newSimWorld(t, n, newMosquitto(t))
	var appended atomic.Uint64
	record := func() {
		var wg sync.WaitGroup
		for _, g := range w.gateways {
			wg.Go(func() { appended.Add(g.record(t, events, every)) })
		}
		wg.Wait()
	}
	w.await("all gateways are connected", func(g *simGateway) bool { return g.uplink.Status().Connected })
	record()
	w.await("all events are acknowledged", (*simGateway).settled)
	var waits []time.Duration
	for _, g := range w.gateways {
		waits = append(waits, g.waits()...)
	}
	slices.Sort(waits)
	p99 := waits[len(waits)*99/100]
	w.brokers[0].kill()
	w.brokers[0].start()
	back := time.Now()
	w.await("all gateways are back", func(g *simGateway) bool { return g.uplink.Status().Connects > 1 && g.uplink.Status().Connected })
	spread := time.Since(back)
	record()
	w.await("all events are acknowledged after the cut", (*simGateway).settled)
	t.Logf("%d gateways; acknowledged in p50 %v, p99 %v; all back within %v of the broker", n, waits[len(waits)/2], p99, spread)
	lost := int64(appended.Load()) + int64(n) - w.stored() // and a start event of each
	if lost != 0 {
		t.Errorf("%d events are lost, or stored twice", lost)
	}
	w.figures(float64(p99.Microseconds())/1000, float64(lost))
}

// simWorld is one machine: brokers, fleet server and gateways.
type simWorld struct {
	t        *testing.T
	dir      string
	brokers  []*simBroker
	gateways []*simGateway
}

func newSimWorld(t *testing.T, n int, brokers ...*simBroker) *simWorld {
	w := &simWorld{t: t, brokers: brokers}
	authority, err := pki.Open(t.TempDir(), "test", time.Now)
	w.must(err)
	var files simFiles
	files.cert, files.key, err = authority.Issue("broker", "127.0.0.1")
	w.must(err)
	files.ca = filepath.Join(filepath.Dir(files.cert), pki.RootCert)
	fleetCert, fleetKey, err := authority.Issue("fleet")
	w.must(err)
	var conf string
	var all []string
	for _, b := range brokers {
		all = append(all, "ssl://"+b.addr)
	}
	w.dir, conf = install(t, strings.Join(all, `", "`), freeAddr(t), fmt.Sprintf("ca = %q\ncert = %q\nkey = %q\n", files.ca, fleetCert, fleetKey))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	w.enrol(ctx, n, authority, files)
	files.users = must(t, "broker-users", "--config", conf)
	for _, b := range brokers {
		b.configure(files)
		b.start()
		t.Cleanup(b.kill)
	}
	for _, g := range w.gateways {
		g.run(ctx, &wg)
	}
	wg.Go(func() {
		if err := run(ctx, []string{"serve", "--config", conf}, &discard{}, &discard{}); err != nil {
			t.Error(err)
		}
	})
	return w
}

// enrol makes gateways with certificates and outboxes.
func (w *simWorld) enrol(ctx context.Context, n int, authority *pki.Authority, files simFiles) {
	ack, err := keyfile.ReadVerifier(filepath.Join(w.dir, "fleet.vkey"))
	w.must(err)
	db, err := store.Open(filepath.Join(w.dir, "fleet.db"), store.Options{})
	w.must(err)
	defer db.Close()
	var addresses []string
	for _, b := range w.brokers {
		addresses = append(addresses, "tls://"+b.addr)
	}
	for i := range n {
		g := &simGateway{name: fmt.Sprintf("sim-%05d", i), sent: map[uint64]time.Time{}}
		cert, key, err := authority.Issue(g.name)
		w.must(err)
		g.open(ctx, w, uplink.Config{Brokers: addresses, CA: files.ca, Cert: cert, CertKey: key, FleetKey: ack}, db)
		w.gateways = append(w.gateways, g)
	}
}

type discard struct{}

func (*discard) Write(b []byte) (int, error) { return len(b), nil }

func (w *simWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// await polls until something holds for all gateways.
func (w *simWorld) await(what string, ok func(*simGateway) bool) {
	w.t.Helper()
	deadline := time.After(2*time.Minute + time.Duration(len(w.gateways))*200*time.Millisecond)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; i < len(w.gateways); {
		if ok(w.gateways[i]) {
			i++
			continue
		}
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("gave up waiting until %s: %d of %d; the next: %+v", what, i, len(w.gateways), w.gateways[i].uplink.Status())
		}
	}
}

func (w *simWorld) stored() int64 {
	db, err := store.Open(filepath.Join(w.dir, "fleet.db"), store.Options{})
	w.must(err)
	defer db.Close()
	n, err := db.Audit(w.t.Context(), "")
	w.must(err)
	return int64(n)
}

func (w *simWorld) figures(p99, lost float64) {
	if *figuresFile == "" {
		return
	}
	f := figures.Open(w.t, *figuresFile)
	f.Add(figures.Figure{Figure: "sim_gateways", Value: float64(len(w.gateways)), Unit: "gateways"})
	f.Add(figures.Figure{Figure: "sim_ack_p99_ms", Value: p99, Unit: "ms"})
	f.Add(figures.Figure{Figure: "sim_lost", Value: lost, Unit: "events"})
}
