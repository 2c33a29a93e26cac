package trust

import (
	"time"

	"citygate/trust/cityid"
)

// This file implements the reasons that depend on here and now: clock, holder,
// place, and the age of the ledger data.

// Limits on a presentation's time.
const (
	presentedFor   = 15 * time.Second // after the holder signed
	presentedAhead = 5 * time.Second  // of this gateway's clock
)

// expired: by a synchronised clock, or by any clock's lower bound.
func (j *judge) expired() Reason {
	end := j.Claims.NotAfter
	if end != 0 && (j.moment.Synced && j.now.Unix() > end || j.bound.Unix() > end) {
		return Expired
	}
	return ""
}

// clock: the answer hangs on a time that is only known to be after bound.
func (j *judge) clock() Reason {
	hangs := j.Claims.NotAfter != 0 || j.Claims.NotBefore > j.bound.Unix() ||
		j.Presented != nil || j.policy.MaxAge != 0 || j.policy.Hours
	if hangs && !j.moment.Synced && !j.policy.AcceptClock {
		return ClockUntrusted
	}
	return ""
}

func (j *judge) early() Reason {
	if j.Claims.NotBefore > j.now.Unix() {
		return NotYetValid
	}
	return ""
}

// presentation: a code with a holder has to be shown by the holder, here, now.
func (j *judge) presentation() Reason {
	switch {
	case len(j.Claims.Holder) == 0:
		return ""
	case j.Presented == nil || !j.timely(j.Presented.At):
		return StalePresentation
	case j.policy.NeedNonce || len(j.Presented.Nonce) > 0:
		if len(j.moment.Nonce) == 0 || string(j.Presented.Nonce) != string(j.moment.Nonce) {
			return StalePresentation
		}
	}
	return ""
}

// timely says whether a holder signed just now, and not in a second that began
// before the daemon did: what was shown then is not remembered.
func (j *judge) timely(at int64) bool {
	now, start := j.now.Unix(), j.moment.Started.Unix()
	if j.moment.Started.Nanosecond() > 0 {
		start++
	}
	return at >= start && now-at <= int64(presentedFor/time.Second) &&
		at-now <= int64(presentedAhead/time.Second)
}

func (j *judge) place() Reason {
	if len(j.Claims.Places) == 0 {
		return ""
	}
	for _, s := range j.Claims.Places {
		if p, err := cityid.ParsePrefix(s); err == nil && p.Contains(j.moment.Place) {
			return ""
		}
	}
	return Elsewhere
}

func (j *judge) aged() Reason {
	if j.policy.MaxAge != 0 && j.verdict.TrustAge > j.policy.MaxAge && !j.policy.AcceptStale {
		return StaleTrust
	}
	return ""
}
