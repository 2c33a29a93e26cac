package fleet

import (
	"time"

	"citygate/sync/wire"
)

// Presence is what the fleet knows of a gateway's connection.
type Presence uint8

// The presences. A gateway that never connected is PresenceUnknown.
const (
	PresenceUnknown Presence = iota
	PresenceOn
	PresenceOff
)

// Gateway is all that is known of one gateway. What is not known is nil or
// zero, and is left out wherever it is shown.
type Gateway struct {
	Device
	// Presence changed last at Since; Heard is the last message of any kind.
	Presence Presence
	Since    time.Time
	Heard    time.Time
	// Birth is the newest birth, received at BirthAt; Births counts them.
	Birth   *wire.Birth
	BirthAt time.Time
	Births  int
	// Health and Report are the newest of their kind and when they came.
	Health   *wire.Health
	HealthAt time.Time
	Report   *wire.Report
	ReportAt time.Time
	// Epoch is the epoch whose events came last, Mark the number up to which
	// all of its events are stored, Stored when the last one was.
	Epoch  uint64
	Mark   uint64
	Stored time.Time
	// Open are the findings that nobody closed yet.
	Open []Finding
	// Recent counts the verdicts since the beginning of the last quarter of an
	// hour but three: between 45 and 60 minutes.
	Recent map[string]int64
}

// Software is the version that the gateway last named, or empty.
func (g Gateway) Software() string {
	if g.Report != nil && (g.Birth == nil || g.ReportAt.After(g.BirthAt)) {
		return g.Report.Software
	}
	if g.Birth != nil {
		return g.Birth.Software
	}
	return ""
}

// Waiting is the age of the oldest event that is not acknowledged, as far as
// it can be known at now. For a gateway that is not heard it is a lower bound:
// least is true. ok is false if nothing is known.
func (g Gateway) Waiting(now time.Time) (age time.Duration, least, ok bool) {
	if g.Presence == PresenceOff {
		age = now.Sub(g.Since)
		if g.Health != nil && g.Health.Depth > 0 {
			age = max(age, time.Duration(g.Health.OldestAge)*time.Second+now.Sub(g.HealthAt))
		}
		return age, true, true
	}
	if g.Health == nil {
		return 0, false, false
	}
	if g.Health.Depth == 0 {
		return 0, false, true
	}
	return time.Duration(g.Health.OldestAge) * time.Second, false, true
}

// TrustAge is the age of the oldest checkpoint that the gateway reported, at
// now: what it said, and the time since.
func (g Gateway) TrustAge(now time.Time) (age time.Duration, ok bool) {
	switch {
	case g.Report != nil && len(g.Report.Trust) > 0 && (g.Health == nil || g.ReportAt.After(g.HealthAt)):
		oldest := g.Report.Trust[0].Time
		for _, h := range g.Report.Trust {
			oldest = min(oldest, h.Time)
		}
		return max(0, now.Sub(time.Unix(oldest, 0))), true
	case g.Health != nil && (g.Health.TrustAge > 0 || g.Report != nil && len(g.Report.Trust) > 0):
		return time.Duration(g.Health.TrustAge)*time.Second + max(0, now.Sub(g.HealthAt)), true
	}
	return 0, false
}

// Scans counts the recent verdicts of one class.
func (g Gateway) Scans(c Class) int64 {
	var n int64
	for verdict, k := range g.Recent {
		if ClassOf(verdict) == c {
			n += k
		}
	}
	return n
}
