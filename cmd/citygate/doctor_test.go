package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// examine runs the doctor and returns what it found, by check.
func examine(t *testing.T, s site) (int, map[string]finding) {
	t.Helper()
	code, out, errs := runCommand(t, "", "doctor", "--json", "--config", filepath.Join(s.dir, "citygate.toml"))
	if errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	found := map[string]finding{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var f finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if f.State != stateOK && f.Hint == "" {
			t.Errorf("no hint: %+v", f)
		}
		found[f.Check] = f
	}
	return code, found
}

func TestDoctorBesideARunningGateway(t *testing.T) {
	o := newOffice(t)
	s := newSite(t, o, o.text["valid"])
	stop := s.start(t)
	s.answers(t, "valid")
	code, found := examine(t, s)
	if len(found) != len(checks()) || code != exitOK {
		t.Errorf("exit %d: %+v", code, found)
	}
	for _, name := range []string{"config", "trust", "camera", "certificate"} {
		if found[name].State != stateOK {
			t.Errorf("%s: %+v", name, found[name])
		}
	}
	if code, errs := stop(); code != 0 {
		t.Errorf("the gateway ended with %d: %s", code, errs)
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	o := newOffice(t)
	s := newSite(t, o) // no picture, never started
	code, found := examine(t, s)
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
	for name, state := range map[string]string{"disk": stateFail, "camera": stateFail, "trust": stateWarn, "page": stateWarn, "broker": stateWarn} {
		if found[name].State != state {
			t.Errorf("%s: %+v, want %s", name, found[name], state)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "state")); !os.IsNotExist(err) {
		t.Error("the doctor made state_dir")
	}
	toml := filepath.Join(s.dir, "citygate.toml")
	for _, line := range []string{"brokers = [\"tls://127.0.0.1:1\"]\n", "fleet_key = \"fleet.vkey\"\n"} {
		if err := appendTo(toml, line); err != nil {
			t.Fatal(err)
		}
	}
	vkey := o.Root.DirectoryKeys[0]
	if err := os.WriteFile(filepath.Join(s.dir, "fleet.vkey"), []byte(vkey), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, found := examine(t, s); found["broker"].State != stateWarn || !strings.Contains(found["broker"].Found, "tls://127.0.0.1:1") {
		t.Errorf("broker: %+v", found["broker"])
	}
}

func TestDoctorWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"doctor"}, {"doctor", "--config", "/none"}, {"doctor", "--config", "x", "y"}, {"doctor", "--none"}} {
		if code, out, errs := runCommand(t, "", args...); code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, errs)
		}
	}
}

// waitFor polls a page of the gateway until its body satisfies want.
func (s site) waitFor(t *testing.T, path string, want func(status int, body string) bool) {
	t.Helper()
	limit := time.Now().Add(15 * time.Second)
	for pause := time.NewTicker(10 * time.Millisecond); ; <-pause.C {
		status, body := 0, ""
		if res, err := http.Get("http://" + s.address + path); err == nil {
			b := make([]byte, 64<<10)
			n, _ := res.Body.Read(b)
			res.Body.Close()
			status, body = res.StatusCode, string(b[:n])
		}
		if want(status, body) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: last answer %d %s", path, status, body)
		}
	}
}

// What cannot be read is found and named, each by the check it belongs to; the doctor itself goes on.
func TestDoctorOnABrokenBox(t *testing.T) {
	o := newOffice(t)
	for _, c := range []struct {
		name, check, found, hint string
		spoil                    func(path func(string) string) error
	}{
		{"not enrolled", "config", "not enrolled", "citygate-enrol", func(p func(string) string) error { return os.Remove(p("event.key")) }},
		{"no root policy", "config", "root_policy", "enrolment writes", func(p func(string) string) error { return os.Remove(p("root.json")) }},
		{"broken root policy", "config", "root_policy", "mend", func(p func(string) string) error { return os.WriteFile(p("root.json"), []byte("{"), 0o600) }},
		{"open key", "permissions", "0644", "chmod 600", func(p func(string) string) error { return os.Chmod(p("event.key"), 0o644) }},
		{"open state", "disk", "0755", "chmod 700", func(p func(string) string) error { return os.Mkdir(p("state"), 0o755) }},
		{"dark", "light", "brightness", "too dark", func(p func(string) string) error {
			var b bytes.Buffer
			return errors.Join(png.Encode(&b, image.NewGray(image.Rect(0, 0, 320, 240))), os.WriteFile(p("0.png"), b.Bytes(), 0o600))
		}},
	} {
		s := newSite(t, o, o.text["valid"])
		if err := c.spoil(func(name string) string { return filepath.Join(s.dir, name) }); err != nil {
			t.Fatal(err)
		}
		_, found := examine(t, s)
		f := found[c.check]
		if f.State == stateOK || !strings.Contains(f.Found, c.found) || !strings.Contains(f.Hint, c.hint) {
			t.Errorf("%s: %+v", c.name, f)
		}
		if len(found) != len(checks()) {
			t.Errorf("%s: %d checks of %d", c.name, len(found), len(checks()))
		}
	}
}

func TestDevicePath(t *testing.T) {
	for text, want := range map[string]string{
		"/dev/video0": "/dev/video0", "/dev/video0?size=1920x1080": "/dev/video0", "gpio:/dev/gpiochip0,line=17": "/dev/gpiochip0",
		"dry-run:serial:/dev/ttyUSB0,on=A0": "/dev/ttyUSB0", "https://gate.example/dev/x": "", "/srv/dev/film.avi": "", "": "",
	} {
		if got := devicePath(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
