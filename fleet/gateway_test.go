package fleet_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/sync/wire"
)

var now = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// healthy is a gateway with nothing to say about it.
func healthy() fleet.Gateway {
	return fleet.Gateway{
		Device: fleet.Device{Name: "k-1", Added: now.Add(-24 * time.Hour)}, Presence: fleet.PresenceOn, Since: now.Add(-time.Hour), Heard: now.Add(-20 * time.Second),
		Health: &wire.Health{ClockQ: wire.ClockSynced, CertDays: 60, TrustAge: 120}, HealthAt: now.Add(-20 * time.Second),
		Report: &wire.Report{Software: "1.0", Trust: []wire.Head{{Log: "directory", Time: now.Add(-5 * time.Minute).Unix()}}}, ReportAt: now.Add(-time.Minute),
	}
}

// One table of what a gateway is like and what is said of it.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*fleet.Gateway)
		want   []string
	}{
		{"fine", func(*fleet.Gateway) {}, nil},
		{"off", func(g *fleet.Gateway) { g.Presence, g.Since = fleet.PresenceOff, now.Add(-time.Hour) }, []string{"offline offline"}},
		{"says nothing", func(g *fleet.Gateway) { g.Heard = now.Add(-4 * time.Minute) }, []string{"silent offline"}},
		{"never", func(g *fleet.Gateway) { *g = fleet.Gateway{Device: g.Device} }, []string{"never-heard attention"}},
		{"waits", func(g *fleet.Gateway) { g.Health.Depth, g.Health.OldestAge = 9, 3600 }, []string{"events-waiting attention"}},
		{"waits a little", func(g *fleet.Gateway) { g.Health.Depth, g.Health.OldestAge = 9, 60 }, nil},
		{"old trust", func(g *fleet.Gateway) { g.Health.TrustAge = 7200 }, []string{"trust-old attention"}},
		{"clock", func(g *fleet.Gateway) { g.Health.ClockQ = wire.ClockUnsynced }, []string{"clock-unsynced attention"}},
		{"certificate", func(g *fleet.Gateway) { g.Health.CertDays = 3 }, []string{"certificate attention"}},
		{"certificate over", func(g *fleet.Gateway) { g.Health.CertDays = -1 }, []string{"certificate attention"}},
		{"its own", func(g *fleet.Gateway) { g.Health.Conditions = map[string]string{"camera-dark": "no light"} }, []string{"camera-dark attention"}},
		{"its own fork", func(g *fleet.Gateway) { g.Health.Conditions = map[string]string{"trust-fork": "sjz-records"} }, []string{"trust-fork alarm"}},
		{"the film ended", func(g *fleet.Gateway) { g.Health.Conditions = map[string]string{"camera-ended": "x"} }, []string{"camera-ended fine"}},
		{"found by both", func(g *fleet.Gateway) {
			g.Health.ClockQ = wire.ClockUnsynced
			g.Health.Conditions = map[string]string{"clock-unsynced": "the clock is not synchronised"}
		}, []string{"clock-unsynced attention"}},
		{"drift", func(g *fleet.Gateway) { g.Report.Drift = map[string]string{"software": "window 02:00"} }, []string{"version-drift attention"}},
		{"forgeries", func(g *fleet.Gateway) { g.Recent = map[string]int64{"not-in-ledger": 3, "valid": 9} }, []string{"not-in-ledger attention"}},
		{"young gap", func(g *fleet.Gateway) {
			g.Open = []fleet.Finding{{Kind: fleet.Gap, FirstSeen: now.Add(-time.Minute)}}
		}, []string{"event-gap attention"}},
		{"old gap", func(g *fleet.Gateway) {
			g.Open = []fleet.Finding{{Kind: fleet.Gap, FirstSeen: now.Add(-time.Hour)}}
		}, []string{"event-gap alarm"}},
		{"worst first, then oldest", func(g *fleet.Gateway) {
			g.Presence, g.Since = fleet.PresenceOff, now.Add(-time.Hour)
			g.Open = []fleet.Finding{{Kind: fleet.Poison, FirstSeen: now.Add(-2 * time.Hour)}, {Kind: fleet.Clone, FirstSeen: now.Add(-time.Minute)}, {Kind: fleet.Fork, FirstSeen: now.Add(-time.Hour)}}
			g.Recent = map[string]int64{"not-in-ledger": 1}
		}, []string{"fork alarm", "clone alarm", "offline offline", "poison attention", "not-in-ledger attention"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := healthy()
			c.change(&g)
			list := g.Conditions(now, fleet.DefaultLimits())
			var got []string
			worst := fleet.Fine
			for _, x := range list {
				got = append(got, fmt.Sprintf("%s %s", x.Code, x.Severity))
				worst = max(worst, x.Severity)
			}
			if !slices.Equal(got, c.want) || fleet.State(list) != worst {
				t.Errorf("conditions %q, want %q", got, c.want)
			}
		})
	}
}

func TestWaiting(t *testing.T) {
	g := healthy()
	if age, least, ok := g.Waiting(now); age != 0 || least || !ok {
		t.Errorf("nothing waits: %v %v %v", age, least, ok)
	}
	g.Health.Depth, g.Health.OldestAge = 5, 600
	g.Presence, g.Since = fleet.PresenceOff, now.Add(-time.Minute)
	if age, least, ok := g.Waiting(now); age != 620*time.Second || !least || !ok {
		t.Errorf("offline with a queue: %v %v %v", age, least, ok)
	}
	g.Health = nil
	if age, least, ok := g.Waiting(now); age != time.Minute || !least || !ok {
		t.Errorf("offline: %v %v %v", age, least, ok)
	}
	g.Presence = fleet.PresenceOn
	if _, _, ok := g.Waiting(now); ok {
		t.Error("known without a health message")
	}
}

func TestClasses(t *testing.T) {
	want := map[fleet.Class][]string{
		fleet.ClassAccepted: {"valid", "valid-fresh"}, fleet.ClassCannotCheck: {"pending", "stale-trust", "clock-untrusted", "unsupported"},
		fleet.ClassUnknown: {"", "excellent"}, fleet.ClassRefused: {"foreign", "revoked", "not-in-ledger", "replayed"},
	}
	for class, verdicts := range want {
		for _, v := range verdicts {
			if got := fleet.ClassOf(v); got != class {
				t.Errorf("%q is %s, want %s", v, got, class)
			}
		}
	}
	g := fleet.Gateway{Recent: map[string]int64{"valid": 3, "valid-fresh": 2, "revoked": 1}}
	if g.Scans(fleet.ClassAccepted) != 5 || g.Scans(fleet.ClassRefused) != 1 {
		t.Errorf("scans %v", g.Recent)
	}
}

func TestSoftware(t *testing.T) {
	g := healthy()
	if g.Software() != "1.0" {
		t.Error("not the report's")
	}
	g.Birth, g.BirthAt = &wire.Birth{Software: "1.1"}, now
	if g.Software() != "1.1" {
		t.Error("not the newer birth's")
	}
}
