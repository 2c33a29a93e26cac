package firmwareconfigs_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	firmwareconfigs "citygate/firmware-configs"
)

const (
	kiosk = "sjz-0103-0117" // the device of citygate.toml
	etc   = "/etc/citygate/"
)

// town is a whole installation in one root: registry, witness, broker, fleet and gateway, all from packages.
type town struct {
	*debianRoot
	fleet, gateway *service
}

// TestInstalledPackages installs the packages in a Debian root and lives a device's life there: start every unit,
// enrol, scan, upgrade under load, kill, remove, install again, purge. No event may be lost on the way. It needs root, the
// packages of deb.sh and a root's tar, and takes a minute or two: `make test-deb` runs it.
func TestInstalledPackages(t *testing.T) {
	debs, base := os.Getenv("CITYGATE_DEBS"), os.Getenv("CITYGATE_DEBIAN_ROOT")
	if debs == "" || base == "" {
		t.Skip("CITYGATE_DEBS and CITYGATE_DEBIAN_ROOT are not set: `make test-deb` runs this")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, for chroot")
	}
	w := &town{debianRoot: newRoot(t, base)}
	packages(t, debs, w.path("/srv/1"), nil)
	packages(t, debs, w.path("/srv/2"), newer)
	w.apt("update")
	w.installFirst()
	w.isolate()
	text := w.openRegistry()
	w.openFleet()
	w.enrol(text)
	w.upgradeUnderLoad()
	w.removeAndPurge()
}

func (w *town) installFirst() {
	w.apt("install", "/srv/1/citygate.deb", "/srv/1/cityfleet.deb", "/srv/1/cityregistry.deb", "/srv/1/citygate-broker.deb")
	for _, unit := range []string{"citygate", "citygate-enrol", "cityfleet", "cityregistry-serve", "cityregistry-witness", "citygate-broker"} {
		if !w.has("/etc/systemd/system/multi-user.target.wants/" + unit + ".service") {
			w.t.Errorf("%s is not enabled", unit)
		}
	}
	groups := " " + strings.TrimSpace(w.run("id", "-Gn", "citygate")) + " "
	if !strings.Contains(groups, " video ") || !strings.Contains(w.run("getent", "group", "gpio"), "gpio") {
		w.t.Errorf("groups of citygate: %s", groups)
	}
	if !strings.HasPrefix(w.run("citygate", "version"), "citygate ") {
		w.t.Error("citygate version says nothing")
	}
	w.run("citygate", "config", "--config", etc+"citygate.toml")
	w.run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "/usr/lib/systemd/system/citygate.service")
}

// openRegistry makes a national registry with one witness, by the commands and units of the package, and returns the
// text of a code.
func (w *town) openRegistry() string {
	office := func(args ...string) string { return w.as("cityregistry", append([]string{"cityregistry"}, args...)...) }
	const dir, key = "/var/lib/cityregistry/national", "/etc/cityregistry/witness.key"
	w.run("install", "-d", "-o", "cityregistry", "/etc/cityregistry/new")
	vkey := strings.TrimSpace(office("keygen", "--name", "witness.example/w1", "--key", "/etc/cityregistry/new/key"))
	w.run("mv", "/etc/cityregistry/new/key", key)
	office("init", "--dir", dir, "--national", "--origin", "citygate.example", "--name", "en=National", "--witness", vkey+"=http://127.0.0.1:8471")
	var logs strings.Builder
	for _, f := range strings.Fields(office("logs", "--dir", dir)) {
		if strings.Count(f, "+") >= 2 {
			logs.WriteString(" --log " + f)
		}
	}
	w.write("/etc/cityregistry/witness.env", "LOGS="+logs.String()+"\nLISTEN=127.0.0.1:8471\n")
	w.start("cityregistry-witness", "")
	w.await("the witness", func() bool { return w.listens(8471) })
	office("allocate", "--dir", dir, "--self")
	var issued struct{ Text string }
	if err := json.Unmarshal([]byte(office("--json", "issue", "--dir", dir, "--id", "MA.156/LAMP.1", "--kind", "street-asset")), &issued); err != nil || issued.Text == "" {
		w.t.Fatalf("issue: %v, text %q", err, issued.Text)
	}
	w.start("cityregistry-publish", "national")
	w.start("cityregistry-serve", "")
	w.await("the registry's server", func() bool { return w.listens(8470) })
	return issued.Text
}

// fleetCommand runs cityfleet as its user.
func (w *town) fleetCommand(args ...string) string {
	w.t.Helper()
	return w.as("cityfleet", append([]string{"cityfleet"}, append(args, "--config", "/etc/cityfleet/fleet.toml")...)...)
}

// openFleet starts broker and fleet server as an operator does, with the packages' files and commands.
func (w *town) openFleet() {
	conf := strings.NewReplacer("mirrors = []\n\n", `mirrors = ["http://127.0.0.1:8470"]`+"\n\n",
		"listen = \"\"\n", `listen = "127.0.0.1:8491"`+"\n", "\nbrokers = []\n", "\n"+`brokers = ["tls://localhost:8883"]`+"\n").Replace(w.read("/etc/cityfleet/fleet.toml"))
	w.write("/etc/cityfleet/fleet.toml", conf)
	w.run("cp", "/var/lib/cityregistry/national/public/root.json", "/etc/cityfleet/")
	const pki = "/var/lib/cityfleet/pki/"
	w.fleetCommand("cert", "enrol", "--host", "localhost")
	w.fleetCommand("cert", "broker", "--host", "localhost")
	w.fleetCommand("cert", "fleet")
	w.run("mkdir", "-p", etc+"mosquitto")
	w.run("cp", pki+"ca.pem", pki+"broker.pem", pki+"broker.key", etc+"mosquitto/")
	w.run("cp", pki+"ca.pem", pki+"fleet.pem", pki+"fleet.key", "/etc/cityfleet/")
	w.run("cityfleet", "keygen", "--name", "citygate.example/fleet", "--key", "/etc/cityfleet/ack.key")
	w.run("systemd-tmpfiles", "--create")
	w.start("citygate-broker", "").expect("READY=1")
	w.fleet = w.start("cityfleet", "")
	w.await("the fleet's pages", func() bool { return w.listens(8490) })
}

// enrol gives a new device a film of the code as its camera, and brings it into the fleet by the unit of its first start:
// the unit is killed while it waits, and an operator accepts it by its claim code. Then the gateway starts.
func (w *town) enrol(text string) {
	film(w.t, w.path("/srv/film.avi"), text)
	conf, err := firmwareconfigs.Fill(firmwareconfigs.Gateway, map[string]string{
		"device": `"kiosk-1"`, "camera": `"/srv/film.avi"`, "camera_loop": "true",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(etc+"citygate.toml", string(conf))
	pin := strings.TrimSpace(w.fleetCommand("enrol", "pin"))
	w.write(etc+"enrol.env", strings.NewReplacer("https://fleet.citygate.example:8491", "https://localhost:8491",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", pin).Replace(w.read("/usr/share/citygate/enrol.env")))
	first := w.start("citygate-enrol", "")
	first.expect("READY=1")
	code := first.tells("STATUS=claim code ")
	first.kill()
	second := w.start("citygate-enrol", "")
	second.expect("READY=1")
	second.expect("STATUS=claim code " + code)
	second.expect("STATUS=claim code " + code + ": waiting")
	w.fleetCommand("enrol", "accept", code, "--name", kiosk, "--place", "MA.156")
	second.succeed()
	for _, name := range []string{"event.key", "device.key"} {
		if st := w.run("stat", "-c", "%U %a", etc+name); st != "citygate 600\n" {
			w.t.Errorf("%s belongs to %s", name, st)
		}
	}
	if out := w.as("citygate", "citygate", "config", "--config", etc+"citygate.toml"); !strings.Contains(out, "\ndevice = \""+kiosk+"\"\n") {
		w.t.Errorf("the configuration after enrolment: %s", out)
	}
	w.startGateway()
}

func (w *town) startGateway() {
	w.gateway = w.start("citygate", "")
	w.gateway.expect("READY=1")
	w.gateway.expect("WATCHDOG=1")
}

// upgradeUnderLoad upgrades while codes are scanned, twice: once the old daemon ends in order, once it is killed.
func (w *town) upgradeUnderLoad() {
	before := w.valid()
	w.await("scans at the fleet", func() bool { return w.valid() >= before+3 })
	w.fleet.stop() // so that events wait at the gateway during the upgrade
	w.apt("install", "/srv/2/citygate.deb", "/srv/2/cityfleet.deb", "/srv/2/cityregistry.deb", "/srv/2/citygate-broker.deb")
	if !strings.Contains(w.read(etc+"citygate.toml"), "/srv/film.avi") {
		w.t.Error("the upgrade changed the configuration")
	}
	waiting := w.waiting()
	w.await("scans that wait", func() bool { return w.waiting() > waiting })
	w.gateway.stop()
	w.startGateway()
	waiting = w.waiting()
	w.await("scans after the upgrade", func() bool { return w.waiting() > waiting })
	w.gateway.kill()
	w.startGateway()
	w.gateway.stop()
	waiting = w.waiting()
	last := w.stored()
	w.t.Logf("%d events wait at the gateway, %d are at the fleet", waiting, last)

	w.fleet = w.start("cityfleet", "")
	w.startGateway()
	w.await("every event at the fleet", func() bool { return w.stored() >= last+waiting && w.waiting() == 0 })
	w.gateway.stop()
	w.t.Logf("%s", w.as("cityfleet", "cityfleet", "check", "--config", "/etc/cityfleet/fleet.toml"))
	if found := strings.Count(w.as("cityfleet", "cityfleet", "finding", "list", "--config", "/etc/cityfleet/fleet.toml"), "\n"); found > 1 {
		w.t.Errorf("%d findings after the upgrade", found-1)
	}
}

func (w *town) removeAndPurge() {
	w.apt("remove", "citygate", "cityregistry")
	for _, keep := range []string{etc + "citygate.toml", etc + "event.key", "/var/lib/citygate/outbox.db", "/var/lib/cityregistry/national/keys"} {
		if !w.has(keep) {
			w.t.Errorf("the removal took %s", keep)
		}
	}
	if w.has("/usr/bin/citygate") {
		w.t.Error("the removal left the program")
	}
	w.apt("install", "/srv/2/citygate.deb")
	w.startGateway() // goes on where it was
	w.gateway.stop()
	w.apt("purge", "citygate", "cityregistry", "cityfleet")
	for _, gone := range []string{etc + "citygate.toml", etc + "event.key", etc + "device.key", etc + "enrol.env", "/var/lib/citygate",
		"/etc/systemd/system/multi-user.target.wants/citygate.service"} {
		if w.has(gone) {
			w.t.Errorf("the purge left %s", gone)
		}
	}
	for _, keep := range []string{"/var/lib/cityregistry/national/keys", "/var/lib/cityfleet/fleet.db", etc + "mosquitto/broker.key"} {
		if !w.has(keep) {
			w.t.Errorf("the purge took %s, which exists nowhere else", keep)
		}
	}
}
