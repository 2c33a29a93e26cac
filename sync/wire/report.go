package wire

// Health is how a gateway is doing. It is sent about once a minute, not kept, and may be lost.
type Health struct {
	Version      uint64            `cbor:"0,keyasint" json:"v"`
	At           int64             `cbor:"1,keyasint" json:"at"`                               // microseconds since 1970
	Epoch        uint64            `cbor:"2,keyasint" json:"epoch,string"`                     // epoch of the running daemon
	Depth        uint64            `cbor:"3,keyasint,omitempty" json:"depth,omitempty"`        // events not yet acknowledged
	OldestAge    uint64            `cbor:"4,keyasint,omitempty" json:"oldest_age_s,omitempty"` // seconds since the oldest of them was written
	WALBytes     uint64            `cbor:"5,keyasint,omitempty" json:"wal_bytes,omitempty"`    // size of the outbox's write-ahead log
	Evicted      uint64            `cbor:"6,keyasint,omitempty" json:"evicted,omitempty"`      // events evicted since the daemon started
	FrameMilliHz uint64            `cbor:"7,keyasint,omitempty" json:"frame_mhz,omitempty"`    // frames in 1,000 seconds
	TempMilliC   int64             `cbor:"8,keyasint,omitempty" json:"temp_mc,omitempty"`      // temperature in 1/1000 degree Celsius
	ClockQ       string            `cbor:"9,keyasint" json:"clock"`                            // ClockSynced or ClockUnsynced
	CertDays     int64             `cbor:"10,keyasint,omitempty" json:"cert_days,omitempty"`   // days until the client certificate ends
	Uptime       uint64            `cbor:"11,keyasint,omitempty" json:"uptime_s,omitempty"`    // seconds since the daemon started
	TrustAge     uint64            `cbor:"12,keyasint,omitempty" json:"trust_age_s,omitempty"` // age of the oldest log's checkpoint, seconds
	Conditions   map[string]string `cbor:"13,keyasint,omitempty" json:"conditions,omitempty"`  // health conditions that stand, with their reasons
}

// Encode returns the CBOR encoding. A Version of 0 is written as [Version].
func (h Health) Encode() ([]byte, error) {
	if h.Version == 0 {
		h.Version = Version
	}
	return encode("health", &h, MaxHealth)
}

// DecodeHealth parses a health message.
func DecodeHealth(payload []byte) (Health, error) {
	var h Health
	if err := decode("health", payload, MaxHealth, &h); err != nil {
		return Health{}, err
	}
	return h, nil
}

func (h *Health) check() error {
	if err := checkVersion(h.Version); err != nil {
		return err
	}
	if h.ClockQ != ClockSynced && h.ClockQ != ClockUnsynced {
		return malformed("clock quality %.40q is neither synced nor unsynced", h.ClockQ)
	}
	return checkDetail("conditions", h.Conditions)
}

// Report is a gateway's reported state: what it runs and what it trusts. The fleet compares the roots of all gateways
// and so finds a log that shows two trees.
type Report struct {
	Version  uint64            `cbor:"0,keyasint" json:"v"`
	At       int64             `cbor:"1,keyasint" json:"at"`                           // microseconds since 1970
	Software string            `cbor:"2,keyasint" json:"software"`                     // version of the daemon
	Firmware string            `cbor:"3,keyasint,omitempty" json:"firmware,omitempty"` // version of the system image
	Config   string            `cbor:"4,keyasint,omitempty" json:"config,omitempty"`   // version or digest of the configuration in force
	Desired  uint64            `cbor:"5,keyasint,omitempty" json:"desired,omitempty"`  // number of its own desired state that is in force
	Drift    map[string]string `cbor:"6,keyasint,omitempty" json:"drift,omitempty"`    // what differs from the desired state, with the reason
	Trust    []Head            `cbor:"7,keyasint,omitempty" json:"trust,omitempty"`    // the logs that it follows, at most [MaxLogs]
	Place    string            `cbor:"8,keyasint,omitempty" json:"place,omitempty"`    // identifier of its place

	Ring        string `cbor:"9,keyasint,omitempty" json:"ring,omitempty"`          // the rollout ring that it follows, a name
	RingDesired uint64 `cbor:"10,keyasint,omitempty" json:"ring_desired,omitempty"` // number of the ring's desired state that is in force
}

// Head is how a gateway sees one log.
type Head struct {
	_    struct{} `cbor:",toarray"`
	Log  string   `json:"log"` // short name
	Size uint64   `json:"size"`
	Root Hash     `json:"root"`
	Time int64    `json:"time"` // the checkpoint's time, seconds since 1970
}

// Encode returns the CBOR encoding. A Version of 0 is written as [Version].
func (r Report) Encode() ([]byte, error) {
	if r.Version == 0 {
		r.Version = Version
	}
	return encode("reported state", &r, MaxReport)
}

// DecodeReport parses a reported state.
func DecodeReport(payload []byte) (Report, error) {
	var r Report
	if err := decode("reported state", payload, MaxReport, &r); err != nil {
		return Report{}, err
	}
	return r, nil
}

func (r *Report) check() error {
	if err := checkVersion(r.Version); err != nil {
		return err
	}
	for _, f := range []struct{ name, value string }{
		{"software", r.Software}, {"firmware", r.Firmware}, {"config", r.Config}, {"place", r.Place},
	} {
		if err := checkText(f.name, f.value, maxText); err != nil {
			return err
		}
	}
	if r.Ring != "" {
		if err := checkName("ring", r.Ring); err != nil {
			return err
		}
	}
	if len(r.Trust) > MaxLogs {
		return malformed("%d logs, at most %d are allowed", len(r.Trust), MaxLogs)
	}
	for _, h := range r.Trust {
		if err := checkName("log", h.Log); err != nil {
			return err
		}
	}
	return checkDetail("drift", r.Drift)
}
