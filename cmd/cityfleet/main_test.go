package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// do runs one command as a user does.
func do(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	err = run(t.Context(), args, &out, &errOut)
	return out.String(), errOut.String(), err
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, _, err := do(t, args...)
	if err != nil {
		t.Fatalf("cityfleet %v: %v", args, err)
	}
	return out
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// install makes keys and a configuration in a new folder.
func install(t *testing.T, broker, listen, more string) (dir, conf string) {
	t.Helper()
	dir = t.TempDir()
	must(t, "keygen", "--name", "citygate.example/fleet", "--key", filepath.Join(dir, "ack.key"), "--vkey", filepath.Join(dir, "fleet.vkey"))
	conf = filepath.Join(dir, "fleet.toml")
	text := fmt.Sprintf("listen = %q\ndatabase = \"fleet.db\"\nbrokers = [\"%s\"]\nack_key = \"ack.key\"\n%s", listen, broker, more)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, conf
}

func TestEnrolment(t *testing.T) {
	dir, conf := install(t, "tcp://127.0.0.1:1", "127.0.0.1:0", "")
	vkey := must(t, "keygen", "--name", "k-1", "--key", filepath.Join(dir, "event.key"), "--vkey", filepath.Join(dir, "event.vkey"))
	if info, err := os.Stat(filepath.Join(dir, "event.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("secret key: %v, %v", info.Mode(), err)
	}
	if _, _, err := do(t, "keygen", "--name", "k-1", "--key", filepath.Join(dir, "event.key")); err == nil {
		t.Error("a key was overwritten")
	}
	must(t, "device", "add", "--config", conf, "--name", "k-1", "--key", strings.TrimSpace(vkey), "--place", "MA.156.1301.02/KIOSK.000117")
	must(t, "device", "add", "--config", conf, "--name", "k-1", "--key", filepath.Join(dir, "event.vkey"), "--title", "中山路口")
	if out := must(t, "device", "list", "--config", conf); !strings.Contains(out, "k-1") || !strings.Contains(out, "中山路口") {
		t.Errorf("list %q", out)
	}
	if out := must(t, "check", "--config", conf); !strings.Contains(out, "0 numbers") {
		t.Errorf("check %q", out)
	}
	_, _, err := do(t, "device", "add", "--config", conf, "--name", "k-1", "--key", filepath.Join(dir, "fleet.vkey"))
	if err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("a second key: %v", err)
	}
	if _, _, err := do(t, "finding", "close", "7", "--config", conf, "--reason", "x"); err == nil {
		t.Error("a finding that is not there was closed")
	}
}

// A mistake is one line that says where and what to do.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ name, more, want string }{
		{"unknown key", "colour = 1\n", "unknown key colour"},
		{"bad broker", "", "want ssl://"},
		{"zone", "time_zone = \"Nowhere\"\n", "Asia/Shanghai"},
		{"language", "language = \"de\"\n", "en or zh-CN"},
		{"workers", "workers = 0\n", "1 to 64"},
		{"syntax", "x = \n", "fleet.toml"},
	} {
		broker := "tcp://127.0.0.1:1"
		if c.name == "bad broker" {
			broker = "http://u:p@h"
		}
		_, conf := install(t, broker, "127.0.0.1:0", c.more)
		_, _, err := do(t, "serve", "--config", conf)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	dir, conf := install(t, "tcp://127.0.0.1:1", "127.0.0.1:0", "")
	if err := os.Chmod(filepath.Join(dir, "ack.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := do(t, "serve", "--config", conf); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v", err)
	}
	for _, args := range [][]string{{}, {"nothing"}, {"serve"}, {"serve", "--config", filepath.Join(dir, "none")}, {"device", "add", "--config", conf, "--name", "k", "--key", "x"}} {
		if _, _, err := do(t, args...); err == nil {
			t.Errorf("cityfleet %v succeeded", args)
		}
	}
	if out := must(t, "--help"); !strings.Contains(out, "serve") {
		t.Errorf("help %q", out)
	}
}

// The example that `config` prints names every key and is itself accepted.
func TestExplanationIsComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.toml")
	if err := os.WriteFile(path, []byte(must(t, "config")), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if l := c.fleetLimits(); l.Waiting != 30*time.Minute || l.CertDays != 14 {
		t.Errorf("limits %+v", l)
	}
}

// The whole server starts, is ready once it has its broker, and stops cleanly.
func TestServe(t *testing.T) {
	broker, listen := freeAddr(t), freeAddr(t)
	b := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := b.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	if err := b.AddListener(listeners.NewTCP(listeners.Config{ID: "t", Address: broker})); err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	_, conf := install(t, "tcp://"+broker, listen, "mirrors = [\"public\"]\n")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"serve", "--config", conf}, &bytes.Buffer{}, &bytes.Buffer{}) }()
	deadline := time.After(20 * time.Second)
	for ready := false; !ready; {
		if r, err := http.Get("http://" + listen + "/readyz"); err == nil {
			ready = r.StatusCode == http.StatusOK
			r.Body.Close()
		}
		select {
		case err := <-done:
			t.Fatal("ended: ", err)
		case <-deadline:
			t.Fatal("never ready")
		case <-time.After(10 * time.Millisecond):
		}
	}
	r, err := http.Get("http://" + listen + "/api/summary")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var s struct{ Ingest struct{ Connected bool } }
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil || !s.Ingest.Connected {
		t.Errorf("summary %+v, %v", s, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Commands and desired states are signed with the operations key, stored, and listed.
func TestCommandsAreGiven(t *testing.T) {
	dir, conf := install(t, "tcp://127.0.0.1:1", "127.0.0.1:0", "")
	state := filepath.Join(dir, "desired.toml")
	if err := os.WriteFile(state, []byte("theme = \"night\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	vkey := must(t, "keygen", "--name", "ops", "--key", filepath.Join(dir, "ops.key"))
	must(t, "device", "add", "--config", conf, "--name", "k-1", "--key", strings.TrimSpace(vkey))
	if _, _, err := do(t, "command", "send", "--config", conf, "k-1", "reload"); err == nil || !strings.Contains(err.Error(), "ops_key") {
		t.Errorf("without a key: %v", err)
	}
	key := filepath.Join(dir, "ops.key")
	var given struct{ ID, Progress string }
	out := must(t, "command", "send", "--config", conf, "--ops-key", key, "--json", "k-1", "set-out-of-service", "reason=works")
	if err := json.Unmarshal([]byte(out), &given); err != nil || given.Progress != "given" {
		t.Errorf("send %q: %v", out, err)
	}
	id := given.ID
	if _, _, err := do(t, "command", "send", "--config", conf, "--ops-key", key, "--wait", "1ms", "k-1", "reload"); err == nil || !strings.Contains(err.Error(), "is given") {
		t.Errorf("nobody answers: %v", err)
	}
	cert := filepath.Join(dir, "k-1.pem")
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: make([]byte, 600)}), 0o644); err != nil {
		t.Fatal(err)
	}
	out = must(t, "command", "send", "--config", conf, "--ops-key", key, "--json", "k-1", "rotate-certificate", "cert=@"+cert)
	if !strings.Contains(out, "cert-4") || strings.Contains(out, "cert-5") {
		t.Errorf("certificate in pieces: %q", out)
	}
	if _, _, err := do(t, "command", "csr", "--config", conf, "k-1", id); err == nil || !strings.Contains(err.Error(), "no request") {
		t.Errorf("csr: %v", err)
	}
	if out := must(t, "command", "list", "--config", conf, "--open"); !strings.Contains(out, id) || !strings.Contains(out, "given") {
		t.Errorf("list %q", out)
	}
	for n := range 2 {
		if out := must(t, "desired", "set", "--config", conf, "--ops-key", key, "--ring", "first", state); out != fmt.Sprintln(n+1) {
			t.Errorf("number %q", out)
		}
	}
	must(t, "desired", "set", "--config", conf, "--ops-key", key, "--json", "--device", "k-1", state)
	if out := must(t, "desired", "list", "--config", conf); !strings.Contains(out, "g/first") || !strings.Contains(out, "0 of 1") {
		t.Errorf("list %q", out)
	}
	if out := must(t, "desired", "list", "--config", conf, "--json"); !strings.Contains(out, `"pending":["k-1"]`) {
		t.Errorf("list %q", out)
	}
	for _, args := range [][]string{
		{"command", "send", "--config", conf, "--ops-key", key, "k-9", "reload"},
		{"command", "send", "--config", conf, "--ops-key", key, "k-1", "rotate-certificate", "cert=@/none"},
		{"command", "send", "--config", conf, "--ops-key", key, "k-1", "Reload!"},
		{"desired", "set", "--config", conf, "--ops-key", key, "--device", "k-9", state},
		{"desired", "set", "--config", conf, "--ops-key", key, state},
		{"finding", "close", "7", "--config", conf, "--reason", "x", "--keep-both"},
	} {
		if _, _, err := do(t, args...); err == nil {
			t.Errorf("cityfleet %v succeeded", args)
		}
	}
}
