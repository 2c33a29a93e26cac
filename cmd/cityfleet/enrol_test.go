package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/fleet"
	"citygate/fleet/enrolment"
	"citygate/fleet/store"
	"citygate/trust/ledger/ledgertest"
)

// newcomer stores the request of a new device as the endpoint does, and returns its claim code.
func newcomer(t *testing.T, dir, conf string) (code string, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, event, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pin := mustPin(t, conf)
	r, err := enrolment.NewRequest(pin, key, event, "v1", "Raspberry Pi 5", "kiosk-1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(filepath.Join(dir, "fleet.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	id := r.Identity(pin)
	if _, err := db.AskEnrolment(t.Context(), fleet.Enrolment{ID: id[:], Code: id.Code(), Request: text, Source: "192.0.2.7"}); err != nil {
		t.Fatal(err)
	}
	return id.Code(), key
}

// An operator's mistakes change nothing and say what to do; the decision itself is stored once.
func TestEnrolCommands(t *testing.T) {
	dir, conf := install(t, "tcp://127.0.0.1:1", "127.0.0.1:0", "[enrolment]\nlisten = \"127.0.0.1:0\"\nbrokers = [\"tls://broker.example:8883\"]\n")
	fails := func(want string, args ...string) {
		t.Helper()
		out, _, err := do(t, append(args, "--config", conf)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("cityfleet %v: %q, %v; want %q", args, out, err, want)
		}
	}
	fails("cityfleet cert enrol", "enrol", "pin")
	fails("cityfleet cert enrol", "serve")
	fails("--host", "cert", "enrol")
	fails("authority", "cert", "ca")
	must(t, "cert", "fleet", "--config", conf)
	fails("cityfleet cert enrol", "serve") // the authority is there, the endpoint's certificate is not
	must(t, "cert", "enrol", "--host", "localhost", "--config", conf)

	code, key := newcomer(t, dir, conf)
	accept := []string{"enrol", "accept", code, "--name", "sjz-1", "--place", "MA.156.1301.02"}
	fails("not a claim code", "enrol", "accept", "7Q2F", "--name", "sjz-1", "--place", "MA.156")
	fails("no request has this claim code", "enrol", "accept", "7Q2F-0KXM-9D3T-H51B", "--name", "sjz-1", "--place", "MA.156")
	fails("root_policy", accept...)
	if err := os.WriteFile(filepath.Join(dir, "root.json"), ledgertest.NewNation().Root.Marshal(), 0o644); err != nil {
		t.Fatal(err)
	}
	fails("place", "enrol", "accept", code, "--name", "sjz-1", "--place", "Zhongshan Road")
	fails("1 to 3650", append(accept, "--days", "0")...)
	if list := must(t, "enrol", "list", "--config", conf); !strings.Contains(list, code) || !strings.Contains(list, "Raspberry Pi 5") || !strings.Contains(list, "192.0.2.7") {
		t.Errorf("list %q", list)
	}
	must(t, append(accept, "--config", conf)...)
	fails("granted before", accept...)
	fails("granted before", "enrol", "refuse", code, "--reason", "late")
	if list := must(t, "enrol", "list", "--config", conf); strings.Contains(list, code) {
		t.Errorf("a decided request still waits: %q", list)
	}

	db, err := store.Open(filepath.Join(dir, "fleet.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	e, err := db.Enrolment(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	g, err := enrolment.ParseGrant(e.Grant)
	if err != nil || g.Device != "sjz-1" || g.Brokers[0] != "tls://broker.example:8883" || len(g.OpsKey) != 0 {
		t.Errorf("granted %+v, %v", g, err)
	}
	r, err := enrolment.ParseRequest(mustPin(t, conf), e.Request)
	if err != nil || !r.PublicKey().Equal(&key.PublicKey) || g.For(r) != nil {
		t.Errorf("the grant is not for the device that asked: %v", err)
	}
	other, _ := newcomer(t, dir, conf)
	fails("new name", "enrol", "accept", other, "--name", "sjz-1", "--place", "MA.156.1301.02")
}

func mustPin(t *testing.T, conf string) enrolment.Pin {
	t.Helper()
	pin, err := enrolment.ParsePin(strings.TrimSpace(must(t, "enrol", "pin", "--config", conf)))
	if err != nil {
		t.Fatal(err)
	}
	return pin
}
