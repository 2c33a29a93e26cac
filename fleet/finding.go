package fleet

import "time"

// Kind is a kind of finding: something in a device's records that does not fit.
type Kind string

// The kinds of findings. They are never deleted; a gap is resolved when the
// missing numbers arrive, all others only by a person.
const (
	// Gap is a range of numbers that the fleet does not hold although later
	// ones are known to exist. Last is 0 where the end is not known.
	Gap Kind = "gap"
	// Fork is a second chain under numbers that are committed already.
	Fork Kind = "fork"
	// Altered is a batch whose events do not give the chain that was signed, or
	// whose signature is not the device's.
	Altered Kind = "altered"
	// Rollback is an epoch whose predecessor ends below the fleet's mark: the
	// device's file was put back to an older state.
	Rollback Kind = "rollback"
	// Poison is an item whose bytes carry the right chain but are not an event.
	// The bytes are committed.
	Poison Kind = "poison"
	// Clone is a device that lives twice: two epochs after one predecessor, an
	// epoch that goes on after its successor named its end, or two sessions
	// under one name.
	Clone Kind = "clone"
	// Evicted is a range that the gateway gave up for want of space.
	Evicted Kind = "evicted"
	// Lost is a range that was acknowledged once and is not here any more,
	// although the gateway has deleted it: this database was put back to an older
	// state.
	Lost Kind = "lost"
	// SplitView is a log for which two gateways report two roots for one size.
	SplitView Kind = "split-view"
)

// Severity orders states; a higher one is worse.
type Severity int

// The severities, each shown by one shape: circle, diamond, square, octagon.
const (
	Fine Severity = iota
	Attention
	Offline
	Alarm
)

// String returns the word that stands in the API and in class names.
func (s Severity) String() string {
	switch s {
	case Fine:
		return "fine"
	case Attention:
		return "attention"
	case Offline:
		return "offline"
	case Alarm:
		return "alarm"
	}
	return "unknown"
}

// Severity of an open finding of this kind.
func (k Kind) Severity() Severity {
	switch k {
	case Poison, Evicted, Gap:
		return Attention
	}
	return Alarm
}

// Finding is one row of the findings list.
type Finding struct {
	ID     int64
	Device string
	Kind   Kind
	// Subject tells findings apart that have no numbers: the log of a SplitView,
	// the connection of a Clone seen in births. It is empty otherwise.
	Subject string
	// Epoch and the numbers First to Last say where. Last is 0 where the end is
	// not known, and both are 0 where no number is meant (SplitView).
	Epoch       uint64
	First, Last uint64
	// Detail is one English clause for the log and the page, without personal data.
	Detail string
	// Ours and Theirs are the two chains, roots or notes that differ.
	Ours, Theirs []byte
	// Evidence is the raw message, kept for download; it may be empty.
	Evidence []byte
	// FirstSeen and LastSeen bound the times it was seen; Times counts them.
	FirstSeen, LastSeen time.Time
	Times               int
	// Resolved is when it ended, zero while it is open. Reason says how.
	Resolved time.Time
	Reason   string
}
