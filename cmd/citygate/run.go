package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"citygate/edge"
	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/edge/policy"
	"citygate/edge/relay"
	"citygate/scanner"
	"citygate/sync/outbox"
	"citygate/sync/uplink"
	"citygate/sync/wire"
	"citygate/trust/cache"
	"citygate/trust/cityid"
)

// This file implements `citygate run`: it joins the packages to a gateway and owns their lives.

const runUsage = `usage: citygate run --config FILE [--try]

Runs the gateway until SIGTERM or Ctrl-C. ` + "`citygate config`" + ` explains FILE.
With --try the page /try scans with the browser's own camera: for trying the
gateway on a laptop, not for the street. Its events are marked.

Exit status: 0 after an orderly end, 1 if the gateway cannot go on, 3 for
wrong usage or a wrong configuration, which changes nothing.
`

// Files in state_dir.
const (
	trustFile  = "trust.db"
	outboxFile = "outbox.db"
)

// openAgain is the pause after state_dir could not be used; the page says "out of service" meanwhile.
const openAgain = 2 * time.Second

func runGateway(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("run", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	file := set.String("config", "", "")
	try := set.Bool("try", false, "")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, runUsage)
		return exitOK
	}
	if err == nil && (*file == "" || set.NArg() > 0) {
		err = errors.New("wants --config FILE and nothing else")
	}
	if err != nil {
		fmt.Fprintf(stderr, "citygate run: %v (citygate run --help shows the usage)\n", err)
		return exitUsage
	}
	return lives(ctx, *file, *try, stderr)
}

// daemon is everything that a gateway is made of.
type daemon struct {
	setup
	log     *slog.Logger
	began   time.Time
	health  *health.Tracker
	metrics *prometheus.Registry
	gauges  *gauges
	clock   *clock
	orders  *orders // nil where no operations key is pinned

	page    *kiosk.Server
	cache   *cache.Cache
	outbox  *outbox.Outbox
	uplink  *uplink.Uplink // nil without brokers
	down    *down
	relay   *relay.Relay                 // nil where nothing opens
	gateway atomic.Pointer[edge.Gateway] // nil until the databases are open
	trial   atomic.Pointer[edge.Trial]   // likewise
	duty    atomic.Pointer[duty]         // what the staff mode shows; nil before the first look
	end     context.CancelCauseFunc      // ends this life of the daemon with errReload or errRestart; set before anything runs

	reported wire.Report // the last report; owned by observe
}

// newDaemon reads everything that the configuration names. It changes nothing on the disk.
func newDaemon(file string, try bool, log *slog.Logger) (*daemon, error) {
	s, err := loadSetup(file)
	if err != nil {
		return nil, err
	}
	o, err := newOrders(file, &s, log)
	if err != nil {
		return nil, err
	}
	d := &daemon{setup: s, orders: o, log: log, began: time.Now(), health: health.New(), metrics: prometheus.NewRegistry(), clock: newClock()}
	d.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	d.gauges = newGauges(d.metrics)
	if o != nil {
		o.attach(d)
	}
	ko := kiosk.Options{
		City: s.config.City, Kiosk: s.config.Kiosk, Nearest: s.config.Nearest, Help: s.config.Help, Lens: s.config.Lens,
		Theme: s.config.Theme, Language: s.config.Language, Progress: d.progress, ClockSet: d.clockShown,
		Ready: d.readiness, Staff: d.staffMode(), Metrics: promhttp.HandlerFor(d.metrics, promhttp.HandlerOpts{}), Logger: log,
	}
	if try {
		ko.Try = d.lookAt
	}
	d.page, err = kiosk.New(ko)
	return d, err
}

// progress is the pipeline's; before it begins, while the databases are opened, it is always just now.
func (d *daemon) progress() time.Time {
	if g := d.gateway.Load(); g != nil {
		return g.Progress()
	}
	return time.Now()
}

// run serves the page at once, opens the databases, and then runs everything until ctx ends. What records and sends
// events ends last, so that the last event is stored too.
func (d *daemon) run(ctx context.Context) error {
	l, err := net.Listen("tcp", d.config.Listen)
	if err != nil {
		return fmt.Errorf("serve the citizen's page: %w (is another gateway running?)", err)
	}
	front, frontCtx := errgroup.WithContext(ctx)
	front.Go(func() error { return d.page.Run(frontCtx, l) })
	err = d.open(frontCtx)
	defer d.close()
	if err == nil {
		err = d.join()
	}
	if err != nil {
		front.Go(func() error { return err })
		return front.Wait()
	}
	return d.serve(ctx, front, frontCtx, l.Addr().String())
}

// serve runs everything in the two groups: front ends with ctx; what stores and sends events ends after it.
func (d *daemon) serve(ctx context.Context, front *errgroup.Group, frontCtx context.Context, address string) error {
	store, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	back, storeCtx := errgroup.WithContext(store)
	back.Go(func() error { return d.outbox.Run(storeCtx) })
	if d.uplink != nil {
		back.Go(func() error { return d.uplink.Run(storeCtx) })
	}
	parts := []func(context.Context) error{d.gateway.Load().Run, d.down.run, d.observe, d.notify}
	if d.relay != nil {
		parts = append(parts, d.relay.Run)
	}
	if d.orders != nil {
		parts = append(parts, d.orders.control.Run)
	}
	for _, run := range parts {
		front.Go(func() error { return run(frontCtx) })
	}
	front.Go(func() error { // the end of storing ends everything
		select {
		case <-storeCtx.Done():
			return errors.New("the outbox has ended")
		case <-frontCtx.Done():
			return nil
		}
	})
	d.log.Info("gateway runs", "device", d.config.Device, "page", "http://"+address+"/", "version", version())
	err := front.Wait()
	stopStore()
	if backErr := back.Wait(); backErr != nil {
		return backErr
	}
	if err == nil {
		d.log.Info("gateway ended")
	}
	return err
}

// open opens the databases and tries again while the disk does not let it.
func (d *daemon) open(ctx context.Context) error {
	for {
		err := d.openOnce()
		if err == nil {
			return nil
		}
		d.close()
		d.log.Error("state_dir cannot be used; trying again", "error", err, "hint", "check its owner, its mode and the disk, and that no other gateway uses it")
		select {
		case <-ctx.Done():
			return err
		case <-time.After(openAgain):
		}
	}
}

func (d *daemon) openOnce() (err error) {
	dir := d.config.StateDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	d.cache, err = cache.Open(filepath.Join(dir, trustFile), cache.Options{
		Root: d.root, Follow: d.config.Follow, Logger: d.log, Stall: readTimeout,
	})
	if err != nil {
		return err
	}
	d.outbox, err = outbox.Open(filepath.Join(dir, outboxFile), outbox.Options{
		Device: d.config.Device, Software: version(), Place: d.config.Place, ClockQ: d.clock.quality, Logger: d.log,
	})
	return err
}

func (d *daemon) close() {
	if d.outbox != nil {
		if err := d.outbox.Close(); err != nil {
			d.log.Error("close outbox", "error", err)
		}
	}
	if d.cache != nil {
		if err := d.cache.Close(); err != nil {
			d.log.Error("close trust database", "error", err)
		}
	}
	d.outbox, d.cache = nil, nil
}

// join makes the parts that need the databases and ties their seams.
func (d *daemon) join() error {
	d.down = newDown(d.cache, d.config.Mirrors, d.health, d.log)
	if len(d.config.Brokers) > 0 {
		uc, sinks := d.uplinkConfig()
		u, err := uplink.New(uc, d.outbox, sinks)
		if err != nil {
			return err
		}
		d.uplink = u
		d.down.attach(u)
	}
	formats, err := scanner.ParseFormats(joinFormats(d.config.Formats))
	if err != nil {
		return err
	}
	place, err := cityid.Parse(d.config.Place)
	if err != nil {
		return err
	}
	var gate edge.Gate
	if d.config.Relay != "" {
		out, err := relay.Parse(d.config.Relay, d.eventKey, d.log)
		if err != nil {
			return fmt.Errorf("relay: %w", err)
		}
		d.relay = relay.New(out, relay.Options{Logger: d.log, Failed: func(err error) {
			d.health.Set(health.RelayFails, err != nil, fmt.Sprint(err), time.Now())
		}})
		gate = d.relay
	}
	var nonces *policy.Nonces // the kiosk's own screen and the page /try show the same
	if d.policy.DemandsNonce() {
		nonces = policy.NewNonces()
	}
	o := edge.Options{
		Nonces: nonces, Gate: gate, Device: d.config.Device, Views: d.cache,
		Outbox: appender{d.outbox}, Screen: d.page, Policy: d.policy, Health: d.health, Metrics: edge.NewMetrics(d.metrics),
		Place: place, Version: version(), Synced: d.clock.synced, Logger: d.log,
	}
	if d.orders != nil {
		o.Closed = d.orders.closed.Load
	}
	for _, source := range d.config.Cameras {
		open := func(ctx context.Context) (edge.Frames, error) { return d.openCamera(ctx, source) }
		o.Cameras = append(o.Cameras, edge.Camera{Open: open, Tracker: newTracker(formats)})
	}
	d.gateway.Store(edge.New(o))
	d.trial.Store(edge.NewTrial(o, newTracker(formats)))
	return nil
}

func newTracker(formats scanner.Formats) *scanner.Tracker {
	return scanner.NewTracker(scanner.TrackerOptions{Options: scanner.Options{Formats: formats}})
}
