package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"citygate/internal/pki"
)

// operator is a fleet's office: the real cityfleet program, its folder and its broker.
type operator struct {
	t            *testing.T
	program, dir string
	pages, enrol string // addresses
	pin          string
	server       *exec.Cmd
}

// newOperator sets a fleet up as its documentation says, with the commands of the program.
func newOperator(t *testing.T, rootPolicy []byte) *operator {
	t.Helper()
	o := &operator{t: t, dir: t.TempDir(), pages: freeAddress(t), enrol: freeAddress(t)}
	o.program = filepath.Join(o.dir, "cityfleet")
	if out, err := exec.Command("go", "build", "-tags", "nogocv", "-o", o.program, "../cityfleet").CombinedOutput(); err != nil {
		t.Fatalf("build cityfleet: %v: %s", err, out)
	}
	broker := freeAddress(t)
	o.write("root.json", string(rootPolicy))
	o.write("fleet.toml", fmt.Sprintf(`listen = %q
database = "fleet.db"
brokers = ["ssl://%s"]
ca = "pki/ca.pem"
cert = "pki/fleet.pem"
key = "pki/fleet.key"
ack_key = "ack.key"
ops_key = "ops.key"
[enrolment]
listen = %q
brokers = ["tls://%[2]s"]
`, o.pages, broker, o.enrol))
	o.run("keygen", "--name", "citygate.example/fleet", "--key", o.path("ack.key"))
	o.run("keygen", "--name", "citygate.example/ops", "--key", o.path("ops.key"))
	o.run("cert", "enrol", "--host", "127.0.0.1", "--config", o.path("fleet.toml"))
	o.run("cert", "broker", "--host", "127.0.0.1", "--config", o.path("fleet.toml"))
	o.run("cert", "fleet", "--config", o.path("fleet.toml"))
	o.pin = strings.TrimSpace(o.run("enrol", "pin", "--config", o.path("fleet.toml")))
	o.startBroker(broker)
	return o
}

func (o *operator) path(name string) string { return filepath.Join(o.dir, name) }

func (o *operator) write(name, text string) {
	o.t.Helper()
	if err := os.WriteFile(o.path(name), []byte(text), 0o644); err != nil {
		o.t.Fatal(err)
	}
}

// run runs one command of the program to its end.
func (o *operator) run(args ...string) string {
	o.t.Helper()
	out, err := exec.Command(o.program, args...).CombinedOutput()
	if err != nil {
		o.t.Fatalf("cityfleet %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (o *operator) serve() {
	o.t.Helper()
	o.server = exec.Command(o.program, "serve", "--config", o.path("fleet.toml"))
	if err := o.server.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(o.kill)
}

// kill ends the server without a chance to say goodbye.
func (o *operator) kill() {
	_ = o.server.Process.Kill()
	_ = o.server.Wait()
}

// startBroker runs a broker that talks only to holders of the authority's certificates.
func (o *operator) startBroker(address string) {
	o.t.Helper()
	pair, err := tls.LoadX509KeyPair(o.path("pki/broker.pem"), o.path("pki/broker.key"))
	if err != nil {
		o.t.Fatal(err)
	}
	ca, err := pki.ReadCert(o.path("pki/ca.pem"))
	if err != nil {
		o.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	b := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	err = b.AddHook(new(auth.AllowHook), nil)
	if err == nil {
		err = b.AddListener(listeners.NewTCP(listeners.Config{ID: "tls", Address: address, TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}}))
	}
	if err == nil {
		err = b.Serve()
	}
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { b.Close() })
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newcomer is a real `citygate enrol`.
type newcomer struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner // what it says to the console
	said  *bytes.Buffer
}

func (s site) enrol(t *testing.T, o *operator) *newcomer {
	t.Helper()
	n := &newcomer{said: new(bytes.Buffer)}
	n.cmd = exec.Command(os.Args[0], "enrol", "--config", filepath.Join(s.dir, "citygate.toml"), "--fleet", "https://"+o.enrol, "--pin", o.pin)
	n.cmd.Env = append(os.Environ(), childEnv+"=1")
	n.cmd.Stderr = n.said
	out, err := n.cmd.StdoutPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	n.lines = bufio.NewScanner(out)
	t.Cleanup(func() { _ = n.cmd.Process.Kill(); _ = n.cmd.Wait() })
	return n
}

// hears returns what follows prefix in the next line of the console.
func (n *newcomer) hears(t *testing.T, prefix string) string {
	t.Helper()
	for n.lines.Scan() {
		if rest, ok := strings.CutPrefix(n.lines.Text(), prefix); ok {
			return rest
		}
	}
	err := n.cmd.Wait()
	t.Fatalf("citygate enrol did not say %q: %v: %s", prefix, err, n.said)
	return ""
}

func (n *newcomer) kill(t *testing.T) {
	t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = n.cmd.Wait()
}

// shown reads the state of the page with the claim code.
func (s site) shown() (st enrolState) {
	res, err := http.Get("http://" + s.address + "/enrol.json")
	if err != nil {
		return st
	}
	defer res.Body.Close()
	_ = json.NewDecoder(res.Body).Decode(&st)
	return st
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for began := time.Now(); !ok(); <-pause.C {
		if time.Since(began) > 90*time.Second {
			t.Fatalf("%s: not within 90 s", what)
		}
	}
}

// newDevice is a site as it leaves the workshop: no key, no certificate, and somebody else's name.
func newDevice(t *testing.T, o *office) site {
	t.Helper()
	s := newSite(t, o, o.text["valid"])
	for _, file := range []string{"event.key", "root.json"} {
		if err := os.Remove(filepath.Join(s.dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A new device comes into a fleet: both sides are killed at every point where a person waits, the fleet's server is down
// while the operator decides, and in the end the gateway has an MQTT session and its events are with the fleet.
func TestEnrolFromFirstBootToSession(t *testing.T) {
	t.Parallel()
	nation := newOffice(t)
	o, s := newOperator(t, nation.Root.Marshal()), newDevice(t, nation)

	first := s.enrol(t, o) // no fleet yet
	code := first.hears(t, "claim code  ")
	await(t, "the page says that the fleet is not reached", func() bool { return s.shown().State == enrolUnreached })
	first.kill(t)

	second := s.enrol(t, o)
	if again := second.hears(t, "claim code  "); again != code {
		t.Fatalf("after a restart the claim code is %s, it was %s", again, code)
	}
	o.serve()
	await(t, "the page says that it waits", func() bool { return s.shown() == enrolState{State: "waiting", Code: code} })
	if list := o.run("enrol", "list", "--config", o.path("fleet.toml")); !strings.Contains(list, code) || !strings.Contains(list, "waiting") {
		t.Errorf("the list of requests has no %s: %s", code, list)
	}
	for _, file := range []string{"enrol/device.key", "enrol/event.key"} {
		if st, err := os.Stat(filepath.Join(s.dir, file)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, st.Mode(), err)
		}
	}
	o.run("enrol", "refuse", code, "--reason", "not ordered", "--config", o.path("fleet.toml"))
	await(t, "the page says why not", func() bool { return s.shown().Reason == "not ordered" })
	second.kill(t)
	o.kill()
	if out, err := exec.Command(o.program, "enrol", "accept", code, "--name", "fleet", "--place", "MA.156.1301.02", "--config", o.path("fleet.toml")).CombinedOutput(); err == nil {
		t.Errorf("a gateway was given the fleet server's own name: %s", out)
	}
	o.run("enrol", "accept", strings.ToLower(code), "--name", "sjz-1", "--place", "MA.156.1301.02", "--config", o.path("fleet.toml"))

	third := s.enrol(t, o)
	third.hears(t, "claim code  "+code)
	o.serve()
	third.hears(t, "enrolled as sjz-1")
	if err := third.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, third.said)
	}
	s.enrol(t, o).hears(t, "this device is enrolled")

	g := s.spawn(t)
	g.ready(t)
	await(t, "an MQTT session", func() bool { n, ok := g.metric("citygate_mqtt_connected"); return ok && n == 1 })
	await(t, "events at the fleet", func() bool { return o.mark("sjz-1") > 0 })
	if code, out, _ := runCommand(t, "", "doctor", "--config", filepath.Join(s.dir, "citygate.toml"), "--json"); !strings.Contains(out, `"check":"certificate","state":"ok"`) {
		t.Errorf("doctor: %d, %s", code, out)
	}
	g.end(t)
}

// mark is up to which number the fleet has stored a gateway's events.
func (o *operator) mark(device string) (highest uint64) {
	res, err := http.Get("http://" + o.pages + "/api/gateways")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	var list []struct {
		Device string
		Epochs []struct{ Mark uint64 }
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&list); err != nil {
		return 0
	}
	for _, g := range list {
		for _, e := range g.Epochs {
			if g.Device == device {
				highest = max(highest, e.Mark)
			}
		}
	}
	return highest
}
