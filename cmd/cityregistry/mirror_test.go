package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"citygate/trust/code"
)

// Wipe a city's registry: its names still resolve at a mirror, and its logs come back from there.
func TestMirrorResolveRestore(t *testing.T) {
	d := newDesk(t)
	d.found()
	lamp := "MA.156.1301.01/LAMP.000421"
	d.do("issue", "--dir", d.path("sjz"), "--kind", "street-asset", "--id", lamp)
	d.do("suspend", "--dir", d.path("sjz"), "--id", lamp)
	origin := d.start("serve", "--dir", d.path("cn"), "--dir", d.path("sjz"), "--listen", "127.0.0.1:0")
	root := d.path("cn", "public", "root.json")
	if out := d.do("mirror", "--dir", d.path("copy"), "--root", root, "--from", origin); !strings.Contains(out, "sjz-records\t0\t256\n") {
		t.Errorf("mirror: %q", out)
	}
	if out := d.do("mirror", "--json", "--dir", d.path("copy"), "--root", root, "--from", d.path("cn"), "--from", d.path("sjz"), "--from", origin); strings.Count(out, "\n") != 5 {
		t.Errorf("mirror again: %q", out)
	}
	for _, sub := range []string{"public", "books"} {
		if err := os.RemoveAll(d.path("sjz", sub)); err != nil {
			t.Fatal(err)
		}
	}
	at := d.start("serve", "--dir", d.path("copy"), "--listen", "127.0.0.1:0")
	var r struct {
		ID, Log, Kind, Status, Proof string
		Index                        uint64
	}
	out := d.do("resolve", "--json", "--root", root, "--mirror", origin, "--mirror", at, "--receipt", d.path("receipt.cose"), lamp)
	if b, err := os.ReadFile(d.path("receipt.cose")); err != nil || len(b) < 256 || b[0] != 0xd2 {
		t.Errorf("receipt: %x, %v", b, err)
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.ID != lamp || r.Log != "sjz-records" || r.Index != 0 || r.Status != "suspended" || r.Kind != "street-asset" {
		t.Errorf("resolve: %q, %v", out, err)
	}
	if out, _, err := d.try("", "resolve", "--root", root, "--mirror", at, "MA.156.1301.01/NOTHING"); err == nil || out != "" || report(io.Discard, err) != 1 {
		t.Errorf("resolved what is not there: %q, %v", out, err)
	}
	if out := d.do("restore-from-mirror", "--dir", d.path("sjz"), "--from", at); !strings.HasPrefix(out, "sjz-records\t256 entries\t1 records\t0 ") {
		t.Errorf("restore: %q", out)
	}
	if out := d.do("issue", "--fresh", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/LAMP.1"); !strings.HasPrefix(out, "256\t") {
		t.Errorf("issue after restoring: %q", out)
	}
}

// The monitor is silent about an honest registry, and finds a record that somebody else put into its log.
func TestMonitor(t *testing.T) {
	d := newDesk(t)
	d.found()
	d.do("issue", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/LAMP.1")
	d.do("revoke", "--dir", d.path("sjz"), "--index", "0")
	origin := d.start("serve", "--dir", d.path("cn"), "--dir", d.path("sjz"), "--listen", "127.0.0.1:0")
	args := []string{"monitor", "--dir", d.path("copy"), "--root", d.path("cn", "public", "root.json"), "--from", origin, "--book", d.path("sjz"), "--book", d.path("cn")}
	if out := d.do(args...); out != "" {
		t.Errorf("found in an honest ledger: %q", out)
	}
	book := d.path("sjz", "books", "sjz-records.jsonl")
	b, err := os.ReadFile(book)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(book, b[strings.Index(string(b), "\n")+1:], 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := d.try("", args...)
	if err == nil || !strings.HasPrefix(out, "not-in-book\tsjz-records\t0\t") {
		t.Errorf("a record that the book lacks: %q, %v", out, err)
	}
}

func TestRotate(t *testing.T) {
	d := newDesk(t)
	d.found()
	d.do("issue", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/LAMP.1")
	d.write("next.json", d.do("rotate", "--dir", d.path("sjz")))
	d.do("allocate", "--dir", d.path("cn"), "--request", d.path("next.json"), "--into", d.path("sjz"))
	if out := d.do("withdraw", "--dir", d.path("cn"), "--key", "3", "--size", "256"); out != "3\twithdrawn\t256\n" {
		t.Errorf("withdraw: %q", out)
	}
	if out := d.do("issue", "--json", "--fresh", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/LAMP.2"); *decode(t, out).Index != 256 {
		t.Errorf("issue: %q", out)
	}
	if _, _, err := d.try("", "withdraw", "--dir", d.path("sjz"), "--key", "3", "--size", "256"); err == nil {
		t.Error("a city withdrew a key row")
	}
}

func TestPresent(t *testing.T) {
	d := newDesk(t)
	d.found()
	holder := strings.TrimSpace(d.do("keygen", "--holder", "--key", d.path("holder.seed")))
	d.do("keygen", "--holder", "--key", d.path("other.seed"))
	pass := decode(t, d.do("issue", "--json", "--dir", d.path("sjz"), "--id", "MA.156.1301.02/PASS.1", "--kind", "ticket", "--holder", holder))
	shown := strings.TrimSpace(d.do("present", "--code", pass.Text, "--key", d.path("holder.seed"), "--nonce", "0011223344556677", "--png", d.path("shown.png")))
	p, err := code.ParseText(shown)
	if err != nil || p.Presented == nil || !p.Presented.Verify(p.Claims.Holder) || !p.Code.Sealed() {
		t.Fatalf("presented %.80q: %v", shown, err)
	}
	if got := scan(t, d.path("shown.png")); got != shown {
		t.Errorf("the PNG says %.80q", got)
	}
	if out, _, err := d.try(pass.Text+"\n", "present", "--code", "-", "--key", d.path("holder.seed")); err != nil || out == "" {
		t.Errorf("from standard input: %v", err)
	}
	for _, args := range [][]string{
		{"--code", pass.Text, "--key", d.path("other.seed")},
		{"--code", "https://example.org/", "--key", d.path("holder.seed")},
		{"--code", pass.Text, "--key", d.path("absent")},
		{"--code", pass.Text, "--key", d.path("holder.seed"), "--nonce", "zz"},
		{"--code", pass.Text, "--key", d.path("holder.seed"), "--nonce", "00"},
	} {
		if out, _, err := d.try("", append([]string{"present"}, args...)...); err == nil || out != "" {
			t.Errorf("%.60v: presented %.60q", args, out)
		}
	}
}
