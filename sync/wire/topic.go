package wire

import (
	"strconv"
	"strings"
)

// Kind is what a topic carries.
type Kind uint8

// The kinds of topic, with their direction, quality of service and retention.
const (
	KindState   Kind = iota + 1 // up, QoS 1, retained: birth and will
	KindEvents                  // up, QoS 1: event batches
	KindHealth                  // up, QoS 0: health
	KindReport                  // up, QoS 1, retained: reported state
	KindResult                  // up, QoS 1: progress of one command
	KindNeed                    // up, QoS 1: trust data that a gateway misses
	KindAck                     // down, QoS 1: acknowledgement
	KindDesired                 // down, QoS 1, retained: desired state of one device
	KindCommand                 // down, QoS 1: one command
	KindRing                    // down, QoS 1, retained: desired state of a rollout ring
	KindTrust                   // down, QoS 1, retained: one file of a log
	KindIngest                  // down, QoS 1, retained: is ingest there?
)

// Topic is a parsed topic. Which of its names are set depends on its kind.
type Topic struct {
	Kind     Kind
	Device   string // all kinds from KindState to KindCommand
	Command  string // KindResult and KindCommand
	Ring     string // KindRing
	Log      string // KindTrust: the log's short name
	Resource string // KindTrust: path of the log's file, see [ValidResource]
}

const (
	root       = "citygate/1/"
	rootDevice = root + "d/"
	rootRing   = root + "g/"
	rootTrust  = root + "trust/"
	ingest     = root + "srv/ingest/st"
)

// suffixes of the topics of one device; a kind that ends in "/" is followed by a command name.
func suffix(k Kind) string {
	switch k {
	case KindState:
		return "st"
	case KindEvents:
		return "up/ev"
	case KindHealth:
		return "up/hb"
	case KindReport:
		return "up/rep"
	case KindResult:
		return "up/res/"
	case KindNeed:
		return "up/need"
	case KindAck:
		return "dn/ack"
	case KindDesired:
		return "dn/des"
	case KindCommand:
		return "dn/cmd/"
	}
	return ""
}

// String formats the topic. It does not check the names; [ParseTopic] does.
func (t Topic) String() string {
	switch t.Kind {
	case KindRing:
		return rootRing + t.Ring + "/dn/des"
	case KindTrust:
		return rootTrust + t.Log + "/" + t.Resource
	case KindIngest:
		return ingest
	}
	return rootDevice + t.Device + "/" + suffix(t.Kind) + t.Command
}

// Retained reports whether messages on topics of this kind are published as retained messages.
func (k Kind) Retained() bool {
	switch k {
	case KindState, KindReport, KindDesired, KindRing, KindTrust, KindIngest:
		return true
	}
	return false
}

// QoS returns the quality of service of this kind: 0 for health, 1 for all else.
func (k Kind) QoS() byte {
	if k == KindHealth {
		return 0
	}
	return 1
}

// TopicState is where a device's birth and will stand.
func TopicState(device string) string { return Topic{Kind: KindState, Device: device}.String() }

// TopicEvents is where a device publishes its batches.
func TopicEvents(device string) string { return Topic{Kind: KindEvents, Device: device}.String() }

// TopicHealth is where a device publishes its health.
func TopicHealth(device string) string { return Topic{Kind: KindHealth, Device: device}.String() }

// TopicReport is where a device's reported state stands.
func TopicReport(device string) string { return Topic{Kind: KindReport, Device: device}.String() }

// TopicNeed is where a device asks for trust data that it misses.
func TopicNeed(device string) string { return Topic{Kind: KindNeed, Device: device}.String() }

// TopicResult is where a device publishes the progress of a command.
func TopicResult(device, command string) string {
	return Topic{Kind: KindResult, Device: device, Command: command}.String()
}

// TopicAck is where the fleet acknowledges a device's events.
func TopicAck(device string) string { return Topic{Kind: KindAck, Device: device}.String() }

// TopicDesired is where a device's desired state stands.
func TopicDesired(device string) string { return Topic{Kind: KindDesired, Device: device}.String() }

// TopicCommand is where the fleet sends one command.
func TopicCommand(device, command string) string {
	return Topic{Kind: KindCommand, Device: device, Command: command}.String()
}

// TopicRing is where the desired state of a rollout ring stands.
func TopicRing(ring string) string { return Topic{Kind: KindRing, Ring: ring}.String() }

// TopicTrust is where one file of a log stands.
func TopicTrust(log, resource string) string {
	return Topic{Kind: KindTrust, Log: log, Resource: resource}.String()
}

// TopicIngest is where the state of the fleet's ingest stands.
func TopicIngest() string { return ingest }

// Filter returns the subscription filter for all topics of a kind of every device or ring, with "+" for each name.
// For KindTrust it is the filter of all checkpoints: tiles are subscribed one by one. shared, if not empty, names a
// shared subscription group, for brokers that have them.
func Filter(k Kind, shared string) string {
	t := Topic{Kind: k, Device: "+", Ring: "+", Log: "+", Resource: "checkpoint"}
	if k == KindResult || k == KindCommand {
		t.Command = "+"
	}
	if shared == "" {
		return t.String()
	}
	return "$share/" + shared + "/" + t.String()
}

// ParseTopic parses a topic of either direction. It accepts exactly what [Topic.String] writes for valid names.
func ParseTopic(s string) (Topic, error) {
	t, ok := parseTopic(s)
	if !ok || t.String() != s {
		return Topic{}, malformed("topic %.200q", s)
	}
	return t, nil
}

func parseTopic(s string) (Topic, bool) {
	if s == ingest {
		return Topic{Kind: KindIngest}, true
	}
	if rest, ok := strings.CutPrefix(s, rootTrust); ok {
		log, resource, ok := strings.Cut(rest, "/")
		return Topic{Kind: KindTrust, Log: log, Resource: resource}, ok && ValidName(log) && ValidResource(resource)
	}
	if rest, ok := strings.CutPrefix(s, rootRing); ok {
		ring, _, ok := strings.Cut(rest, "/")
		return Topic{Kind: KindRing, Ring: ring}, ok && ValidName(ring)
	}
	rest, ok := strings.CutPrefix(s, rootDevice)
	if !ok {
		return Topic{}, false
	}
	device, rest, ok := strings.Cut(rest, "/")
	if !ok || !ValidName(device) {
		return Topic{}, false
	}
	for k := KindState; k <= KindCommand; k++ {
		t := Topic{Kind: k, Device: device}
		if k == KindResult || k == KindCommand {
			if id, ok := strings.CutPrefix(rest, suffix(k)); ok {
				t.Command = id
				return t, ValidName(id)
			}
		} else if rest == suffix(k) {
			return t, true
		}
	}
	return Topic{}, false
}

// ValidResource reports whether s is the path of a log's file as C2SP tlog-tiles lays them out: "checkpoint",
// "tile/<level>/<n>" or "tile/entries/<n>", where <n> is in groups of three digits, all but the last with an "x"
// before them, and may end in ".p/<width>" for a partial tile; or "rotation/<n>", the last checkpoint under the
// n-th root policy, n in plain decimal.
func ValidResource(s string) bool {
	if s == "checkpoint" {
		return true
	}
	if n, ok := strings.CutPrefix(s, "rotation/"); ok {
		return decimal(n, 1<<31-1)
	}
	rest, ok := strings.CutPrefix(s, "tile/")
	if !ok {
		return false
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok || level != "entries" && !decimal(level, 63) {
		return false
	}
	n, width, partial := strings.Cut(rest, ".p/")
	if partial && (width == "0" || !decimal(width, 255)) {
		return false
	}
	groups := strings.Split(n, "/")
	if len(groups) > 7 || len(groups) > 1 && groups[0] == "x000" {
		return false
	}
	for i, g := range groups {
		if i < len(groups)-1 {
			if g == "" || g[0] != 'x' {
				return false
			}
			g = g[1:]
		}
		if len(g) != 3 || strings.Trim(g, "0123456789") != "" {
			return false
		}
	}
	return true
}

// decimal reports whether s is a number from 0 to max without sign or leading zeros.
func decimal(s string, max uint64) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && n <= max && strconv.FormatUint(n, 10) == s
}
