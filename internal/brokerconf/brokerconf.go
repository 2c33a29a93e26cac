// Package brokerconf reads the configuration of an MQTT broker, mosquitto or nats-server, and says which of its
// settings are dangerous for a fleet of gateways: those that let strangers in, and those that delay or break what
// gateways wait for. None of them loses events, since a gateway keeps each until the fleet has signed for it.
//
// It looks at settings by name and does not check the file's syntax; the broker does that.
package brokerconf

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Danger is one setting that should be another.
type Danger struct {
	Setting string // its name in the file
	Found   string // its value, or "not set"
	Why     string // what comes of it
	Want    string // what to write instead
	Open    bool   // it lets strangers in; else it only costs time
}

// MaxFile bounds what is read of a file, in bytes.
const MaxFile = 1 << 20

// Check reads a configuration file and returns what is dangerous in it.
func Check(path string) ([]Danger, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > MaxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, MaxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return CheckText(b), nil
}

// CheckText is Check for the text of a file. A text with braces is nats-server's, any other mosquitto's.
func CheckText(b []byte) []Danger {
	if bytes.ContainsAny(withoutComments(b), "{}") {
		return natsDangers(withoutComments(b))
	}
	return mosquittoDangers(b)
}

func withoutComments(b []byte) []byte {
	return regexp.MustCompile(`(?m)(^|\s)(#|//).*$`).ReplaceAll(b, nil)
}

// settings are the last value of each name, and how often it stands there.
type settings map[string]string

func (s settings) found(name string) string {
	if v, ok := s[name]; ok {
		return v
	}
	return "not set"
}

func (s settings) number(name string, def int64) int64 {
	n, err := strconv.ParseInt(s[name], 10, 64)
	if err != nil {
		return def
	}
	return n
}

// Numbers below or above which a setting of mosquitto is dangerous.
const (
	window       = 64 // batches that a gateway has in flight
	slowAutosave = 300
	fewQueued    = 1000
	smallPacket  = 256 << 10 // the largest message of a gateway, a reported state
)

func mosquittoDangers(b []byte) []Danger {
	s := settings{}
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		name, value, _ := strings.Cut(strings.TrimSpace(sc.Text()), " ")
		if name != "" && name[0] != '#' {
			s[name] = strings.TrimSpace(value)
		}
	}
	var out []Danger
	add := func(bad bool, d Danger) {
		if bad {
			d.Found = s.found(d.Setting)
			out = append(out, d)
		}
	}
	open := func(setting, want, why string, bad bool) {
		add(bad, Danger{Setting: setting, Why: why, Want: want, Open: true})
	}
	slow := func(setting, want, why string, bad bool) {
		add(bad, Danger{Setting: setting, Why: why, Want: want})
	}
	open("allow_anonymous", "allow_anonymous false", "anybody may connect and read every gateway's events", s["allow_anonymous"] == "true")
	open("require_certificate", "require_certificate true", "clients are let in without a certificate", s["require_certificate"] != "true")
	open("use_identity_as_username", "use_identity_as_username true", "a gateway's name is not that of its certificate", s["use_identity_as_username"] != "true")
	open("use_username_as_clientid", "use_username_as_clientid true", "a gateway can take another's session", s["use_username_as_clientid"] != "true")
	open("acl_file", "acl_file FILE, citygate.acl", "every gateway may read and write all topics", s["acl_file"] == "" && s["plugin"] == "")
	open("tls_version", "tls_version tlsv1.3", "older versions of TLS are spoken", s["tls_version"] != "tlsv1.3")
	slow("persistence", "persistence true", "retained checkpoints, tiles and desired states are lost when the broker ends", s["persistence"] != "true")
	slow("autosave_interval", "autosave_interval 60", "what was retained in the last half hour is lost when the broker is killed: gateways ask for it again",
		s["persistence"] == "true" && (s.number("autosave_interval", 1800) > slowAutosave || s.number("autosave_interval", 1800) == 0))
	slow("max_queued_messages", "max_queued_messages 10000", "messages beyond it are dropped without a word, and gateways send them again",
		s.number("max_queued_messages", 1000) <= fewQueued && s.number("max_queued_messages", 1000) != 0)
	slow("max_queued_messages", "max_queued_messages 10000", "a subscriber that does not read fills the memory",
		s.number("max_queued_messages", 1000) == 0 && s.number("max_queued_bytes", 0) == 0)
	slow("max_inflight_messages", "max_inflight_messages 128", fmt.Sprintf("less than the %d batches that a gateway has in flight: draining a backlog is slow", window),
		s.number("max_inflight_messages", 20) < window && s.number("max_inflight_messages", 20) != 0)
	slow("max_packet_size", "max_packet_size 1048576", "a gateway's reported state may not fit, and the broker ends the connection",
		s["max_packet_size"] != "" && s.number("max_packet_size", smallPacket) < smallPacket)
	return out
}

// natsDangers looks for the settings of a clustered nats-server.
func natsDangers(b []byte) []Danger {
	text := string(b)
	value := func(name string) string {
		m := regexp.MustCompile(`(?m)\b` + name + `\s*[:=\s]\s*"?([^\s",}\]]+)`).FindStringSubmatch(text)
		if m == nil {
			return ""
		}
		return m[1]
	}
	has := func(block string) bool {
		return regexp.MustCompile(`(?m)\b` + block + `\s*[:=]?\s*[{\[]`).MatchString(text)
	}
	var out []Danger
	add := func(bad bool, d Danger) {
		if d.Found = value(d.Setting); d.Found == "" {
			d.Found = "not set"
		}
		if bad {
			out = append(out, d)
		}
	}
	replicas, err := strconv.Atoi(value("stream_replicas"))
	add(has("cluster") && (err != nil || replicas < 3), Danger{Setting: "stream_replicas", Want: "mqtt { stream_replicas: 3 }",
		Why: "the number of copies follows from the routes that are listed: with two, no client can connect once one of three nodes is dead"})
	add(!has("jetstream") && value("jetstream") == "", Danger{Setting: "jetstream", Want: "jetstream { store_dir: … }", Why: "MQTT needs it: nothing can connect"})
	add(!has("mqtt"), Danger{Setting: "mqtt", Want: "mqtt { port: 8883 … }", Why: "no gateway can connect"})
	add(has("mqtt") && value("verify_and_map") != "true", Danger{Setting: "verify_and_map", Want: "tls { verify_and_map: true }",
		Why: "a gateway's name is not that of its certificate", Open: true})
	pending, err := strconv.Atoi(value("max_ack_pending"))
	add(err == nil && pending < window, Danger{Setting: "max_ack_pending", Want: "max_ack_pending: 128",
		Why: fmt.Sprintf("less than the %d batches that a gateway has in flight: draining a backlog is slow", window)})
	add(!strings.Contains(text, "users") && !has("accounts") && !strings.Contains(text, "include"), Danger{Setting: "users", Want: "include the users that cityfleet broker-users prints",
		Why: "every gateway may read and write all topics", Open: true})
	return out
}
