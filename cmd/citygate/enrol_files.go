package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"citygate/edge/config"
	"citygate/fleet/enrolment"
	"citygate/internal/durable"
	"citygate/internal/keyfile"
)

// This file implements what enrolment leaves on the disk, in an order in which every step may be the last one before a
// power cut:
//
//	enrol/               folder of mode 0700 beside event_key; nothing of it is used by the gateway
//	enrol/device.key     made once, mode 0600
//	enrol/event.key      made once, mode 0600: from here on the claim code stays the same
//	enrol/grant.cbor     what the fleet gave: from here on no network is needed
//	root_policy, ca, cert, key, fleet_key, and device, place, brokers, mirrors in the configuration
//	event_key            copied last: with it the device is enrolled, and the gateway's unit may start
//
// and then enrol/ is removed. A start looks from the end: event_key there, then only the removal may be missing;
// grant.cbor there, then everything after it is done again, which changes nothing that is there already.

// Files in the folder of an enrolment under way.
const (
	enrolFolder = "enrol"
	tlsKeyFile  = "device.key"
	eventFile   = "event.key"
	grantFile   = "grant.cbor"
)

// deviceFiles are where a device's enrolment goes: the paths of its configuration.
type deviceFiles struct {
	file    string // the configuration's
	config  config.Config
	pending string // the folder enrol/
}

// deviceKeys are the two keys that a device makes itself.
type deviceKeys struct {
	tls   *ecdsa.PrivateKey
	event ed25519.PrivateKey
}

func openDeviceFiles(file string) (*deviceFiles, error) {
	c, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(file)
	for path, name := range map[*string]string{&c.CA: "ca.pem", &c.Cert: "device.pem", &c.Key: tlsKeyFile, &c.FleetKey: "fleet.vkey"} {
		if *path == "" {
			*path = filepath.Join(dir, name)
		}
	}
	return &deviceFiles{file: file, config: c, pending: filepath.Join(filepath.Dir(c.EventKey), enrolFolder)}, nil
}

// resume finishes what an earlier run has begun to finish. It says whether the device is enrolled.
func (d *deviceFiles) resume() (bool, error) {
	if _, err := os.Stat(d.config.EventKey); err == nil {
		return true, d.tidy()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	b, err := readSmall(filepath.Join(d.pending, grantFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	g, err := enrolment.ParseGrant(b)
	if err != nil {
		return false, fmt.Errorf("%s: %w", filepath.Join(d.pending, grantFile), err)
	}
	return true, d.install(g)
}

// tidy removes the folder of a finished enrolment. One whose event key is not the device's belongs to keys that were
// brought by hand in between; it is left for whoever did so.
func (d *deviceFiles) tidy() error {
	made, err := os.ReadFile(filepath.Join(d.pending, eventFile))
	if err != nil {
		return nil // nothing is left, or nobody else's business
	}
	have, err := os.ReadFile(d.config.EventKey)
	if err != nil || !bytes.Equal(made, have) {
		return nil
	}
	return os.RemoveAll(d.pending)
}

// makeKeys makes the device's keys, or reads those of an earlier run.
func (d *deviceFiles) makeKeys() (k deviceKeys, err error) {
	if err = durable.MkdirAll(d.pending, 0o700); err != nil {
		return k, fmt.Errorf("%w (run as the gateway's user, which owns the folder)", err)
	}
	if k.tls, err = tlsKey(filepath.Join(d.pending, tlsKeyFile)); err != nil {
		return k, err
	}
	file := filepath.Join(d.pending, eventFile)
	if _, err = keyfile.Make("device", file); err != nil && !errors.Is(err, fs.ErrExist) {
		return k, err
	}
	k.event, err = keyfile.ReadSeed(file)
	return k, err
}

func tlsKey(file string) (*ecdsa.PrivateKey, error) {
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return nil, err
	}
	err = durable.WriteNew(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return made, err
	}
	b, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(b); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if ec, ok := key.(*ecdsa.PrivateKey); ok {
				return ec, nil
			}
		}
	}
	return nil, fmt.Errorf("%s is no key (remove it to begin anew, with another claim code)", file)
}

// keepGrant checks what the fleet gave for this request and puts it on the disk.
func (d *deviceFiles) keepGrant(b []byte, r *enrolment.Request) (*enrolment.Grant, error) {
	g, err := enrolment.ParseGrant(b)
	if err != nil {
		return nil, err
	}
	if err := g.For(r); err != nil {
		return nil, err
	}
	return g, durable.WriteFile(filepath.Join(d.pending, grantFile), b, 0o644)
}

// install puts everything where the gateway reads it, the event key last.
func (d *deviceFiles) install(g *enrolment.Grant) error {
	c := d.config
	pins, err := pinned(g)
	if err != nil {
		return err
	}
	key, err := readSmall(filepath.Join(d.pending, tlsKeyFile))
	if err != nil {
		return err
	}
	seed, err := readSmall(filepath.Join(d.pending, eventFile))
	if err != nil {
		return err
	}
	toml, err := d.edited(g)
	if err != nil {
		return err
	}
	type file struct {
		path string
		data []byte
		mode fs.FileMode
	}
	files := []file{
		{c.RootPolicy, g.RootPolicy, 0o644}, {c.CA, pemChain(g.CA...), 0o644}, {c.Cert, pemChain(g.Cert), 0o644},
		{c.FleetKey, pins, 0o644}, {c.Key, key, 0o600}, {d.file, toml, 0o644}, {c.EventKey, seed, 0o600},
	}
	for _, f := range files {
		if err := durable.WriteFile(f.path, f.data, f.mode); err != nil {
			return err
		}
	}
	return d.tidy()
}

// pinned are the keys that the gateway pins, a line each: the fleet's, and the operations' where there is one.
func pinned(g *enrolment.Grant) ([]byte, error) {
	var b []byte
	for _, pin := range []struct {
		name string
		key  []byte
	}{{"fleet", g.FleetKey}, {"operations", g.OpsKey}} {
		if len(pin.key) == 0 {
			continue
		}
		vkey, err := note.NewEd25519VerifierKey(pin.name, pin.key)
		if err != nil {
			return nil, err
		}
		b = append(b, vkey+"\n"...)
	}
	return b, nil
}

// edited is the configuration with what the fleet decided in it.
func (d *deviceFiles) edited(g *enrolment.Grant) ([]byte, error) {
	b, err := readSmall(d.file)
	if err != nil {
		return nil, err
	}
	values := map[string]any{"device": g.Device, "place": g.Place, "brokers": g.Brokers}
	if len(g.Mirrors) > 0 {
		values["mirrors"] = g.Mirrors
	}
	before, err := config.Parse(d.file, b)
	if err != nil {
		return nil, err
	}
	for key, p := range map[string]struct{ have, want string }{
		"ca": {before.CA, d.config.CA}, "cert": {before.Cert, d.config.Cert}, "key": {before.Key, d.config.Key}, "fleet_key": {before.FleetKey, d.config.FleetKey},
	} {
		if p.have == "" {
			values[key] = filepath.Base(p.want)
		}
	}
	return config.Edit(d.file, b, values)
}

func pemChain(list ...[]byte) []byte {
	var b bytes.Buffer
	for _, der := range list {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a buffer takes everything
	}
	return b.Bytes()
}
