package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"citygate/trust/ledger"
)

// lines hands over what a running command prints.
type lines struct{ c chan string }

func (l lines) Write(p []byte) (int, error) { l.c <- string(p); return len(p), nil }

// start runs a command that keeps running, and gives the address that it prints.
func (d *desk) start(args ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := lines{make(chan string, 1)}
	done := make(chan error, 1)
	go func() { done <- run(ctx, args, strings.NewReader(""), out, io.Discard) }()
	d.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Errorf("%s: %v", args[0], err)
		}
	})
	select {
	case url := <-out.c:
		return strings.TrimSpace(url)
	case err := <-done:
		d.t.Fatalf("%s: %v", args[0], err)
	}
	return ""
}

// The witness command cosigns, the serve command shows the result, and the policy of the registry believes it.
func TestWitnessAndServe(t *testing.T) {
	d := newDesk(t)
	vkey := strings.TrimSpace(d.do("keygen", "--key", d.path("w.skey"), "--name", "witness.example/cli"))
	if _, _, err := d.try("", "keygen", "--key", d.path("w.skey"), "--name", "witness.example/other"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a key was overwritten: %v", err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	d.do("init", "--dir", d.path("cn"), "--national", "--origin", "citygate.example", "--name", "en=N", "--witness", vkey+"=http://"+addr)
	args := []string{"witness", "--state", d.path("w"), "--key", d.path("w.skey"), "--listen", addr}
	for key := range strings.Lines(d.do("logs", "--dir", d.path("cn"))) {
		args = append(args, "--log", strings.TrimSpace(key))
	}
	d.start(args...)
	d.do("allocate", "--dir", d.path("cn"), "--self")
	base := d.start("serve", "--dir", d.path("cn"), "--listen", "127.0.0.1:0")
	root, err := ledger.ParseRootPolicy(get(t, base+"/root.json"))
	if err != nil {
		t.Fatal(err)
	}
	cp, err := root.Directory.Open(get(t, base+"/directory/checkpoint"))
	if err != nil || cp.Size != 2 {
		t.Fatalf("checkpoint of size %d: %v", cp.Size, err)
	}
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, r.Status, err)
	}
	return b
}
