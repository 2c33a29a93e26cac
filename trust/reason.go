package trust

// Reason is why a verdict is as it is: one word of a closed list, the same in
// events, metrics, logs and on pages.
type Reason string

// The reasons, in the order in which they are looked for: the first that
// applies is the verdict's. Check gives all but the last three, which need a
// memory of earlier scans and are decided by edge/policy on accepted codes.
const (
	Foreign           Reason = "foreign"            // not a city code
	Unsupported       Reason = "unsupported"        // newer version, or an algorithm that this build lacks
	Malformed         Reason = "malformed"          // broken city code
	StaleTrust        Reason = "stale-trust"        // ledger data missing, or older than the policy allows
	UnknownIssuer     Reason = "unknown-issuer"     // no key row, or one that was withdrawn
	Mismatch          Reason = "mismatch"           // the URL is not what the code says
	WrongIssuer       Reason = "wrong-issuer"       // the key may not speak for the identifier
	BadSignature      Reason = "bad-signature"      // wrong, or missing where the policy wants it
	NotInLedger       Reason = "not-in-ledger"      // another record stands at the index
	Pending           Reason = "pending"            // the ledger data here does not reach the record
	Revoked           Reason = "revoked"            // for good
	Suspended         Reason = "suspended"          // until restored
	Expired           Reason = "expired"            // claim 4
	ClockUntrusted    Reason = "clock-untrusted"    // the answer hangs on a time that nobody knows
	NotYetValid       Reason = "not-yet-valid"      // claim 5
	StalePresentation Reason = "stale-presentation" // not shown by its holder here and now
	Elsewhere         Reason = "elsewhere"          // claim 9
	ValidFresh        Reason = "valid-fresh"        // accepted on its signature alone
	Valid             Reason = "valid"              // accepted, in the ledger
	Closed            Reason = "closed"             // outside opening hours
	TooSoon           Reason = "too-soon"           // anti-passback
	Replayed          Reason = "replayed"           // a presentation that was shown here before
)

// Reasons lists all reasons in their order.
func Reasons() []Reason {
	return []Reason{
		Foreign, Unsupported, Malformed, StaleTrust, UnknownIssuer, Mismatch, WrongIssuer,
		BadSignature, NotInLedger, Pending, Revoked, Suspended, Expired, ClockUntrusted, NotYetValid,
		StalePresentation, Elsewhere, ValidFresh, Valid, Closed, TooSoon, Replayed,
	}
}

// Class is what a reason means to somebody who waits for an answer.
type Class uint8

// The classes of reasons.
const (
	Refused     Class = iota // checked, and the answer is no
	Accepted                 // checked, and the answer is yes
	CannotCheck              // no answer now; it may be yes later or elsewhere
)

// Class returns the class of a reason. A word that is not on the list is
// Refused.
func (r Reason) Class() Class {
	switch r {
	case Valid, ValidFresh:
		return Accepted
	case Pending, StaleTrust, ClockUntrusted, Unsupported:
		return CannotCheck
	}
	return Refused
}

// String returns "accepted", "refused" or "cannot-check".
func (c Class) String() string {
	switch c {
	case Accepted:
		return "accepted"
	case CannotCheck:
		return "cannot-check"
	}
	return "refused"
}
