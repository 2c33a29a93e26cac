package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVerify(t *testing.T) {
	o := newOffice(t)
	db := o.database(t)
	for _, tt := range []struct {
		verdict string
		code    int
	}{
		{"valid", 0}, {"revoked", 1}, {"expired", 1}, {"mismatch", 1}, {"elsewhere", 1}, {"foreign", 1}, {"malformed", 1}, {"pending", 2},
	} {
		code, out, errs := runCommand(t, "", "verify", "--trust", db, "--place", "MA.156.1301.02", "--json", o.text[tt.verdict])
		var r struct {
			Accept  bool    `json:"accept"`
			Verdict string  `json:"verdict"`
			ID      string  `json:"id"`
			Log     string  `json:"log"`
			Index   *uint64 `json:"index"`
			Age     *int64  `json:"trust_age_s"`
			Took    float64 `json:"verify_us"`
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || errs != "" {
			t.Fatalf("%s: %q %q: %v", tt.verdict, out, errs, err)
		}
		if r.Verdict != tt.verdict || code != tt.code || r.Accept != (tt.code == 0) || r.Age == nil || r.Took <= 0 {
			t.Errorf("%s: exit %d, %s", tt.verdict, code, out)
		}
		if tt.verdict == "valid" && (r.ID != "MA.156.1301.01/LAMP.000421" || r.Log != "sjz-records" || r.Index == nil || *r.Index != 0) {
			t.Errorf("valid: %s", out)
		}
	}
	code, out, _ := runCommand(t, o.text["valid"]+"\r\n\n"+o.text["pending"]+"\n"+o.text["foreign"]+"\n"+strings.Repeat("x", 1<<20)+"\n", "verify", "--trust", db, "-")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != 2 || len(lines) != 4 || !strings.HasPrefix(lines[0], "valid MA.156.1301.01/LAMP.000421") || lines[3] != "foreign" {
		t.Errorf("lines: exit %d\n%s", code, out)
	}
	at := o.Time.Add(-2 * time.Minute).Format(time.RFC3339)
	if code, out, _ := runCommand(t, "", "verify", o.text["expired"], "--at", at, "--trust", db); code != 0 && !strings.Contains(out, "expired") {
		t.Errorf("flags behind the text: exit %d, %s", code, out)
	}
	if code, out, _ := runCommand(t, "", "verify", "--trust", db, "--place", "MA.156.1302.01", o.text["elsewhere"]); code != 0 {
		t.Errorf("at its place: exit %d, %s", code, out)
	}
}

func TestWrongUsage(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("garbage\x00"), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{}, {"fly"}, {"verify"}, {"verify", "--trust", garbage, "x"}, {"verify", "--trust", "/none/trust.db", "x"}, {"verify", "--trust", t.TempDir(), "x"},
		{"verify", "--trust", garbage}, {"verify", "--trust", garbage, "a", "b"}, {"verify", "--trust", garbage, "--at", "noon", "a"},
		{"verify", "--trust", garbage, "--place", "here", "a"}, {"verify", "--none", "a"}, {"run"}, {"run", "--config"},
		{"run", "--config", "/none/citygate.toml"}, {"run", "--config", garbage}, {"run", "--config", garbage, "x"}, {"config", "--config", garbage},
		{"config", "x"}, {"version", "x"},
	} {
		code, out, errs := runCommand(t, "", args...)
		if code != 3 || out != "" || errs == "" || (len(args) > 0 && strings.Count(errs, "\n") != 1) {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
	db := newOffice(t).database(t)
	if code, _, errs := runCommand(t, "\n \n", "verify", "--trust", db, "-"); code != 3 || errs == "" {
		t.Errorf("no line: exit %d, %q", code, errs)
	}
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"verify", "--help"}, {"config", "--help"}, {"config"}, {"version"}} {
		if code, out, errs := runCommand(t, "", args...); code != 0 || out == "" || errs != "" {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}
