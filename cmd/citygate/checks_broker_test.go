package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/internal/keyfile"
	"citygate/internal/pki"
)

// The doctor finds a broker that lets strangers in, by asking it, and dangerous settings in the broker's own file.
func TestDoctorFindsDangerousBrokers(t *testing.T) {
	t.Parallel()
	authority, err := pki.Open(t.TempDir(), "test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := authority.Issue("broker", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	tlsLines := fmt.Sprintf("cafile %s\ncertfile %s\nkeyfile %s\n", filepath.Join(filepath.Dir(cert), pki.RootCert), cert, key)
	conf := filepath.Join(t.TempDir(), "broker.conf")
	for _, tt := range []struct {
		name, scheme, listener, file string
		state, found                 string
	}{
		{"closed", "tls", tlsLines + "require_certificate true\nuse_identity_as_username true\n", "../../firmware-configs/mosquitto/citygate.conf", stateOK, "nothing dangerous"},
		{"open", "tls", tlsLines + "allow_anonymous true\n", "../../firmware-configs/mosquitto/citygate.conf", stateFail, "without a certificate"},
		{"open and in clear", "tcp", "allow_anonymous true\n", "../../firmware-configs/mosquitto/citygate.conf", stateFail, "not encrypted"},
		{"saved by default", "tls", tlsLines + "require_certificate true\n", "persistence true\n", stateFail, "autosave_interval is not set"},
		{"copies by routes", "tls", tlsLines + "require_certificate true\n", "cluster { routes: [] }\njetstream {}\nmqtt { tls { verify_and_map: true } }\nauthorization { users: [] }\n", stateWarn, "stream_replicas"},
	} {
		s := newSite(t, newOffice(t))
		addr := startMosquitto(t, tt.listener)
		for !takesConnections(addr) {
			<-time.After(10 * time.Millisecond)
		}
		vkey, err := keyfile.Make("citygate.example/fleet", filepath.Join(s.dir, "fleet.seed"))
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, "fleet.vkey"), []byte(vkey+"\n"), 0o600)
		}
		if err == nil {
			err = appendTo(filepath.Join(s.dir, "citygate.toml"), fmt.Sprintf("brokers = [\"%s://%s\"]\nfleet_key = \"fleet.vkey\"\n", tt.scheme, addr))
		}
		file := tt.file
		if strings.Contains(file, "\n") {
			file = conf
			if err == nil {
				err = os.WriteFile(conf, []byte(tt.file), 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		_, out, errs := runCommand(t, "", "doctor", "--json", "--broker-conf", file, "--config", filepath.Join(s.dir, "citygate.toml"))
		var f finding
		for line := range strings.Lines(out) {
			if err := json.Unmarshal([]byte(line), &f); err != nil || f.Check == "broker-settings" {
				break
			}
		}
		if f.State != tt.state || !strings.Contains(f.Found, tt.found) {
			t.Errorf("%s: %+v, want %s %q\n%s", tt.name, f, tt.state, tt.found, errs)
		}
	}
	if taken, err := takesStranger(t.Context(), &url.URL{Scheme: "tls", Host: "127.0.0.1:1"}); taken || err == nil {
		t.Errorf("nobody there: %v, %v", taken, err)
	}
}

func takesConnections(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
