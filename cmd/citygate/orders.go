package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"time"

	"citygate/edge/config"
	"citygate/edge/control"
	"citygate/edge/health"
	"citygate/sync/uplink"
	"citygate/sync/wire"
)

// This file implements what operations order: desired states and commands, as package control judges them. The
// commands themselves are in actions.go and rotate.go.

// Files in state_dir.
const (
	ordersFile   = "orders.json"    // commands and desired states that were taken
	takenOutFile = "out-of-service" // there while the gateway is out of service; holds the reason
)

// How a life of the daemon ends on an order, or a restart in the staff mode. Both are the cause of its context.
var (
	errReload  = errors.New("the configuration is read again")
	errRestart = errors.New("the program begins anew")
)

// orders is what the daemon does for operations. It lives as long as the daemon.
type orders struct {
	d       *daemon
	file    string
	control *control.Control
	inForce config.Config // what the daemon was made from
	lines   *recentLines  // the log's newest

	closed atomic.Bool // out of service
	begun  bool        // the first Apply is over; owned by control's goroutine
}

// newOrders reads what was ordered, and puts the desired state over the configuration's file. It returns nil where no
// operations key is pinned. A damaged file is set aside: an order may then be done a second time, which harms less than
// a gateway that does not start.
func newOrders(file string, s *setup, log *slog.Logger) (*orders, error) {
	if s.opsKey == nil {
		return nil, nil
	}
	o := &orders{file: file}
	// Before the databases are open, nothing comes; a clock that agrees with the witnesses is good enough for orders.
	synced := func() bool { return o.d.clockShown() }
	co := control.Options{
		File: filepath.Join(s.config.StateDir, ordersFile), Actions: o.actions(), Apply: o.apply,
		Result: func(r wire.CommandResult) bool { return o.d.uplink.Result(r) }, Synced: synced, Logger: log,
	}
	var err error
	if o.control, err = control.New(co); err != nil {
		log.Error("orders are forgotten", "error", err)
		if moved := os.Rename(co.File, co.File+".damaged"); moved != nil {
			return nil, errors.Join(err, moved)
		}
		if o.control, err = control.New(co); err != nil {
			return nil, err
		}
	}
	s.config, _ = effective(s.config, o.control.Held())
	o.inForce = s.config
	_, err = os.Stat(filepath.Join(s.config.StateDir, takenOutFile))
	o.closed.Store(err == nil)
	return o, nil
}

// effective puts the desired states over the file: the ring's, and over it the gateway's own.
func effective(c config.Config, held control.Held) (config.Config, control.Applied) {
	own := held["d/"+c.Device]
	a := control.Applied{Own: own.Number, Ring: config.Ring(own.Body), Drift: map[string]string{}}
	ring := held["g/"+a.Ring]
	a.RingNumber = ring.Number
	for _, body := range [][]byte{ring.Body, own.Body} {
		var drift map[string]string
		c, drift = c.With(body)
		maps.Copy(a.Drift, drift)
	}
	if len(a.Drift) > maxDrift {
		a.Drift = map[string]string{"desired": fmt.Sprintf("%d keys cannot be set", len(a.Drift))}
	}
	return c, a
}

// maxDrift leaves room for what package control adds to the protocol's 16 texts.
const maxDrift = 15

// apply is what package control calls with the desired states. A configuration that differs from the one in force
// needs a new life of the daemon; the first call of a life never asks for one, so that no state can keep it from living.
func (o *orders) apply(_ context.Context, held control.Held) control.Applied {
	first := !o.begun
	o.begun = true
	want, err := config.Load(o.file)
	if err != nil {
		_, a := effective(o.inForce, held)
		a.Drift["file"] = "the gateway's own file is wrong: " + err.Error()
		return a
	}
	next, a := effective(want, held)
	switch same := reflect.DeepEqual(next, o.inForce); {
	case !same && first:
		a.Drift["file"] = "the gateway's own file has changed since the start"
	case !same:
		o.d.log.Info("desired state changes the configuration; beginning anew", "own", a.Own, "ring", a.Ring, "ring_number", a.RingNumber)
		o.d.end(errReload)
	}
	return a
}

// digest names a configuration in the reported state.
func digest(c *config.Config) string {
	h := sha256.New()
	if config.Print(h, c) != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// setTakenOut puts the gateway out of service or back, also across restarts.
func (o *orders) setTakenOut(out bool, reason string) error {
	path := filepath.Join(o.inForce.StateDir, takenOutFile)
	var err error
	if out {
		err = os.WriteFile(path, []byte(reason+"\n"), 0o600)
	} else if err = os.Remove(path); errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("remember that the gateway is out of service: %w", err)
	}
	o.closed.Store(out)
	o.d.health.Set(health.TakenOut, out, reason, time.Now())
	return nil
}

// attach names the daemon, before anything runs.
func (o *orders) attach(d *daemon) {
	o.d = d
	if !o.closed.Load() {
		return
	}
	reason, err := readSmall(filepath.Join(o.inForce.StateDir, takenOutFile))
	if err != nil {
		d.log.Warn("why the gateway is out of service is not known", "error", err)
	}
	d.health.Raise(health.TakenOut, oneLine(string(reason)), time.Now())
}

// uplinkConfig is what the uplink is made from.
func (d *daemon) uplinkConfig() (uplink.Config, uplink.Sinks) {
	cert, key := clientPair(&d.config)
	c := uplink.Config{
		Brokers: d.config.Brokers, CA: d.config.CA, Cert: cert, CertKey: key, Key: d.eventKey, FleetKey: d.fleetKey, OpsKey: d.opsKey,
		Software: version(), Logger: d.log,
	}
	sinks := uplink.Sinks{Trust: d.down}
	if d.orders != nil {
		c.Rings = []string{config.Ring(d.orders.control.Held()["d/"+d.config.Device].Body)}
		sinks.Control = d.orders.control
	}
	return c, sinks
}

// report is the reported state.
func (d *daemon) report(heads []wire.Head) wire.Report {
	r := wire.Report{Software: version(), Trust: heads, Place: d.config.Place, Config: digest(&d.config)}
	if d.orders == nil {
		return r
	}
	a := d.orders.control.Status()
	r.Desired, r.Ring, r.RingDesired, r.Drift = a.Own, a.Ring, a.RingNumber, a.Drift
	return r
}

// live runs the daemon until ctx ends, or an order ends this life: then the error is errReload or errRestart.
func (d *daemon) live(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	d.end = end
	err := d.run(ctx)
	if cause := context.Cause(ctx); err == nil && (errors.Is(cause, errReload) || errors.Is(cause, errRestart)) {
		return cause
	}
	return err
}

// lives runs one daemon after the other, until ctx ends, one fails, or the program is to begin anew.
func lives(ctx context.Context, file string, try bool, out io.Writer) int {
	lines := newRecentLines(out)
	log := slog.New(slog.NewJSONHandler(lines, nil))
	for {
		d, err := newDaemon(file, try, log)
		if err != nil {
			fmt.Fprintf(out, "citygate run: %v\n", err)
			return exitUsage
		}
		if d.orders != nil {
			d.orders.lines = lines
		}
		switch err := d.live(ctx); {
		case errors.Is(err, errReload):
		case errors.Is(err, errRestart):
			return exitAnew
		case err != nil:
			fmt.Fprintf(out, "citygate run: %v\n", err)
			return exitFailed
		default:
			return exitOK
		}
	}
}
