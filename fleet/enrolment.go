package fleet

import (
	"errors"
	"time"
)

// The states of an enrolment.
const (
	EnrolmentWaiting = "waiting"
	EnrolmentGranted = "granted"
	EnrolmentRefused = "refused"
)

// ErrEnrolmentsFull is returned when no more requests of one source can wait, and
// ErrUnknownEnrolment when no request has the given claim code.
var (
	ErrEnrolmentsFull   = errors.New("too many requests of this source wait for a decision")
	ErrUnknownEnrolment = errors.New("no request has this claim code")
	// ErrEnrolmentDecided is returned for a request that was granted: a device has what a
	// grant holds from then on, whoever thinks better of it.
	ErrEnrolmentDecided = errors.New("the request was granted before")
)

// Enrolment is the request of a device to come into the fleet, and what was
// decided. The request's form is package enrolment's.
type Enrolment struct {
	ID      []byte // what the device is known by, 32 octets
	Code    string // the claim code that the device shows
	Request []byte // the newest request, as it came
	Source  string // the address it came from
	First   time.Time
	Seen    time.Time // to about a minute

	State   string // EnrolmentWaiting, EnrolmentGranted or EnrolmentRefused
	Decided time.Time
	Device  string // with EnrolmentGranted, its name
	Grant   []byte // with EnrolmentGranted, what it is given
	Reason  string // with EnrolmentRefused
}
