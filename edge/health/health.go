// Package health keeps what is not as it should be on a gateway, as named conditions.
//
// A [Condition] has a code that never changes, a title for people, a severity and a delay: it stands only once it has
// been reported without a break for so long, so that a short hiccup wakes nobody. The closed list is [Conditions]. The
// same codes are on /readyz, in metrics, in health messages, in events and, as the reason of "out of service", on the
// citizen's page.
package health

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Severity says who has to care.
type Severity uint8

// The severities, from what can wait to what stops the service.
const (
	Notice  Severity = iota // worth knowing
	Warning                 // somebody should act within days
	Serious                 // somebody should act today; citizens are still served
	Fatal                   // citizens are not served: the gateway is not ready
)

// String returns "notice", "warning", "serious" or "fatal".
func (s Severity) String() string {
	return [...]string{"notice", "warning", "serious", "fatal"}[min(s, Fatal)]
}

// Condition is one thing that can be wrong.
type Condition struct {
	Code     string        // stable name, [a-z0-9-]
	Title    string        // what is wrong, for people
	Hint     string        // what to do about it
	Severity Severity      //
	Delay    time.Duration // how long it must last before it stands
}

// The codes of the closed list.
const (
	CameraMissing = "camera-missing"
	CameraStalled = "camera-stalled"
	CameraGarbage = "camera-garbage"
	CameraSize    = "camera-size"
	CameraDark    = "camera-dark"
	CameraBright  = "camera-overexposed"
	CameraCovered = "camera-covered"
	CameraEnded   = "camera-ended"
	Storage       = "storage"
	TrustMissing  = "trust-missing"
	TrustOld      = "trust-old"
	TrustFork     = "trust-fork"
	TrustSync     = "trust-sync"
	ClockUnsynced = "clock-unsynced"
	Broker        = "broker"
	Waiting       = "events-waiting"
	Certificate   = "certificate"
	OutboxDamaged = "outbox-damaged"
	RelayFails    = "relay"
	TakenOut      = "taken-out"
	DiskLow       = "disk-low"
	Hot           = "hot"
)

// Conditions is the closed list, the worst first.
func Conditions() []Condition {
	return []Condition{
		{TakenOut, "taken out of service by operations", "the command set-out-of-service state=off puts it back", Fatal, 0},
		{CameraMissing, "the camera cannot be opened", "check the cable and the key camera", Fatal, 0},
		{CameraStalled, "the camera gives no new pictures", "check the cable; the camera is opened again by itself", Fatal, 0},
		{CameraGarbage, "the camera's pictures cannot be used", "check the camera's format", Fatal, 0},
		{CameraSize, "the camera's pictures have the wrong size", "check the size in the key camera and what the camera can do; it is opened again by itself", Fatal, 0},
		{CameraDark, "the camera sees nothing but dark", "check the light and whether the lens is free", Fatal, 0},
		{CameraBright, "the camera sees nothing but light", "check exposure; shade the lens from the sun", Fatal, 0},
		{CameraCovered, "the camera is covered", "clear the lens: a sticker, spray, fog", Fatal, 0},
		{Storage, "events cannot be stored", "check the disk: free space, file system, wear", Fatal, 0},
		{TrustFork, "a log shows two histories", "keep the device as it is and call the registry: evidence is kept", Serious, 0},
		{OutboxDamaged, "a damaged outbox was set aside", "send the file in; check the disk", Serious, 0},
		{TrustMissing, "ledger data of a followed registry is missing", "check the network, or load a trust bundle", Serious, time.Minute},
		{RelayFails, "what should open does not answer", "check the key relay and the machine behind it", Serious, 0},
		{TrustOld, "ledger data is old", "check the network", Warning, 10 * time.Minute},
		{TrustSync, "new ledger data was refused", "see the log; another mirror is tried by itself", Warning, 10 * time.Minute},
		{ClockUnsynced, "the clock is not synchronised", "check the network's time server", Warning, 2 * time.Minute},
		{Broker, "no connection to the operator", "check the network and the certificate", Warning, 2 * time.Minute},
		{Waiting, "events have waited for the operator for over an hour", "check the network and the fleet server", Warning, 0},
		{Certificate, "the client certificate ends within 14 days", "renew it", Warning, 0},
		{DiskLow, "the disk is nearly full", "free some space: unacknowledged events may have to be given up", Warning, time.Minute},
		{Hot, "the device is too hot", "check fan, vents and sun; above its limit it slows down or stops", Warning, 2 * time.Minute},
		{CameraEnded, "the video file has ended", "set camera_loop, or give another source", Notice, 0},
	}
}

// Active is a condition that stands.
type Active struct {
	Condition
	Part   string // which of several like parts it is, such as "camera 2"; "" where there is one
	Since  time.Time
	Detail string // what was found, without identifiers of persons
}

// String is the title, and of which part.
func (a Active) String() string {
	if a.Part == "" {
		return a.Title
	}
	return a.Title + " (" + a.Part + ")"
}

// Tracker knows the conditions that are reported now. It is safe for concurrent use.
type Tracker struct {
	known map[string]Condition

	mu     sync.Mutex
	set    map[place]report // guarded by mu
	spared map[string]bool  // guarded by mu: the codes of [Tracker.Spare]
}

// place is a condition of a part.
type place struct{ code, part string }

type report struct {
	since  time.Time
	detail string
}

// New returns a tracker of the closed list, nothing reported.
func New() *Tracker {
	t := &Tracker{known: map[string]Condition{}, set: map[place]report{}, spared: map[string]bool{}}
	for _, c := range Conditions() {
		t.known[c.Code] = c
	}
	return t
}

// Raise reports a condition at time now; again and again changes only the detail. A code that is not on the list is a
// mistake in the program.
func (t *Tracker) Raise(code, detail string, now time.Time) { t.raise(place{code: code}, detail, now) }

func (t *Tracker) raise(at place, detail string, now time.Time) {
	code := at.code
	if _, ok := t.known[code]; !ok {
		panic(fmt.Sprintf("health: no condition %q", code))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.set[at]
	if !ok {
		r.since = now
	}
	r.detail = detail
	t.set[at] = r
}

// Clear ends a condition.
func (t *Tracker) Clear(code string) { t.clear(place{code: code}) }

func (t *Tracker) clear(at place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.set, at)
}

// Set raises or clears.
func (t *Tracker) Set(code string, wrong bool, detail string, now time.Time) {
	if wrong {
		t.Raise(code, detail, now)
	} else {
		t.Clear(code)
	}
}

// SetPart raises or clears a condition of one of several like parts.
func (t *Tracker) SetPart(code, part string, wrong bool, detail string, now time.Time) {
	if wrong {
		t.raise(place{code, part}, detail, now)
	} else {
		t.clear(place{code, part})
	}
}

// Spare says whether another part still does the work where one has these conditions. Then a fatal one is only serious.
func (t *Tracker) Spare(codes []string, spared bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, code := range codes {
		t.spared[code] = spared
	}
}

// Active lists the conditions that stand at time now, the worst first, then by code and part.
func (t *Tracker) Active(now time.Time) []Active {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []Active
	for at, r := range t.set {
		c := t.known[at.code]
		if t.spared[at.code] {
			c.Severity = min(c.Severity, Serious)
		}
		if now.Sub(r.since) >= c.Delay {
			list = append(list, Active{c, at.part, r.since, r.detail})
		}
	}
	slices.SortFunc(list, func(a, b Active) int {
		if a.Severity != b.Severity {
			return int(b.Severity) - int(a.Severity)
		}
		return strings.Compare(a.Code+"\x00"+a.Part, b.Code+"\x00"+b.Part)
	})
	return list
}

// Ready says whether citizens are served: no fatal condition stands.
func Ready(list []Active) bool {
	return !slices.ContainsFunc(list, func(a Active) bool { return a.Severity == Fatal })
}

// Change is a condition that began or ended to stand between two looks.
type Change struct {
	Active
	Raised bool
}

// Changes compares two lists of [Tracker.Active] by code and part.
func Changes(before, now []Active) []Change {
	has := func(list []Active, is Active) bool {
		return slices.ContainsFunc(list, func(a Active) bool { return a.Code == is.Code && a.Part == is.Part })
	}
	var out []Change
	for _, a := range now {
		if !has(before, a) {
			out = append(out, Change{a, true})
		}
	}
	for _, a := range before {
		if !has(now, a) {
			out = append(out, Change{a, false})
		}
	}
	return out
}
