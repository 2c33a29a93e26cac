package fleet

// Class says what a verdict means to a citizen. The fleet never judges a code
// itself: it only sorts the words that gateways report.
type Class string

// The classes of verdicts. ClassUnknown is a word that is not on the closed
// list, for example one of a newer gateway.
const (
	ClassAccepted    Class = "accepted"
	ClassRefused     Class = "refused"
	ClassCannotCheck Class = "cannot-check"
	ClassUnknown     Class = "unknown"
)

// ClassOf sorts one verdict of the closed list.
func ClassOf(verdict string) Class {
	switch verdict {
	case "valid", "valid-fresh":
		return ClassAccepted
	case "pending", "stale-trust", "clock-untrusted", "unsupported":
		return ClassCannotCheck
	case "foreign", "malformed", "unknown-issuer", "mismatch", "wrong-issuer",
		"bad-signature", "not-in-ledger", "revoked", "suspended", "expired",
		"not-yet-valid", "stale-presentation", "elsewhere", "closed",
		"too-soon", "replayed":
		return ClassRefused
	}
	return ClassUnknown
}
