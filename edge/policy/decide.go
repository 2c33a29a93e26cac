package policy

import (
	"time"

	"citygate/trust"
	"citygate/trust/cityid"
)

// Limits of a Decider's memory. Presentations are valid for 20 s at most (DESIGN.md, section 6); they are remembered
// longer than that, so that none can come back.
const (
	replayKept = time.Minute
	sweepEvery = time.Minute
	maxKept    = 1 << 16
)

// Decider applies a policy to scans, in order. It is used by one goroutine. Its memory holds no identifier and is lost
// with the process: presentations from before the start are refused by package trust, and anti-passback begins anew.
type Decider struct {
	p         *Policy
	accepted  map[place]time.Time    // until when the record is too soon
	presented map[[32]byte]time.Time // until when the presentation is remembered
	swept     time.Time
}

// place names a record without its identifier.
type place struct {
	log   string
	index uint64
}

// NewDecider returns a decider without memory.
func NewDecider(p *Policy) *Decider {
	return &Decider{p: p, accepted: map[place]time.Time{}, presented: map[[32]byte]time.Time{}}
}

// Decide returns the reason that holds for a new scan at time now: the verdict's own, unless the verdict accepts and
// the place is closed, or the same record was accepted a moment ago, or the same presentation was shown before. It
// changes nothing: the scan counts only when [Decider.Remember] is called.
func (d *Decider) Decide(v trust.Verdict, now time.Time) trust.Reason {
	if !v.Accept {
		return v.Reason
	}
	if !d.p.rules(v.Kind).open(now.In(d.p.Zone)) {
		return trust.Closed
	}
	if now.Before(d.accepted[place{v.Log, v.Index}]) {
		return trust.TooSoon
	}
	if _, ok := d.presented[v.Presentation]; ok && v.Presented {
		return trust.Replayed
	}
	return v.Reason
}

// Remember counts a scan whose answer was given with this reason.
func (d *Decider) Remember(v trust.Verdict, reason trust.Reason, now time.Time) {
	if now.Sub(d.swept) >= sweepEvery {
		d.swept = now
		sweep(d.accepted, now)
		sweep(d.presented, now)
	}
	if reason.Class() != trust.Accepted {
		return
	}
	d.Spend(v, now)
	if again := d.p.rules(v.Kind).again; again > 0 {
		keep(d.accepted, place{v.Log, v.Index}, now.Add(again))
	}
}

// Spend uses up a presentation, so that it cannot come back: one that was accepted, and also one that a holder's screen
// showed while the scan went on that was accepted.
func (d *Decider) Spend(v trust.Verdict, now time.Time) {
	if v.Presented && v.Accept {
		keep(d.presented, v.Presentation, now.Add(replayKept))
	}
}

func sweep[K comparable](m map[K]time.Time, now time.Time) {
	for k, until := range m {
		if !now.Before(until) {
			delete(m, k)
		}
	}
}

// keep adds an entry; a full memory gives up the one that would have ended first.
func keep[K comparable](m map[K]time.Time, k K, until time.Time) {
	if len(m) >= maxKept {
		var first K
		end := time.Time{}
		for k, t := range m {
			if end.IsZero() || t.Before(end) {
				first, end = k, t
			}
		}
		delete(m, first)
	}
	m[k] = until
}

func (r rules) open(local time.Time) bool {
	if len(r.hours) == 0 {
		return true
	}
	minute := local.Hour()*60 + local.Minute()
	for _, h := range r.hours {
		if h.begin <= h.end && minute >= h.begin && minute < h.end {
			return true
		}
		if h.begin > h.end && (minute >= h.begin || minute < h.end) {
			return true
		}
	}
	return false
}

// Staff says whether a scan opens the kiosk's staff mode: policy lets its kind, the code was accepted and shown by its
// holder, and it was issued to somebody of the office that the kiosk at this place belongs to.
func (p *Policy) Staff(v trust.Verdict, reason trust.Reason, here cityid.ID) bool {
	return p.rules(v.Kind).staff && reason.Class() == trust.Accepted && v.Presented && !here.IsZero() && v.ID.Nodes() == here.Nodes()
}
