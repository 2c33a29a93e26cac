package firmwareconfigs_test

import (
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
