package firmwareconfigs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// units are all unit files, with the worst rating that systemd may give them, in tenths; a timer has none. The browser
// needs namespaces for its own sandbox, and the screen; keeping a version of the system is a moment's work for root.
func units(t *testing.T) map[string]string {
	t.Helper()
	limit := map[string]string{}
	for pattern, threshold := range map[string]string{
		"systemd/*.service": "20", "kiosk/*.service": "30", "image/*.service": "100", "image/*.timer": "",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: none (%v)", pattern, err)
		}
		for _, f := range found {
			limit[f] = threshold
		}
	}
	return limit
}

// The hardening of the units is held: systemd's own rating stays where it is, and it finds nothing to say about them.
func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze on this machine")
	}
	for unit, threshold := range units(t) {
		t.Run(filepath.Base(unit), func(t *testing.T) {
			t.Parallel()
			if threshold != "" {
				out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold="+threshold, unit).CombinedOutput()
				if err != nil {
					lines := strings.Split(strings.TrimSpace(string(out)), "\n")
					t.Errorf("%v: %s", err, lines[len(lines)-1])
				}
			}
			// verify succeeds whatever it says, so what it says counts.
			out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", foreignMachine(t, unit)).CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("verify: %v: %s", err, out)
			}
		})
	}
}

// The gateway may ask whether the clock is synchronised, and may not set it: the call is allowed, the capability is not.
func TestGatewayMayAskTheClock(t *testing.T) {
	b, err := os.ReadFile("systemd/citygate.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := "\n" + string(b)
	if !strings.Contains(unit, "\nSystemCallFilter=@system-service adjtimex\n") || !strings.Contains(unit, "\nCapabilityBoundingSet=\n") {
		t.Error("adjtimex is not allowed, or a capability is")
	}
	if strings.Contains(unit, "\nProtectClock=true") || strings.Contains(unit, " @clock") {
		t.Error("a later line takes adjtimex away again")
	}
}

var (
	program  = regexp.MustCompile(`(?m)^(ExecStart=)\S+`)
	elsewise = regexp.MustCompile(`(?m)^(Requires=seatd|RequiresMountsFor=/data|Requisite=|Documentation=|EnvironmentFile=).*\n`)
)

// foreignMachine copies a unit without what this machine does not have, the programs and the units of other packages, so
// that all else of it can be verified.
func foreignMachine(t *testing.T, unit string) string {
	t.Helper()
	b, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	text := elsewise.ReplaceAll(program.ReplaceAll(b, []byte("${1}/bin/true")), nil)
	copied := filepath.Join(t.TempDir(), strings.Replace(filepath.Base(unit), "@", "@x", 1))
	err = os.WriteFile(copied, text, 0o644)
	if timed, ok := strings.CutSuffix(copied, ".timer"); ok && err == nil { // what it starts lies beside it
		err = os.WriteFile(timed+".service", []byte("[Unit]\nDescription=x\n[Service]\nType=oneshot\nExecStart=/bin/true\n"), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return copied
}
