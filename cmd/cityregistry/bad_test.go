package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestBadCSV(t *testing.T) {
	d := newDesk(t)
	d.found()
	for _, c := range []string{
		"", "id,colour\n", "kind\n", "id,id\n", "id\nMA.156.1301.01/A,extra\n", "id\nnot an identifier\n", "id,not_after\nMA.156.1301.01/A,tomorrow\n",
		"id,kind\nMA.156.1301.01/A,spaceship\n", "id,personal\nMA.156.1301.01/A,perhaps\n", "id,holder\nMA.156.1301.01/A,xyz\n",
		"id\nMA.156.1301.01/A\nMA.156.1302.01/B\n", "id\n\"MA.156\n", "\x00\xff\xfe", "id\nMA.156.1301.01/LAMP.1\nMA.156.1301.01/lamp.1\n",
	} {
		d.write("bad.csv", c)
		out, _, err := d.try("", "issue", "--dir", d.path("sjz"), "--csv", d.path("bad.csv"), "--out", d.path("none"))
		if err == nil || out != "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: answered %q, error %v", c, out, err)
		}
	}
	if es, _ := os.ReadDir(d.path("none")); len(es) != 0 {
		t.Errorf("bad files left %d labels", len(es))
	}
	if a := decode(t, d.do("issue", "--json", "--fresh", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/A")); *a.Index != 0 {
		t.Errorf("bad files left records: next index %d", *a.Index)
	}
}

func TestUsageAndHints(t *testing.T) {
	d := newDesk(t)
	d.found()
	d.write("garbage", "\x00\x01 not json {")
	for _, c := range []struct {
		status int
		hint   bool
		args   []string
	}{
		{2, true, []string{}},
		{2, true, []string{"dance"}},
		{2, true, []string{"issue"}},
		{2, true, []string{"issue", "--dir", d.path("sjz")}},
		{2, true, []string{"revoke", "--dir", d.path("sjz")}},
		{2, true, []string{"allocate", "--dir", d.path("cn")}},
		{2, true, []string{"issue", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/X", "--level", "Z"}},
		{2, true, []string{"issue", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/X", "--not-after", "soon"}},
		{2, true, []string{"issue", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/X", "--format", "exe"}},
		{2, true, []string{"publish", "--dir", d.path("sjz"), "--every", "1ms"}},
		{2, true, []string{"init", "--dir", d.path("x"), "--witness", "no url"}},
		{1, true, []string{"issue", "--dir", d.path("nowhere"), "--id", "MA.156.1301.01/X"}},
		{1, true, []string{"issue", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/X", "--kind", "spaceship"}},
		{1, false, []string{"issue", "--dir", d.path("sjz"), "--id", "MA.156.1302.01/X"}},
		{1, false, []string{"revoke", "--dir", d.path("sjz"), "--index", "7"}},
		{1, true, []string{"revoke", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/UNKNOWN"}},
		{1, false, []string{"allocate", "--dir", d.path("cn"), "--request", d.path("garbage")}},
		{1, false, []string{"accept", "--dir", d.path("sjz"), "--allocation", d.path("garbage")}},
		{1, true, []string{"init", "--dir", d.path("x"), "--prefix", "MA.156.1"}},
		{1, true, []string{"keygen", "--key", d.path("k"), "--name", "a b"}},
		{1, true, []string{"witness", "--state", d.path("s"), "--key", d.path("absent"), "--listen", "localhost:0"}},
		{1, true, []string{"witness", "--state", d.path("s"), "--key", d.path("garbage"), "--listen", "localhost:0"}},
		{1, true, []string{"serve", "--dir", d.path("absent"), "--listen", "localhost:0"}},
		{1, true, []string{"serve", "--dir", d.path("sjz"), "--listen", "256.0.0.1:x"}},
	} {
		out, _, err := d.try("", c.args...)
		var said bytes.Buffer
		if status := report(&said, err); status != c.status || out != "" {
			t.Errorf("%v: status %d, want %d; answered %q; %v", c.args, status, c.status, out, err)
		}
		if strings.Contains(said.String(), "hint: ") != c.hint {
			t.Errorf("%v: %q", c.args, said.String())
		}
	}
	if out, _, err := d.try("", "--help"); err != nil || !strings.Contains(out, "issue --dir") {
		t.Errorf("help: %v", err)
	}
}
