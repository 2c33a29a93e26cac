package wire

// The types of event that Citygate itself writes. A type is a name; the fleet stores types that it does not know.
const (
	TypeStart  = "start"  // first event of an epoch; says what came before it
	TypeScan   = "scan"   // the answer to one code
	TypeHealth = "health" // a health condition was raised or cleared
	TypeAlarm  = "alarm"  // a fork, a forgery, a damaged outbox
	TypeGap    = "gap"    // events that could not be written when they happened
	TypeConfig = "config" // a configuration or desired state was applied or refused
)

// Priorities, from what is evicted last to what is evicted first.
const (
	PrioAlarm  uint8 = 0 // alarms, starts, gaps
	PrioState  uint8 = 1 // changes of state
	PrioScan   uint8 = 2 // scans
	PrioHealth uint8 = 3 // health and what else is repeated
	MaxPrio    uint8 = 3
)

// Clock qualities.
const (
	ClockSynced   = "synced"   // synchronised since boot
	ClockUnsynced = "unsynced" // not synchronised since boot: the time may be wrong by any amount
)

// Event is what a gateway records about one scan, or about itself.
//
// Device and Epoch are not in the encoding: they are those of the batch and are bound by the chain. A zero or empty
// field is absent from the encoding. Index 0 with a Log and without a Pseudonym is the log's first entry.
type Event struct {
	Version   uint64            `cbor:"0,keyasint" json:"v"`
	Device    string            `cbor:"-" json:"-"`
	Epoch     uint64            `cbor:"-" json:"-"`
	Seq       uint64            `cbor:"1,keyasint" json:"seq"`                            // 1, 2, 3, ... within the epoch
	At        int64             `cbor:"2,keyasint" json:"at"`                             // microseconds since 1970, by the gateway's clock
	ClockQ    string            `cbor:"3,keyasint" json:"clock"`                          // ClockSynced or ClockUnsynced
	Type      string            `cbor:"4,keyasint" json:"type"`                           // TypeScan and so on
	Prio      uint8             `cbor:"5,keyasint,omitempty" json:"prio,omitempty"`       // PrioAlarm to PrioHealth
	Verdict   string            `cbor:"6,keyasint,omitempty" json:"verdict,omitempty"`    // the reason of the closed list
	Log       string            `cbor:"7,keyasint,omitempty" json:"log,omitempty"`        // short name of the records log
	Index     uint64            `cbor:"8,keyasint,omitempty" json:"index,omitempty"`      // leaf index, only for public assets
	Pseudonym []byte            `cbor:"9,keyasint,omitempty" json:"pseudonym,omitempty"`  // 8 to 32 bytes, instead of Index for personal codes
	ID        string            `cbor:"10,keyasint,omitempty" json:"id,omitempty"`        // the identifier, only for public assets
	Symbology string            `cbor:"11,keyasint,omitempty" json:"symbology,omitempty"` // "qr", "datamatrix", ...
	ScanUS    int64             `cbor:"12,keyasint,omitempty" json:"scan_us,omitempty"`   // microseconds of scanning the frame
	VerifyUS  int64             `cbor:"13,keyasint,omitempty" json:"verify_us,omitempty"` // microseconds from text to verdict
	Place     string            `cbor:"14,keyasint,omitempty" json:"place,omitempty"`     // identifier of the gateway's place
	Software  string            `cbor:"15,keyasint,omitempty" json:"software,omitempty"`  // version of the daemon
	Trust     string            `cbor:"16,keyasint,omitempty" json:"trust,omitempty"`     // version of the trust view, as the gateway writes it
	Detail    map[string]string `cbor:"17,keyasint,omitempty" json:"detail,omitempty"`    // up to 16 further texts
	Before    *Before           `cbor:"18,keyasint,omitempty" json:"before,omitempty"`    // TypeStart: the epoch before, absent if unknown or none
	Kind      uint64            `cbor:"19,keyasint,omitempty" json:"kind,omitempty"`      // kind of the code (claim 3)
}

// Before names the epoch before a new one, as the outbox knew it when the new one began. The fleet reports a device
// as rolled back when Last is below its own mark of that epoch.
type Before struct {
	Epoch uint64 `cbor:"1,keyasint" json:"epoch,string"`
	Last  uint64 `cbor:"2,keyasint" json:"last"` // its last number
	Chain Hash   `cbor:"3,keyasint" json:"chain"`
}

// Encode returns the event's CBOR encoding, without device and epoch. A Version of 0 is written as [Version].
func (e Event) Encode() ([]byte, error) {
	if e.Version == 0 {
		e.Version = Version
	}
	return encode("event", &e, MaxEvent)
}

// DecodeEvent parses one event. Device and Epoch are left for the caller; [Batch.Event] fills them in.
func DecodeEvent(b []byte) (Event, error) {
	var e Event
	if err := decode("event", b, MaxEvent, &e); err != nil {
		return Event{}, err
	}
	return e, nil
}

func (e *Event) check() error {
	if err := checkVersion(e.Version); err != nil {
		return err
	}
	if e.Seq == 0 || e.Seq > MaxSeq {
		return malformed("sequence number %d, from 1 to 2^40-1 are allowed", e.Seq)
	}
	if e.ClockQ != ClockSynced && e.ClockQ != ClockUnsynced {
		return malformed("clock quality %.40q is neither synced nor unsynced", e.ClockQ)
	}
	if err := checkName("event type", e.Type); err != nil {
		return err
	}
	if e.Prio > MaxPrio {
		return malformed("priority %d, at most %d is allowed", e.Prio, MaxPrio)
	}
	if e.ScanUS < 0 || e.VerifyUS < 0 {
		return malformed("a duration is negative")
	}
	if err := e.checkSubject(); err != nil {
		return err
	}
	for _, f := range []struct{ name, value string }{
		{"place", e.Place}, {"software", e.Software}, {"trust", e.Trust}, {"id", e.ID},
	} {
		if err := checkText(f.name, f.value, maxText); err != nil {
			return err
		}
	}
	if e.Before != nil && (e.Type != TypeStart || e.Before.Last > MaxSeq) {
		return malformed("only a start event names the epoch before, with a last number below 2^40")
	}
	return checkDetail("detail", e.Detail)
}

// checkSubject checks what the event says about the code: names, and that a pseudonym never stands beside what it hides.
func (e *Event) checkSubject() error {
	for _, f := range []struct{ name, value string }{{"verdict", e.Verdict}, {"log", e.Log}, {"symbology", e.Symbology}} {
		if f.value == "" {
			continue
		}
		if err := checkName(f.name, f.value); err != nil {
			return err
		}
	}
	if e.Index != 0 && (e.Log == "" || e.Index >= 1<<48) {
		return malformed("index %d without a log, or not below 2^48", e.Index)
	}
	if e.Pseudonym == nil {
		return nil
	}
	if n := len(e.Pseudonym); n < 8 || n > 32 {
		return malformed("a pseudonym has 8 to 32 bytes, not %d", n)
	}
	if e.Index != 0 || e.ID != "" {
		return malformed("a pseudonym stands beside the index or identifier that it hides")
	}
	return nil
}
