package fleet

import (
	"slices"
	"strings"
	"time"

	"citygate/sync/wire"
)

// Limits are the values beyond which a gateway needs a person.
type Limits struct {
	// Silent is how long a gateway that counts as connected may say nothing.
	Silent time.Duration
	// Waiting is how old an unacknowledged event may be.
	Waiting time.Duration
	// TrustAge is how old the oldest checkpoint may be.
	TrustAge time.Duration
	// CertDays is how many days a client certificate should still last.
	CertDays int64
	// GapAlarm is how long a gap may stay open before it is an alarm.
	GapAlarm time.Duration
	// OfflineShare is the share of gateways that may be offline, 0 to 1.
	OfflineShare float64
}

// DefaultLimits are starting values, to be changed by configuration.
func DefaultLimits() Limits {
	return Limits{
		Silent: 3 * time.Minute, Waiting: 30 * time.Minute, TrustAge: time.Hour,
		CertDays: 14, GapAlarm: 10 * time.Minute, OfflineShare: 0.015,
	}
}

// Condition is one reason why a gateway is not fine.
type Condition struct {
	// Code is a stable word: "offline", "event-gap", or what the gateway reported.
	Code     string
	Severity Severity
	// Since is when it began, zero where that is not known.
	Since time.Time
	// Detail is what the gateway or a finding says, in English; Count is a
	// figure that goes with it. Both may be empty.
	Detail string
	Count  int64
	// Reported is true for a condition that the gateway itself raised.
	Reported bool
}

// Codes of the conditions that the fleet itself finds. Where a gateway has a
// condition of the same meaning the code is the same, and it is listed once.
const (
	CodeNeverHeard  = "never-heard"
	CodeOffline     = "offline"
	CodeSilent      = "silent"
	CodeWaiting     = "events-waiting"
	CodeTrustOld    = "trust-old"
	CodeClock       = "clock-unsynced"
	CodeCertificate = "certificate"
	CodeDrift       = "version-drift"
	CodeNotInLedger = "not-in-ledger"
)

// Conditions lists why a gateway is not fine at now, worst first, then oldest.
func (g Gateway) Conditions(now time.Time, l Limits) []Condition {
	out := g.connection(now, l)
	for _, f := range g.Open {
		out = append(out, findingCondition(f, now, l))
	}
	out = append(out, g.ages(now, l)...)
	out = append(out, g.reported(l)...)
	if n := g.Recent["not-in-ledger"]; n > 0 {
		out = append(out, Condition{Code: CodeNotInLedger, Severity: Attention, Count: n})
	}
	out = once(out)
	slices.SortStableFunc(out, func(a, b Condition) int {
		if a.Severity != b.Severity {
			return int(b.Severity) - int(a.Severity)
		}
		if a.Since.IsZero() != b.Since.IsZero() {
			if a.Since.IsZero() {
				return 1
			}
			return -1
		}
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Code, b.Code)
	})
	return out
}

// once drops a condition that a gateway reported when the fleet found the same.
func once(list []Condition) []Condition {
	found := make(map[string]bool)
	for _, c := range list {
		found[c.Code] = found[c.Code] || !c.Reported
	}
	return slices.DeleteFunc(list, func(c Condition) bool { return c.Reported && c.Code != CodeDrift && found[c.Code] })
}

// reportedSeverity is how bad a gateway's own condition is. One that is not
// known here, of a newer gateway, needs attention.
func reportedSeverity(code string) Severity {
	switch code {
	case "storage", "trust-fork", "outbox-damaged":
		return Alarm
	case "camera-ended":
		return Fine
	}
	return Attention
}

// State is the worst severity among the conditions.
func State(conditions []Condition) Severity {
	worst := Fine
	for _, c := range conditions {
		worst = max(worst, c.Severity)
	}
	return worst
}

func (g Gateway) connection(now time.Time, l Limits) []Condition {
	switch {
	case g.Presence == PresenceOff:
		return []Condition{{Code: CodeOffline, Severity: Offline, Since: g.Since}}
	case g.Heard.IsZero():
		return []Condition{{Code: CodeNeverHeard, Severity: Attention, Since: g.Added}}
	case now.Sub(g.Heard) > l.Silent:
		return []Condition{{Code: CodeSilent, Severity: Offline, Since: g.Heard}}
	}
	return nil
}

func findingCondition(f Finding, now time.Time, l Limits) Condition {
	c := Condition{Code: string(f.Kind), Severity: f.Kind.Severity(), Since: f.FirstSeen, Detail: f.Detail, Count: int64(f.Times)}
	if f.Kind == Gap {
		c.Code = "event-gap"
		if now.Sub(f.FirstSeen) > l.GapAlarm {
			c.Severity = Alarm
		}
	}
	return c
}

func (g Gateway) ages(now time.Time, l Limits) []Condition {
	var out []Condition
	if age, least, ok := g.Waiting(now); ok && !least && age > l.Waiting {
		out = append(out, Condition{Code: CodeWaiting, Severity: Attention, Since: now.Add(-age), Count: int64(g.Health.Depth)})
	}
	if age, ok := g.TrustAge(now); ok && age > l.TrustAge && g.Presence != PresenceOff {
		out = append(out, Condition{Code: CodeTrustOld, Severity: Attention, Since: now.Add(-age)})
	}
	return out
}

func (g Gateway) reported(l Limits) []Condition {
	var out []Condition
	if h := g.Health; h != nil {
		if h.ClockQ == wire.ClockUnsynced {
			out = append(out, Condition{Code: CodeClock, Severity: Attention})
		}
		if h.CertDays != 0 && h.CertDays < l.CertDays {
			out = append(out, Condition{Code: CodeCertificate, Severity: Attention, Count: h.CertDays})
		}
		for code, reason := range h.Conditions {
			out = append(out, Condition{Code: code, Severity: reportedSeverity(code), Detail: reason, Reported: true})
		}
	}
	if g.Report != nil {
		for part, reason := range g.Report.Drift {
			out = append(out, Condition{Code: CodeDrift, Severity: Attention, Detail: part + ": " + reason, Reported: true})
		}
	}
	return out
}
