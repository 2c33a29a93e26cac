package main

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
	"time"

	"citygate/fleet/enrolment"
	"citygate/internal/pki"
)

// A power cut after any of the steps that make a device a gateway leaves what the next start completes, without a
// network and to the same octets.
func TestEnrolResumesAtEachStep(t *testing.T) {
	s := newDevice(t, newOffice(t))
	file := filepath.Join(s.dir, "citygate.toml")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	grant := grantFor(t, file)
	pending := readAll(t, filepath.Join(s.dir, enrolFolder))

	d, err := openDeviceFiles(file)
	if err != nil {
		t.Fatal(err)
	}
	if done, err := d.resume(); !done || err != nil {
		t.Fatalf("resume with a grant: %v, %v", done, err)
	}
	// In the order of install; the event key is the last one.
	steps := []string{"root.json", "ca.pem", "device.pem", "fleet.vkey", "device.key", "citygate.toml", "event.key"}
	want := map[string][]byte{}
	for _, name := range steps {
		want[name] = readFile(t, filepath.Join(s.dir, name))
	}
	if st, err := os.Stat(filepath.Join(s.dir, enrolFolder)); err == nil {
		t.Errorf("%s is left", st.Name())
	}
	for done := range len(steps) + 1 {
		for name, b := range pending { // the folder as it was when the grant had come
			writeFile(t, filepath.Join(s.dir, enrolFolder, name), b)
		}
		for _, name := range steps[done:] {
			if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if done <= 5 {
			writeFile(t, file, before)
		}
		d, err := openDeviceFiles(file)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := d.resume(); !ok || err != nil {
			t.Fatalf("resume after %d steps: %v, %v", done, ok, err)
		}
		for name, b := range want {
			if got := readFile(t, filepath.Join(s.dir, name)); !bytes.Equal(got, b) {
				t.Errorf("after %d steps %s is %q, want %q", done, name, got, b)
			}
		}
		if _, err := os.Stat(filepath.Join(s.dir, enrolFolder)); err == nil {
			t.Errorf("after %d steps %s is left", done, enrolFolder)
		}
	}
	if c, err := loadSetup(file); err != nil || c.config.Device != "sjz-1" || !grant.FleetKey.Equal(c.fleetKey) || !grant.FleetKey.Equal(c.opsKey) {
		t.Errorf("the gateway reads %+v, %v", c.config, err)
	}
	for _, name := range []string{"device.key", "event.key"} {
		if st, err := os.Stat(filepath.Join(s.dir, name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", name, st.Mode(), err)
		}
	}
}

// granted is what tests compare of a grant.
type granted struct{ FleetKey ed25519.PublicKey }

// grantFor makes the device's keys and leaves a fleet's grant in its folder, as the moment after it has come.
func grantFor(t *testing.T, file string) granted {
	t.Helper()
	authority, err := pki.Open(t.TempDir(), "test fleet", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	d, err := openDeviceFiles(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := d.makeKeys()
	if err != nil {
		t.Fatal(err)
	}
	r, err := enrolment.NewRequest(enrolment.PinOf(authority.Cert()), keys.tls, keys.event, "v1", "", "k1")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certify("sjz-1", r.PublicKey(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	fleetKey := ed25519.PublicKey(bytes.Repeat([]byte{1}, ed25519.PublicKeySize))
	g, err := enrolment.Grant{Device: "sjz-1", Place: "MA.156.1301.02", Cert: cert, CA: [][]byte{authority.Cert().Raw},
		Brokers: []string{"tls://broker.example:8883"}, FleetKey: fleetKey, OpsKey: fleetKey, RootPolicy: newOffice(t).Root.Marshal()}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.keepGrant(g, r); err != nil {
		t.Fatal(err)
	}
	return granted{fleetKey}
}

// A grant for other keys, as after a mix-up at the fleet, is not kept.
func TestEnrolKeepsOnlyItsOwnGrant(t *testing.T) {
	nation := newOffice(t)
	mine, other := newDevice(t, nation), newDevice(t, nation)
	grantFor(t, filepath.Join(other.dir, "citygate.toml"))
	b := readFile(t, filepath.Join(other.dir, enrolFolder, grantFile))
	d, err := openDeviceFiles(filepath.Join(mine.dir, "citygate.toml"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := d.makeKeys()
	if err != nil {
		t.Fatal(err)
	}
	r, err := enrolment.NewRequest(enrolment.Pin{}, keys.tls, keys.event, "v1", "", "k1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.keepGrant(b, r); err == nil {
		t.Error("another device's grant was kept")
	}
	if done, err := d.resume(); done || err != nil {
		t.Errorf("resume: %v, %v", done, err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// readAll is every file of a folder by name.
func readAll(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, e := range list {
		all[e.Name()] = readFile(t, filepath.Join(dir, e.Name()))
	}
	return all
}
