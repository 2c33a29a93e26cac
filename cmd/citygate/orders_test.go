package main

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/fleet/feed"
	"citygate/fleet/ingest"
	"citygate/fleet/store"
	"citygate/internal/keyfile"
	"citygate/internal/pki"
	"citygate/sync/wire"
	"citygate/trust/ledger/ledgertest"
)

const orderLimit = 60 * time.Second // for anything that these tests wait for

// operations are a fleet server with its operations key, and a real broker that knows clients by their certificates.
type operations struct {
	t         *testing.T
	store     *store.Store
	authority *pki.Authority
	key       ed25519.PrivateKey
	given     int
}

// newOperations enrols a site's gateway and writes what enrolment brings into its configuration.
func newOperations(t *testing.T, office *office, s site) *operations {
	t.Helper()
	o := &operations{t: t}
	var err error
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// The first certificate ends before those that are rotated in.
	born := time.Now()
	o.authority, err = pki.Open(filepath.Join(s.dir, "pki"), "test", func() time.Time { born = born.Add(time.Minute); return born })
	must(err)
	brokerCert, brokerKey, err := o.authority.Issue("broker", "127.0.0.1")
	must(err)
	fleetCert, fleetKey, err := o.authority.Issue("fleet")
	must(err)
	cert, key, err := o.authority.Issue("k1")
	must(err)
	ca := filepath.Join(s.dir, "pki", pki.RootCert)
	addr := startMosquitto(t, fmt.Sprintf("cafile %s\ncertfile %s\nkeyfile %s\nrequire_certificate true\nuse_identity_as_username true\ntls_version tlsv1.3\n", ca, brokerCert, brokerKey))
	pins := ""
	for _, name := range []string{"fleet", "ops"} {
		vkey, err := keyfile.Make("citygate.example/"+name, filepath.Join(s.dir, name+".seed"))
		must(err)
		pins += vkey + "\n"
	}
	must(os.WriteFile(filepath.Join(s.dir, "fleet.vkey"), []byte("# fleet, operations\n"+pins), 0o600))
	must(appendTo(filepath.Join(s.dir, "citygate.toml"), fmt.Sprintf("brokers = [\"tls://%s\"]\nca = %q\ncert = %q\nkey = %q\nfleet_key = \"fleet.vkey\"\n", addr, ca, cert, key)))
	o.key, err = keyfile.ReadSeed(filepath.Join(s.dir, "ops.seed"))
	must(err)
	ack, err := keyfile.ReadSeed(filepath.Join(s.dir, "fleet.seed"))
	must(err)
	device, err := keyfile.ReadSeed(filepath.Join(s.dir, "event.key"))
	must(err)
	o.store, err = store.Open(filepath.Join(s.dir, "fleet.db"), store.Options{})
	must(err)
	must(o.store.AddDevice(t.Context(), fleet.Device{Name: "k1", Key: device.Public().(ed25519.PublicKey)}))
	pair, err := tls.LoadX509KeyPair(fleetCert, fleetKey)
	must(err)
	pem, err := os.ReadFile(ca)
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	var f *feed.Feed
	in, err := ingest.New(ingest.Config{Brokers: []string{"ssl://" + addr}, ClientID: "fleet", Key: ack, Control: o.store,
		OnNeed: func(n wire.Need) { f.Need(n) }, OnConnect: func() { f.Again() },
		TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{pair}}}, o.store)
	must(err)
	f = feed.New(feed.Config{Interval: 100 * time.Millisecond}, ledgertest.NewSource(office.Nation), in)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{in.Run, f.Run} {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait(); o.store.Close() })
	return o
}

// startMosquitto starts the real broker with one listener, or skips with the reason.
func startMosquitto(t *testing.T, listener string) (addr string) {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
	}
	if !exists(path) {
		t.Skip("mosquitto is not installed; make deps installs it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	text := "listener " + port + " 127.0.0.1\n" + listener
	if os.Getuid() == 0 {
		text = "user root\n" + text
	}
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return addr
}

// poll waits until something holds.
func (o *operations) poll(what string, ok func() bool) {
	o.t.Helper()
	limit := time.After(orderLimit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			o.t.Fatalf("gave up waiting for %s", what)
		}
	}
}

// order gives a command and waits for its last word.
func (o *operations) order(name string, args map[string]string) fleet.Command {
	o.t.Helper()
	o.given++
	c := wire.Command{ID: fmt.Sprintf("c-%d", o.given), Device: "k1", Name: name, NotAfter: time.Now().Add(time.Hour).Unix(), Args: args}
	if err := c.Sign(o.key); err != nil {
		o.t.Fatal(err)
	}
	if err := o.store.GiveCommand(o.t.Context(), c); err != nil {
		o.t.Fatal(err)
	}
	return o.last(c.ID, name)
}

func (o *operations) last(id, name string) (found fleet.Command) {
	o.t.Helper()
	o.poll("the end of "+name, func() bool {
		list, err := o.store.Commands(o.t.Context(), store.CommandsQuery{Device: "k1"})
		if err != nil {
			o.t.Fatal(err)
		}
		for _, c := range list {
			if c.ID == id {
				found = c
			}
		}
		return found.Final()
	})
	return found
}

// done is order for a command that must be ok.
func (o *operations) done(name string, args map[string]string) map[string]string {
	o.t.Helper()
	c := o.order(name, args)
	if c.State != wire.ResultOK {
		o.t.Fatalf("%s: %s: %s %v", name, c.State, c.Reason, c.Detail)
	}
	return c.Detail
}

// refused is order for a command that must not be ok.
func (o *operations) refused(name string, args map[string]string, state, why string) {
	o.t.Helper()
	if c := o.order(name, args); c.State != state || !strings.Contains(c.Reason, why) {
		o.t.Errorf("%s %v: %s: %s, want %s: %s", name, args, c.State, c.Reason, state, why)
	}
}

// desire sets a desired state and waits until the gateway reports it.
func (o *operations) desire(target string, number uint64, body string, want func(wire.Report) bool) wire.Report {
	o.t.Helper()
	d := wire.Desired{Target: target, Number: number, NotAfter: time.Now().Add(time.Hour).Unix(), Body: []byte(body)}
	d.Sign(o.key)
	if err := o.store.SetDesired(o.t.Context(), d); err != nil {
		o.t.Fatal(err)
	}
	var last wire.Report
	o.poll(fmt.Sprintf("desired state %d of %s", number, target), func() bool {
		g, err := o.store.Gateway(o.t.Context(), "k1")
		if err != nil {
			o.t.Fatal(err)
		}
		if g.Report == nil {
			return false
		}
		last = *g.Report
		return want(last)
	})
	return last
}

// Operations order, over a real broker, and the gateway does it and says so: every command, desired states of its own
// and of its ring with reasons for drift, also across restarts.
func TestOrders(t *testing.T) {
	t.Parallel()
	office := newOffice(t)
	s := newSite(t, office, office.text["valid"])
	ops := newOperations(t, office, s)
	gateway := s.live(t)
	s.answers(t, "valid")

	if d := ops.done("scan-test", map[string]string{"seconds": "1"}); d["self-test"] != "read" || d["frames"] == "0" {
		t.Errorf("scan test %v", d)
	}
	ops.refused("scan-test", map[string]string{"seconds": "900"}, wire.ResultFailed, "want 1 to 30")
	ops.refused("dance", nil, wire.ResultRejected, "knows no command")
	if d := ops.done("snapshot-log", nil); !strings.Contains(fmt.Sprint(d), "gateway runs") {
		t.Errorf("log %v", d)
	}

	taken := func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "taken-out") && strings.Contains(body, "lift works")
	}
	ops.done("set-out-of-service", map[string]string{"reason": "lift works"})
	s.waitFor(t, "/readyz", taken)
	ops.refused("scan-test", map[string]string{"seconds": "1"}, wire.ResultFailed, "out of service")
	ops.done("reload", nil)
	s.waitFor(t, "/readyz", taken)
	ops.done("set-out-of-service", map[string]string{"state": "off"})
	s.answers(t, "valid")

	good, err := os.ReadFile(filepath.Join(s.dir, "citygate.toml"))
	if err == nil {
		err = appendTo(filepath.Join(s.dir, "citygate.toml"), "colour = 1\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"reload", "restart"} {
		ops.refused(name, nil, wire.ResultFailed, "colour")
	}
	if err := os.WriteFile(filepath.Join(s.dir, "citygate.toml"), good, 0o600); err != nil {
		t.Fatal(err)
	}

	first := ops.desire("g/all", 7, "theme = \"day\"\n", func(r wire.Report) bool { return r.RingDesired == 7 && len(r.Drift) == 0 })
	own := ops.desire("d/k1", 1, "ring = \"pilot\"\nkiosk = { en = \"North gate\" }\ndevice = \"k2\"\nlens = \"behind\"\n",
		func(r wire.Report) bool { return r.Desired == 1 && r.Config != first.Config })
	if own.Ring != "pilot" || own.RingDesired != 0 || !strings.Contains(own.Drift["device"], "from afar") || !strings.Contains(own.Drift["lens"], "below") {
		t.Errorf("report %+v", own)
	}
	ops.desire("g/pilot", 2, "theme = \"night\"\n", func(r wire.Report) bool { return r.RingDesired == 2 && r.Config != own.Config })
	page := get(t, "http://"+s.address+"/")
	if !strings.Contains(page, "North gate") || !strings.Contains(page, "night") {
		t.Errorf("the page knows nothing of it: %s", page)
	}

	// The end of a life by restart is the process's: here the exit code, then a new start.
	ops.given++
	again := wire.Command{ID: fmt.Sprintf("c-%d", ops.given), Device: "k1", Name: "restart", NotAfter: time.Now().Add(time.Hour).Unix()}
	if err := again.Sign(ops.key); err != nil {
		t.Fatal(err)
	}
	if err := ops.store.GiveCommand(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if code, errs := gateway.wait(); code != exitAnew {
		t.Fatalf("exit %d: %s", code, errs)
	}
	gateway = s.live(t)
	if c := ops.last(again.ID, "restart"); c.State != wire.ResultOK {
		t.Errorf("restart: %s: %s", c.State, c.Reason)
	}
	ops.desire("d/k1", 2, "", func(r wire.Report) bool {
		return r.Desired == 2 && r.Ring == "all" && r.RingDesired == 7 && len(r.Drift) == 0
	})
	if code, errs := gateway.end(); code != exitOK {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The key of a new certificate is made on the gateway, and the certificate is taken only if it is right in every way.
func TestCertificateIsRotated(t *testing.T) {
	t.Parallel()
	office := newOffice(t)
	s := newSite(t, office, office.text["valid"])
	ops := newOperations(t, office, s)
	gateway := s.live(t)
	s.answers(t, "valid")

	someone, _, err := ops.authority.Issue("someone")
	if err != nil {
		t.Fatal(err)
	}
	ops.refused("rotate-certificate", pieces(t, pemBytes(t, someone)), wire.ResultFailed, "no key waits")
	request := ops.done("rotate-certificate", nil)
	ops.refused("rotate-certificate", pieces(t, pemBytes(t, someone)), wire.ResultFailed, "someone")
	ops.refused("rotate-certificate", pieces(t, []byte("garbage")), wire.ResultFailed, "certificate")
	stranger, err := pki.Open(t.TempDir(), "stranger", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	der, err := joinPieces(request, "csr")
	if err != nil {
		t.Fatal(err)
	}
	forged, err := stranger.Sign(der)
	if err != nil {
		t.Fatal(err)
	}
	ops.refused("rotate-certificate", pieces(t, forged), wire.ResultFailed, "unknown authority")
	if again := ops.done("rotate-certificate", nil); len(again) != len(request) {
		t.Errorf("asked again: %v, first %v", again, request)
	}
	signed, err := ops.authority.Sign(der)
	if err != nil {
		t.Fatal(err)
	}
	if d := ops.done("rotate-certificate", pieces(t, signed)); d["until"] == "" {
		t.Errorf("rotated: %v", d)
	}
	// Only the new pair is left, and it is the one that the gateway comes with.
	for _, name := range []string{"k1.pem", "k1.key"} {
		if err := os.Remove(filepath.Join(s.dir, "pki", name)); err != nil {
			t.Fatal(err)
		}
	}
	ops.done("reload", nil)
	ops.done("scan-test", map[string]string{"seconds": "1"})
	if exists(filepath.Join(s.dir, "state", pendingFile)) {
		t.Error("the key that waited is still there")
	}
	if _, all := examine(t, s); all["certificate"].State != "ok" {
		t.Errorf("doctor: %+v", all["certificate"])
	}
	if code, errs := gateway.end(); code != exitOK {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func pieces(t *testing.T, der []byte) map[string]string {
	t.Helper()
	args, err := cutPieces(der, "cert")
	if err != nil {
		t.Fatal(err)
	}
	return args
}

func pemBytes(t *testing.T, file string) []byte {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(file, strings.TrimSuffix(file, ".pem")+".key")
	if err != nil {
		t.Fatal(err)
	}
	return pair.Certificate[0]
}
