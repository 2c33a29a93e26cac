package wire

// States of a [Birth] and of [Ingest].
const (
	StateOn  = "on"
	StateOff = "off"
)

// Birth is the retained word on whether a device is connected: "on" is its birth, "off" its will or its goodbye.
// Both carry the number of the connection, so the will of an old connection that arrives late is recognised: a
// reader ignores an "off" whose Conn is not that of the last "on".
type Birth struct {
	Version  uint64 `cbor:"0,keyasint" json:"v"`
	State    string `cbor:"1,keyasint" json:"state"`                        // StateOn or StateOff
	Conn     uint64 `cbor:"2,keyasint" json:"conn,string"`                  // never used twice by one device, rising while its clock does
	Epoch    uint64 `cbor:"3,keyasint" json:"epoch,string"`                 // epoch of the running daemon
	At       int64  `cbor:"4,keyasint,omitempty" json:"at,omitempty"`       // microseconds since 1970; absent in a will
	Software string `cbor:"5,keyasint,omitempty" json:"software,omitempty"` // version of the daemon
}

// Encode returns the CBOR encoding. A Version of 0 is written as [Version].
func (s Birth) Encode() ([]byte, error) {
	if s.Version == 0 {
		s.Version = Version
	}
	return encode("birth", &s, MaxState)
}

// DecodeBirth parses a birth or a will.
func DecodeBirth(payload []byte) (Birth, error) {
	var s Birth
	if err := decode("birth", payload, MaxState, &s); err != nil {
		return Birth{}, err
	}
	return s, nil
}

func (s *Birth) check() error {
	if err := checkVersion(s.Version); err != nil {
		return err
	}
	if err := checkState(s.State); err != nil {
		return err
	}
	return checkText("software", s.Software, maxText)
}

func checkState(s string) error {
	if s != StateOn && s != StateOff {
		return malformed("state %.40q is neither on nor off", s)
	}
	return nil
}

// Ingest is the retained word on whether the fleet takes events. Gateways hold their drain while it is "off" or
// absent. Like a [Birth] it carries a connection number, for ingest's own will.
type Ingest struct {
	Version uint64 `cbor:"0,keyasint" json:"v"`
	State   string `cbor:"1,keyasint" json:"state"`
	Conn    uint64 `cbor:"2,keyasint" json:"conn,string"`
	At      int64  `cbor:"3,keyasint,omitempty" json:"at,omitempty"` // microseconds since 1970
}

// Encode returns the CBOR encoding. A Version of 0 is written as [Version].
func (s Ingest) Encode() ([]byte, error) {
	if s.Version == 0 {
		s.Version = Version
	}
	return encode("ingest state", &s, MaxState)
}

// DecodeIngest parses the state of ingest.
func DecodeIngest(payload []byte) (Ingest, error) {
	var s Ingest
	if err := decode("ingest state", payload, MaxState, &s); err != nil {
		return Ingest{}, err
	}
	return s, nil
}

func (s *Ingest) check() error {
	if err := checkVersion(s.Version); err != nil {
		return err
	}
	return checkState(s.State)
}

// Need asks the fleet to publish files of a log again, because retained messages are only best effort in some broker
// clusters.
type Need struct {
	Version   uint64   `cbor:"0,keyasint" json:"v"`
	Log       string   `cbor:"1,keyasint" json:"log"`
	Resources []string `cbor:"2,keyasint" json:"resources"` // paths as in [ValidResource], from 1 to [MaxWanted]
}

// Encode returns the CBOR encoding. A Version of 0 is written as [Version].
func (n Need) Encode() ([]byte, error) {
	if n.Version == 0 {
		n.Version = Version
	}
	return encode("need", &n, MaxNeed)
}

// DecodeNeed parses a need message.
func DecodeNeed(payload []byte) (Need, error) {
	var n Need
	if err := decode("need", payload, MaxNeed, &n); err != nil {
		return Need{}, err
	}
	return n, nil
}

func (n *Need) check() error {
	if err := checkVersion(n.Version); err != nil {
		return err
	}
	if err := checkName("log", n.Log); err != nil {
		return err
	}
	if len(n.Resources) == 0 || len(n.Resources) > MaxWanted {
		return malformed("%d resources, from 1 to %d are allowed", len(n.Resources), MaxWanted)
	}
	for _, r := range n.Resources {
		if !ValidResource(r) {
			return malformed("resource %.200q", r)
		}
	}
	return nil
}
