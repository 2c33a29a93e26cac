package fleet

import (
	"time"

	"citygate/sync/wire"
)

// Command is one signed order to a gateway and what became of it.
type Command struct {
	wire.Command
	// Payload is the signed encoding, sent as it is.
	Payload []byte
	// Given is when operations gave it, Sent when it was last published; zero:
	// not yet.
	Given, Sent time.Time
	// State is the newest progress that the gateway told, empty while it told
	// none; At is when it came.
	State  string
	At     time.Time
	Reason string
	Detail map[string]string
}

// Final tells whether the gateway has said its last word.
func (c Command) Final() bool { return commandRank(c.State) == finalRank }

// Progress is the state as people read it: a command that the gateway never
// ended counts as expired once its time is over.
func (c Command) Progress(now time.Time) string {
	switch {
	case c.Final():
		return c.State
	case now.Unix() > c.NotAfter && c.State != wire.ResultRunning:
		return wire.ResultExpired
	case c.State == "" && c.Sent.IsZero():
		return "given"
	case c.State == "":
		return "sent"
	}
	return c.State
}

const finalRank = 3

func commandRank(state string) int {
	switch state {
	case "":
		return 0
	case wire.ResultAccepted:
		return 1
	case wire.ResultRunning:
		return 2
	}
	return finalRank
}

// Follows tells whether a command's progress may go from one state to another:
// only forward, and never on from a final state. Messages may come late or twice.
func Follows(from, to string) bool {
	return commandRank(to) > commandRank(from)
}
