package main

import (
	"testing"

	firmwareconfigs "citygate/firmware-configs"
)

// The embedded broker keeps to the very access list that mosquitto gets.
func TestAccessList(t *testing.T) {
	b, err := firmwareconfigs.Files.ReadFile(firmwareconfigs.BrokerACL)
	if err != nil {
		t.Fatal(err)
	}
	access, err := parseAccessList(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user, topic string
		write, want bool
	}{
		{"kiosk-1", "citygate/1/d/kiosk-1/st", true, true},
		{"kiosk-1", "citygate/1/d/kiosk-1/up/ev", true, true},
		{"kiosk-1", "citygate/1/d/kiosk-2/up/ev", true, false},
		{"kiosk-1", "citygate/1/d/kiosk-2/st", true, false},
		{"kiosk-1", "citygate/1/d/kiosk-1/dn/ack", true, false},
		{"kiosk-1", "citygate/1/d/kiosk-1/dn/ack", false, true},
		{"kiosk-1", "citygate/1/d/kiosk-2/dn/ack", false, false},
		{"kiosk-1", "citygate/1/trust/sjz-records/checkpoint", false, true},
		{"kiosk-1", "citygate/1/trust/sjz-records/checkpoint", true, false},
		{"kiosk-1", "citygate/1/srv/ingest/st", true, false},
		{"kiosk-1", "#", false, false},
		{"+", "citygate/1/d/kiosk-1/up/ev", true, false},
		{"", "citygate/1/trust/x/checkpoint", false, false},
		{"fleet", "citygate/1/d/+/up/#", false, true},
		{"fleet", "$share/ingest/citygate/1/d/+/up/#", false, true},
		{"fleet", "citygate/1/d/kiosk-1/dn/ack", true, true},
		{"fleet", "citygate/1/d/kiosk-1/up/ev", true, false},
		{"fleet", "citygate/1/trust/sjz-records/checkpoint", true, true},
	} {
		if got := access.allows(c.user, c.topic, c.write); got != c.want {
			t.Errorf("%s %s write=%v: allowed %v, want %v", c.user, c.topic, c.write, got, c.want)
		}
	}
}

func TestAccessListGarbage(t *testing.T) {
	for _, s := range []string{"topic", "topic sometimes x", "pattern read", "nonsense", "user"} {
		if _, err := parseAccessList([]byte(s)); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}
