package main

import (
	"os"
	"strings"
	"testing"

	"citygate/internal/cose"
)

func TestExportStatusList(t *testing.T) {
	d := newDesk(t)
	d.found()
	d.do("issue", "--dir", d.path("sjz"), "--id", "MA.156.1301.01/LAMP.1")
	d.do("revoke", "--dir", d.path("sjz"), "--index", "0")
	args := []string{"export-statuslist", "--dir", d.path("sjz"), "--uri", "https://id.sjz.example/status"}
	d.do(append(args, "--out", d.path("list.cwt"))...)
	b, err := os.ReadFile(d.path("list.cwt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cose.Parse(b); err != nil {
		t.Error(err)
	}
	d.do(append(args, "--out", d.path("list.jwt"), "--form", "jwt")...)
	if b, err := os.ReadFile(d.path("list.jwt")); err != nil || strings.Count(string(b), ".") != 2 {
		t.Errorf("JWT: %q, %v", b, err)
	}
	if _, _, err := d.try("", append(args, "--out", d.path("x"), "--form", "xml")...); err == nil {
		t.Error("wrote a form that there is not")
	}
}
