// Package trust gives verdicts. [Check] takes the text of a code, an immutable
// view of the ledger, a policy and the moment, and answers with one [Reason]
// of a closed list. It is pure: it reads no clock, opens nothing, starts
// nothing and keeps nothing, so it may be called from any number of
// goroutines. A refusal is a verdict, never an error and never a panic,
// whatever the text is.
package trust

import (
	"time"

	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// Moment is what Check has to know about here and now.
type Moment struct {
	Now     time.Time // the gateway's clock
	Synced  bool      // whether the clock was synchronised since boot
	Started time.Time // when the daemon started; presentations from before are refused
	Nonce   []byte    // what the gateway shows to holders; none if it shows nothing
	Place   cityid.ID // where the gateway stands, for claim 9
}

// Verdict is the answer to one code. Beyond Accept and Reason its fields say
// what was found on the way; all but these two are zero for a code that is
// foreign, unsupported by its version, or malformed. The identifier of a
// personal record is a person's: it must not be stored, logged or sent.
type Verdict struct {
	Accept bool
	Reason Reason

	ID       cityid.ID
	Personal bool
	Kind     uint64
	Language string // for the answer, or ""
	NotAfter int64  // seconds since 1970, or 0
	Key      uint32 // directory index of the issuer key
	Index    uint64 // leaf index in the records log
	BodyHash [32]byte

	// Log is the short name of the records log, or "" if the key is unknown.
	Log string
	// TrustAge is the age of the oldest of the three logs involved. It is
	// zero as long as one of them is not held.
	TrustAge time.Duration
	// SignatureGood says that the issuer's signature was checked and is good.
	SignatureGood bool
	// Alarm says that the code has a good signature but is not in the ledger:
	// a stolen issuer key, or a registry that shows two histories.
	Alarm bool

	// Presented says that a holder showed the code. Presentation then names
	// this one showing, so that a second one can be told from a replay.
	Presented    bool
	PresentedAt  int64 // seconds since 1970, by the holder's clock
	Presentation [32]byte
}

// Check gives the verdict on a code's text. The view and the policy are only
// read. Reasons are looked for in the order of their list; see Reason.
func Check(text string, v *ledger.View, p *Policy, m Moment) Verdict {
	j := judge{view: v, moment: m}
	if reason := j.read(text); reason != "" {
		return Verdict{Reason: reason}
	}
	j.policy = p.For(j.Claims.Kind)
	j.resolve()
	j.verdict.Reason = j.reason()
	j.verdict.Accept = j.verdict.Reason.Class() == Accepted
	j.verdict.Alarm = j.verdict.Reason == NotInLedger && j.verdict.SignatureGood
	return j.verdict
}
