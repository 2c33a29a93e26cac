package brokerconf_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citygate/internal/brokerconf"
)

// shipped reads one of the product's own configurations.
func shipped(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../firmware-configs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(dangers []brokerconf.Danger, open bool) []string {
	var out []string
	for _, d := range dangers {
		if d.Open == open {
			out = append(out, d.Setting)
		}
	}
	slices.Sort(out)
	return out
}

// The configurations that the product brings are without danger; each setting that is changed in them is found.
func TestDangers(t *testing.T) {
	mosquitto, nats := shipped(t, "mosquitto/citygate.conf"), shipped(t, "nats/citygate.conf")
	for _, tt := range []struct {
		name, text string
		open, slow []string
	}{
		{"mosquitto as it is", mosquitto, nil, nil},
		{"nats as it is", nats, nil, nil},
		{"anybody", strings.Replace(mosquitto, "allow_anonymous false", "allow_anonymous true", 1), []string{"allow_anonymous"}, nil},
		{"no certificate", strings.Replace(mosquitto, "require_certificate true", "# require_certificate true", 1), []string{"require_certificate"}, nil},
		{"no access list", strings.Replace(mosquitto, "acl_file", "#acl_file", 1), []string{"acl_file"}, nil},
		{"saved by default", strings.Replace(mosquitto, "autosave_interval 60", "", 1), nil, []string{"autosave_interval"}},
		{"never saved", strings.Replace(mosquitto, "autosave_interval 60", "autosave_interval 0", 1), nil, []string{"autosave_interval"}},
		{"nothing kept", strings.Replace(mosquitto, "persistence true", "persistence false", 1), nil, []string{"persistence"}},
		{"short queue", strings.Replace(mosquitto, "max_queued_messages 10000", "max_queued_messages 100", 1), nil, []string{"max_queued_messages"}},
		{"endless queue", strings.NewReplacer("max_queued_messages 10000", "max_queued_messages 0", "max_queued_bytes 67108864", "").Replace(mosquitto), nil, []string{"max_queued_messages"}},
		{"small window", strings.Replace(mosquitto, "max_inflight_messages 128", "", 1), nil, []string{"max_inflight_messages"}},
		{"small packets", strings.Replace(mosquitto, "max_packet_size 1048576", "max_packet_size 2000", 1), nil, []string{"max_packet_size"}},
		{"mosquitto's defaults", "listener 1883\n", []string{"acl_file", "require_certificate", "tls_version", "use_identity_as_username", "use_username_as_clientid"},
			[]string{"max_inflight_messages", "max_queued_messages", "persistence"}},
		{"copies by routes", strings.Replace(nats, "stream_replicas: 3", "", 1), nil, []string{"stream_replicas"}},
		{"copies in a comment", strings.Replace(nats, "stream_replicas: 3", "# stream_replicas: 3", 1), nil, []string{"stream_replicas"}},
		{"two copies", strings.Replace(nats, "stream_replicas: 3", "stream_replicas: 2", 1), nil, []string{"stream_replicas"}},
		{"names not mapped", strings.Replace(nats, "verify_and_map: true", "verify: true", 1), []string{"verify_and_map"}, nil},
		{"few in flight", strings.Replace(nats, "max_ack_pending: 128", "max_ack_pending: 10", 1), nil, []string{"max_ack_pending"}},
		{"one node needs no number", "jetstream { store_dir: x }\nmqtt { port: 1883\n tls { verify_and_map: true } }\nauthorization { users: [] }\n", nil, nil},
	} {
		got := brokerconf.CheckText([]byte(tt.text))
		if o, s := names(got, true), names(got, false); !slices.Equal(o, tt.open) || !slices.Equal(s, tt.slow) {
			t.Errorf("%s: open %v, slow %v; want %v, %v", tt.name, o, s, tt.open, tt.slow)
		}
		for _, d := range got {
			if d.Why == "" || d.Want == "" || d.Found == "" {
				t.Errorf("%s: %+v", tt.name, d)
			}
		}
	}
	if _, err := brokerconf.Check(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzCheckText(f *testing.F) {
	f.Add([]byte(shipped(f, "mosquitto/citygate.conf")))
	f.Add([]byte(shipped(f, "nats/citygate.conf")))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range brokerconf.CheckText(b) {
			if d.Setting == "" || d.Found == "" {
				t.Errorf("%+v", d)
			}
		}
	})
}
