package firmwareconfigs_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	firmwareconfigs "citygate/firmware-configs"
)

func TestFillReplacesWhatIsThere(t *testing.T) {
	b, err := firmwareconfigs.Fill(firmwareconfigs.BrokerConf, map[string]string{"listener": "18883 127.0.0.1", "user": "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nlistener 18883 127.0.0.1\n", "\nuser nobody\n", "\nrequire_certificate true\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no line %q", want)
		}
	}
	b, err = firmwareconfigs.Fill(firmwareconfigs.Gateway, map[string]string{"device": `"k-1"`})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "\ndevice = \"k-1\"\n") {
		t.Error("the device's name was not replaced")
	}
}

func TestFillRefusesWhatIsNotThere(t *testing.T) {
	if _, err := firmwareconfigs.Fill(firmwareconfigs.BrokerConf, map[string]string{"lisener": "1"}); err == nil {
		t.Error("a setting that the file does not have was accepted")
	}
	if _, err := firmwareconfigs.Fill("mosquitto/other.conf", nil); err == nil {
		t.Error("a file that does not exist was accepted")
	}
}

// The hardening of the unit is held: systemd's own rating stays at 2.0 or better.
func TestUnitIsHardened(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze on this machine")
	}
	unit, err := filepath.Abs(firmwareconfigs.Unit)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", unit).CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Errorf("%v: %s", err, lines[len(lines)-1])
	}
}
