package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// This file implements the check of `citygate doctor` for files and devices that the gateway's user may not use, or that
// others may.

// checkPermissions wants every file of the configuration readable, every secret its owner's alone, state_dir writable,
// and the devices that are named usable, each by whoever runs the doctor.
func checkPermissions(_ context.Context, e *examination) finding {
	c := e.config
	for _, key := range []struct{ name, path string }{{"event_key", c.EventKey}, {"key", c.Key}} {
		if st, err := os.Stat(key.path); err == nil && st.Mode().Perm()&0o077 != 0 {
			return fail(fmt.Sprintf("%s has mode %04o: others can read a private key", key.path, st.Mode().Perm()),
				"chmod 600 "+key.path+"; if others may have read it, enrol the device again")
		}
	}
	for _, path := range []string{e.file, c.RootPolicy, c.EventKey, c.FleetKey, c.Policy, c.CA, c.Cert, c.Key} {
		if f := access(path, unix.R_OK, "read"); f != nil {
			return *f
		}
	}
	if f := access(c.StateDir, unix.W_OK|unix.X_OK, "write"); f != nil {
		return *f
	}
	for _, device := range append(slices.Clone(c.Cameras), c.Relay) {
		if f := access(devicePath(device), unix.R_OK|unix.W_OK, "use"); f != nil {
			f.Hint = "put the gateway's user into the group of the device: ls -l " + devicePath(device) + "; usermod -aG GROUP citygate"
			return *f
		}
	}
	return good(fmt.Sprintf("everything can be used by this user (uid %d)", os.Getuid()))
}

// access is a finding if path is there and may not be used so; what is not there is another check's.
func access(path string, mode uint32, verb string) *finding {
	if path == "" {
		return nil
	}
	err := unix.Access(path, mode)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return nil
	}
	f := fail(fmt.Sprintf("this user (uid %d) may not %s %s", os.Getuid(), verb, path),
		"run the doctor as the gateway's user (sudo -u citygate); if that is what you did: systemd-tmpfiles --create")
	return &f
}

// devicePath is the file in /dev that a camera or a relay of the configuration names, or empty.
func devicePath(s string) string {
	at := strings.Index(s, "/dev/")
	if at < 0 || at > 0 && !strings.HasSuffix(s[:at], ":") {
		return ""
	}
	s = s[at:]
	if end := strings.IndexAny(s, "?, "); end >= 0 {
		s = s[:end]
	}
	return s
}
