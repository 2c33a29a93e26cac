package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	firmwareconfigs "citygate/firmware-configs"
)

// simFiles are what a broker needs of the world.
type simFiles struct {
	ca, cert, key string
	users         string // of NATS
}

// simBroker is one broker process with the product's own configuration.
type simBroker struct {
	t    *testing.T
	addr string
	dir  string
	path string
	args []string
	env  []string
	// health is where the node says that it is well, empty: nowhere.
	health string
	text   func(b *simBroker, f simFiles) string
	cmd    *exec.Cmd
}

func (b *simBroker) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *simBroker) configure(f simFiles) {
	b.write("conf", b.text(b, f))
	b.args = []string{"-c", filepath.Join(b.dir, "conf")}
}

func (b *simBroker) start() {
	b.t.Helper()
	b.cmd = exec.Command(b.path, b.args...)
	b.cmd.Env = append(os.Environ(), b.env...)
	log, err := os.OpenFile(filepath.Join(b.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		defer log.Close()
		b.cmd.Stderr = log
		err = b.cmd.Start()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *simBroker) kill() {
	b.cmd.Process.Kill()
	b.cmd.Wait()
	if b.t.Failed() {
		if log, err := os.ReadFile(filepath.Join(b.dir, "log")); err == nil {
			b.t.Logf("%s", log[max(0, len(log)-2000):])
		}
	}
}

// well tells whether the node has caught up with the others.
func (b *simBroker) well() bool {
	r, err := http.Get("http://" + b.health + "/healthz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

func newMosquitto(t *testing.T) *simBroker {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("no mosquitto here")
	}
	return &simBroker{t: t, addr: freeAddr(t), dir: t.TempDir(), path: path, text: func(b *simBroker, f simFiles) string {
		user := "mosquitto"
		if os.Getuid() == 0 {
			user = "root"
		}
		_, port, _ := net.SplitHostPort(b.addr)
		acl, err := firmwareconfigs.Files.ReadFile(firmwareconfigs.BrokerACL)
		if err != nil {
			t.Fatal(err)
		}
		b.write("acl", string(acl))
		text, err := firmwareconfigs.Fill(firmwareconfigs.BrokerConf, map[string]string{
			"user": user, "listener": port + " 127.0.0.1", "cafile": f.ca, "certfile": f.cert, "keyfile": f.key,
			"acl_file": filepath.Join(b.dir, "acl"), "persistence_location": b.dir + "/",
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}}
}

// newCluster are three nodes of NATS. Routes are without TLS: the test's
// authority makes no certificate that is good for servers and clients.
func newCluster(t *testing.T) []*simBroker {
	t.Helper()
	path, err := exec.LookPath("nats-server")
	if err != nil {
		t.Skip("no nats-server here")
	}
	raw, err := os.ReadFile("../../firmware-configs/nats/citygate.conf")
	if err != nil {
		t.Fatal(err)
	}
	routes := []string{freeAddr(t), freeAddr(t), freeAddr(t)}
	var out []*simBroker
	for i, route := range routes {
		b := &simBroker{t: t, addr: freeAddr(t), dir: t.TempDir(), path: path, health: freeAddr(t), env: []string{fmt.Sprintf("CITYGATE_NODE=broker-%d", i+1)}}
		b.text = func(b *simBroker, f simFiles) string {
			b.write("users.conf", f.users)
			text := string(raw)
			begin := strings.Index(text, "  # The certificate must be good")
			end := begin + strings.Index(text[begin:], "  }\n") + len("  }\n")
			return strings.NewReplacer(
				text[begin:end], "", "127.0.0.1:8222", b.health, "127.0.0.1:4222", freeAddr(t), "/var/lib/citygate-nats", b.dir, "8GB", "256MB",
				`"0.0.0.0:6222"`, fmt.Sprintf("%q", route), "0.0.0.0:8883", b.addr,
				"broker-1:6222", routes[0], "broker-2:6222", routes[1], "broker-3:6222", routes[2],
				"/etc/citygate/nats/broker.pem", f.cert, "/etc/citygate/nats/broker.key", f.key, "/etc/citygate/nats/ca.pem", f.ca,
			).Replace(text)
		}
		out = append(out, b)
	}
	return out
}
