package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"citygate/edge/health"
)

func TestTemperatureIsThatOfTheHottestZone(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"zone0": "41375\n", "zone1": "63250\n", "zone2": "off\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := temperature(filepath.Join(dir, "zone*")); got != 63.25 {
		t.Errorf("%v degrees, want 63.25", got)
	}
	if got := temperature(filepath.Join(dir, "none*")); got != 0 {
		t.Errorf("%v degrees of no zone, want 0", got)
	}
}

// Every name that docs/metrics.md lists is on /metrics, and the other way round: dashboards and alerts hang on them.
func TestMetricNamesAreTheDocumentedOnes(t *testing.T) {
	doc, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range health.Conditions() {
		if row := fmt.Sprintf("| `%s` | %s |", c.Code, c.Severity); !strings.Contains(string(doc), row) || !strings.Contains(string(doc), "| "+c.Title+" |") {
			t.Errorf("docs/metrics.md has no row %s … | %s |", row, c.Title)
		}
	}
	want := map[string]string{}
	for line := range strings.Lines(string(doc)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.HasPrefix(strings.TrimSpace(cells[1]), "`citygate_") {
			name, _, _ := strings.Cut(strings.Trim(strings.TrimSpace(cells[1]), "`"), "{")
			want[name] = strings.TrimSpace(cells[2])
		}
	}
	o := newOffice(t)
	s := newSite(t, o, o.text["valid"])
	stop := s.start(t)
	s.answers(t, "valid")
	var body string
	s.waitFor(t, "/metrics", func(status int, b string) bool { body = b; return strings.Contains(b, "citygate_trust_size{") })
	if problems, err := promlint.New(strings.NewReader(body)).Lint(); err != nil || len(problems) > 0 { // as promtool check metrics
		t.Errorf("%v: %v", err, problems)
	}
	got := map[string]string{}
	for line := range strings.Lines(body) {
		if f := strings.Fields(line); len(f) == 4 && f[1] == "TYPE" && strings.HasPrefix(f[2], "citygate_") {
			got[f[2]] = f[3]
		}
	}
	for name, kind := range got {
		if want[name] != kind {
			t.Errorf("%s is a %s on /metrics, docs/metrics.md says %q", name, kind, want[name])
		}
	}
	for name := range want {
		if got[name] == "" && name != "citygate_camera_failures_total" { // it has no line before the first failure
			t.Errorf("docs/metrics.md has %s, /metrics has not", name)
		}
	}
	if code, errs := stop(); code != 0 {
		t.Errorf("the gateway ended with %d: %s", code, errs)
	}
}
