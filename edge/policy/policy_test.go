package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/edge/policy"
	"citygate/trust"
	"citygate/trust/code"
)

const example = `
zone = "Asia/Shanghai"
[default]
max_age = "48h"
hours = ["06:00-23:30"]
[kinds.ticket]
fresh = true
again = "10s"
[kinds.1]
accept_stale = true
hours = []
[kinds.permit]
hours = ["22:00-02:00", "12:00-13:00"]
`

func parse(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFileChangesOnlyWhatItSays(t *testing.T) {
	p := parse(t, example)
	built := trust.DefaultPolicy()
	ticket := p.Trust.For(code.KindTicket)
	if !ticket.Fresh || !ticket.NeedSignature || ticket.MaxAge != built.For(code.KindTicket).MaxAge || !ticket.Hours {
		t.Errorf("ticket = %+v", ticket)
	}
	if lamp := p.Trust.For(code.KindStreetAsset); !lamp.AcceptStale || lamp.NeedSignature || lamp.Hours {
		t.Errorf("street asset = %+v", lamp)
	}
	if other := p.Trust.For(99); other.MaxAge != 48*time.Hour || !other.NeedSignature || !other.Hours {
		t.Errorf("default = %+v", other)
	}
	if b := p.Trust.For(code.KindBuilding); !b.Hours {
		t.Error("opening hours of the default do not hold for a kind that only package trust has a row for")
	}
	if built.For(code.KindTicket).Fresh {
		t.Error("the built-in policy was changed")
	}
}

func TestOpeningHours(t *testing.T) {
	d := policy.NewDecider(parse(t, example))
	tests := []struct {
		utc  string
		kind uint64
		want trust.Reason
	}{
		{"2026-05-01T02:00:00Z", code.KindTicket, trust.Valid},      // 10:00 in the zone
		{"2026-05-01T21:59:00Z", code.KindTicket, trust.Closed},     // 05:59
		{"2026-05-01T22:00:00Z", code.KindTicket, trust.Valid},      // 06:00
		{"2026-05-01T15:30:00Z", code.KindTicket, trust.Closed},     // 23:30
		{"2026-05-01T18:00:00Z", code.KindStreetAsset, trust.Valid}, // always
		{"2026-05-01T17:59:00Z", code.KindPermit, trust.Valid},      // 01:59, past midnight
		{"2026-05-01T18:00:00Z", code.KindPermit, trust.Closed},     // 02:00
		{"2026-05-01T14:00:00Z", code.KindPermit, trust.Valid},      // 22:00
		{"2026-05-01T04:30:00Z", code.KindPermit, trust.Valid},      // 12:30, second span
	}
	for _, tt := range tests {
		now, err := time.Parse(time.RFC3339, tt.utc)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Decide(valid(tt.kind, 1), now); got != tt.want {
			t.Errorf("%s kind %d: %s, want %s", tt.utc, tt.kind, got, tt.want)
		}
	}
}

func valid(kind, index uint64) trust.Verdict {
	return trust.Verdict{Accept: true, Reason: trust.Valid, Kind: kind, Log: "sjz-records", Index: index}
}

func TestTooSoonCountsAnswersNotAttempts(t *testing.T) {
	d := policy.NewDecider(parse(t, "[default]\nagain = \"10s\"\n"))
	at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	v := valid(99, 7)
	for range 3 { // an answer that could not be given does not count
		if got := d.Decide(v, at); got != trust.Valid {
			t.Fatalf("before any answer: %s", got)
		}
	}
	d.Remember(v, trust.Valid, at)
	for after, want := range map[time.Duration]trust.Reason{0: trust.TooSoon, 9999 * time.Millisecond: trust.TooSoon, 10 * time.Second: trust.Valid} {
		if got := d.Decide(v, at.Add(after)); got != want {
			t.Errorf("after %v: %s, want %s", after, got, want)
		}
	}
	if got := d.Decide(valid(99, 8), at); got != trust.Valid {
		t.Errorf("another record: %s", got)
	}
	d.Remember(v, trust.TooSoon, at.Add(9*time.Second))
	if got := d.Decide(v, at.Add(10*time.Second)); got != trust.Valid {
		t.Errorf("a refusal made the wait longer: %s", got)
	}
}

func TestReplayedPresentation(t *testing.T) {
	d := policy.NewDecider(policy.Default())
	at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	v := valid(code.KindTicket, 7)
	v.Presented, v.Presentation = true, [32]byte{1}
	d.Remember(v, trust.Valid, at)
	if got := d.Decide(v, at.Add(20*time.Second)); got != trust.Replayed {
		t.Errorf("the same presentation: %s", got)
	}
	v.Presentation = [32]byte{2}
	if got := d.Decide(v, at.Add(20*time.Second)); got != trust.Valid {
		t.Errorf("a new presentation: %s", got)
	}
	if got := d.Decide(valid(code.KindTicket, 7), at); got != trust.Valid {
		t.Errorf("a code that is not presented: %s", got)
	}
}

func TestRefusalsPassThrough(t *testing.T) {
	d := policy.NewDecider(parse(t, "[default]\nhours = [\"00:00-00:01\"]\n"))
	at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	for _, r := range trust.Reasons() {
		if r.Class() == trust.Accepted {
			continue
		}
		if got := d.Decide(trust.Verdict{Reason: r}, at); got != r {
			t.Errorf("%s became %s", r, got)
		}
	}
}

func TestMistakesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":      "[default]\ncolour = 1\n",
		"unknown kind":     "[kinds.lamp]\nfresh = true\n",
		"kind twice":       "[kinds.1]\nfresh = true\n[kinds.street-asset]\nfresh = true\n",
		"leading zero":     "[kinds.01]\nfresh = true\n",
		"zone":             "zone = \"Mars/Olympus\"\n",
		"negative":         "[default]\nmax_age = \"-1h\"\n",
		"no unit":          "[default]\nagain = \"10\"\n",
		"hours past 24":    "[default]\nhours = [\"08:00-24:01\"]\n",
		"hours short":      "[default]\nhours = [\"8:00-9:00\"]\n",
		"hours with words": "[default]\nhours = [\"08:00-09:00 daily\"]\n",
		"type":             "[default]\nfresh = 1\n",
		"syntax":           "[default\n",
	} {
		if _, err := policy.Parse("policy.toml", []byte(text)); err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "policy.toml") {
			t.Errorf("%s: not one line with the file's name: %q", name, err)
		}
	}
	if _, err := policy.Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("an absent file was accepted")
	}
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, []byte(strings.Repeat("#\n", policy.MaxSize)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Load(big); err == nil {
		t.Error("a file over the limit was accepted")
	}
	if p, err := policy.Load(""); err != nil || p.Trust == nil {
		t.Errorf("no file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Parse("p", data)
		if err != nil {
			return
		}
		d := policy.NewDecider(p)
		v := valid(1, 1)
		d.Remember(v, d.Decide(v, time.Unix(0, 0)), time.Unix(0, 0))
	})
}
