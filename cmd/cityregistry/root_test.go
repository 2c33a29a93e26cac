package main

import (
	"os"
	"strings"
	"testing"

	"citygate/trust/code"
	"citygate/trust/registry"
)

// Institutes sign a rotation of the root policy on machines of their own.
func TestRotateRoot(t *testing.T) {
	d := newDesk(t)
	d.found()
	var keys []string
	for _, n := range []string{"x", "y"} {
		keys = append(keys, "--directory-key", strings.TrimSpace(d.do("keygen", "--directory", "--name", "institute.example/"+n, "--key", d.path(n+".skey"))))
	}
	rotate := append([]string{"rotate-root", "--dir", d.path("cn"), "--threshold", "2"}, keys...)
	if _, _, err := d.try("", rotate...); err == nil {
		t.Error("rotated without the new institutes")
	}
	d.write("next.json", d.do(append(rotate, "--propose")...))
	for _, n := range []string{"x", "y"} {
		out, said, err := d.try("", "sign", "--proposal", d.path("next.json"), "--key", d.path(n+".skey"))
		if err != nil || !strings.Contains(said, "root policy from now on") {
			t.Fatalf("sign: %q, %v", said, err)
		}
		d.write("next.json", out)
	}
	if out := d.do("rotate-root", "--dir", d.path("cn"), "--proposal", d.path("next.json")); !strings.HasPrefix(out, "4\trotated\t") {
		t.Errorf("rotate-root: %q", out)
	}
	if _, err := os.Stat(d.path("cn", "public", "directory", "rotation", "0")); err != nil {
		t.Error(err)
	}
	if _, _, err := d.try("", "withdraw", "--dir", d.path("cn"), "--key", "3", "--size", "0"); err == nil {
		t.Error("the old institutes withdrew a key row")
	}
}

// The national office and a city go over to other witnesses.
func TestChange(t *testing.T) {
	d := newDesk(t)
	d.found()
	d.do("issue", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/LAMP.1")
	tell := func(name string) {
		for key := range strings.Lines(d.do("logs", "--dir", d.path(name))) {
			for _, w := range d.witnesses {
				if err := w.AddLog(strings.TrimSpace(key)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	d.do("change", "--dir", d.path("cn"), "--log-keys", "--quorum", "3")
	tell("cn")
	if out := d.do("rotate-root", "--dir", d.path("cn")); !strings.HasPrefix(out, "4\trotated\t") {
		t.Errorf("rotate-root: %q", out)
	}
	d.do("allocate", "--dir", d.path("cn"), "--self")
	d.write("request.json", d.do(append([]string{"change", "--dir", d.path("sjz")}, d.flags[:4]...)...))
	tell("sjz")
	d.do("allocate", "--dir", d.path("cn"), "--request", d.path("request.json"), "--into", d.path("sjz"))
	for name, want := range map[string]int{"cn": 3, "sjz": 2} {
		if c, err := registry.ReadConfig(d.path(name)); err != nil || c.Next != nil || c.Quorum != want {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	origin := d.start("serve", "--dir", d.path("cn"), "--dir", d.path("sjz"), "--listen", "127.0.0.1:0")
	d.do("publish", "--dir", d.path("sjz"))
	d.do("mirror", "--dir", d.path("copy"), "--root", d.path("cn", "public", "root.json"), "--from", origin)
}

// A bureau below the city: the city signs, the national office logs.
func TestAllocateBelow(t *testing.T) {
	d := newDesk(t)
	d.found()
	d.write("bureau.json", d.do(append([]string{"init", "--dir", d.path("b"), "--prefix", "MA.156.1301.01", "--short", "sjz01", "--host", "ID.B.EXAMPLE",
		"--name", "en=Bureau"}, d.flags...)...))
	for key := range strings.Lines(d.do("logs", "--dir", d.path("b"))) {
		for _, w := range d.witnesses {
			if err := w.AddLog(strings.TrimSpace(key)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, _, err := d.try("", "allocate", "--dir", d.path("cn"), "--request", d.path("bureau.json")); err == nil || hint(err) == "" {
		t.Errorf("allocate without the city: %v", err)
	}
	root := []string{"--dir", d.path("sjz"), "--root", d.path("cn", "public", "root.json")}
	d.write("signed.json", d.do(append([]string{"sign-allocation", "--request", d.path("bureau.json"), "--index", "4"}, root...)...))
	d.do("allocate", "--dir", d.path("cn"), "--signed", d.path("signed.json"), "--into", d.path("b"))
	p, err := code.ParseText(decode(t, d.do("issue", "--json", "--dir", d.path("b"), "--id", "MA.156.1301.01/LAMP.9")).Text)
	if err != nil || p.Code.Key != 5 {
		t.Errorf("key row %d, %v", p.Code.Key, err)
	}
	d.write("end.json", d.do(append([]string{"sign-withdrawal", "--key", "5", "--size", "256", "--index", "6"}, root...)...))
	if out := d.do("withdraw", "--dir", d.path("cn"), "--proposal", d.path("end.json")); out != "5\twithdrawn\t256\n" {
		t.Errorf("withdraw: %q", out)
	}
	for _, args := range [][]string{{"withdraw", "--dir", d.path("cn"), "--key", "3"}, {"withdraw", "--dir", d.path("cn")}, {"allocate", "--dir", d.path("cn")}} {
		if _, _, err := d.try("", args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
