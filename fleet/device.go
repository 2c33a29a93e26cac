package fleet

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"citygate/trust/cityid"
)

// ErrUnknownDevice is returned when a name is not in the enrolment list.
var ErrUnknownDevice = errors.New("device is not enrolled")

// ErrDeviceExists is returned when a name is enrolled already under another key.
// A name is never given a second key silently: events signed by the first key
// would look like a fork.
var ErrDeviceExists = errors.New("device is enrolled already with another key")

// Device is one row of the enrolment list.
type Device struct {
	// Name is the certificate's common name and the MQTT client id.
	Name string
	// Key is the Ed25519 public key that signs the device's batches, 32 bytes.
	Key []byte
	// Title is what people call the place, in any language; it may be empty.
	Title string
	// Place is the identifier or prefix where the gateway stands, "MA.156.1301…";
	// it may be empty.
	Place string
	// Added is when the device was enrolled.
	Added time.Time
}

var deviceName = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// ValidName tells whether a device may have this name.
func ValidName(s string) bool { return deviceName.MatchString(s) }

// Validate tells why a device cannot be enrolled.
func (d Device) Validate() error {
	if !ValidName(d.Name) {
		return fmt.Errorf("device name %q: want 1 to 64 of a-z 0-9 _ -", d.Name)
	}
	if len(d.Key) != 32 {
		return fmt.Errorf("device %s: event key has %d bytes, want 32", d.Name, len(d.Key))
	}
	if d.Place == "" {
		return nil
	}
	if _, err := cityid.ParsePrefix(d.Place); err == nil {
		return nil
	}
	if _, err := cityid.Parse(d.Place); err != nil {
		return fmt.Errorf("device %s: place: %w", d.Name, err)
	}
	return nil
}
