package main

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/sync/outbox"
	"citygate/sync/uplink"
	"citygate/sync/wire"
	"citygate/trust/cache"
)

// This file implements what the gateway says of itself: conditions, metrics, reported state, the service manager.

const (
	observeEvery = 2 * time.Second
	waitingLong  = time.Hour
	certSoon     = 14 * 24 * time.Hour
	hungAfter    = 10 * time.Second // without progress so long, the watchdog is not fed
)

// gauges are the metrics of what package edge does not know. The names are stable.
type gauges struct {
	depth, oldest, wal, connected, free, temperature prometheus.Gauge
	trustAge, trustSize                              *prometheus.GaugeVec
	evicted, connects                                atomic.Uint64 // since the start
}

func newGauges(r prometheus.Registerer) *gauges {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		r.MustRegister(g)
		return g
	}
	perLog := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"log"})
		r.MustRegister(g)
		return g
	}
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "citygate_build_info", Help: "1, with the version."}, []string{"version"})
	info.WithLabelValues(version()).Set(1)
	r.MustRegister(info)
	g := &gauges{
		depth:     gauge("citygate_outbox_depth", "Events that the fleet has not acknowledged."),
		oldest:    gauge("citygate_outbox_oldest_seconds", "Age of the oldest of them."),
		wal:       gauge("citygate_wal_bytes", "Size of the outbox's write-ahead log."),
		connected: gauge("citygate_mqtt_connected", "1 while connected to a broker."),
		free:      gauge("citygate_disk_free_bytes", "Free space where the outbox is."),

		temperature: gauge("citygate_temperature_celsius", "Temperature of the hottest part that the board measures; 0 where it measures none."),

		trustAge:  perLog("citygate_trust_age_seconds", "Age of the log's checkpoint."),
		trustSize: perLog("citygate_trust_size", "Entries of the log that are held."),
	}
	counter := func(name, help string, n *atomic.Uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(n.Load()) }))
	}
	counter("citygate_outbox_evicted_total", "Events evicted for lack of space since the start.", &g.evicted)
	counter("citygate_mqtt_connects_total", "Connections to brokers made since the start.", &g.connects)
	return g
}

// observe looks at the parts every 2 s until ctx ends.
func (d *daemon) observe(ctx context.Context) error {
	tick := time.NewTicker(observeEvery)
	defer tick.Stop()
	for {
		d.look(ctx, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (d *daemon) look(ctx context.Context, now time.Time) {
	box := d.outbox.Stats(ctx)
	var up uplink.Status
	if d.uplink != nil {
		up = d.uplink.Status()
	}
	d.conditions(box, up, now)
	celsius := d.body(now)
	d.readings(box, up, now)
	g := d.gauges
	g.depth.Set(float64(box.Depth))
	g.oldest.Set(box.Oldest.Seconds())
	g.wal.Set(float64(box.WALBytes))
	g.evicted.Store(uint64(box.Evicted))
	g.connected.Set(0)
	if up.Connected {
		g.connected.Set(1)
	}
	g.connects.Store(uint64(up.Connects))
	var heads []wire.Head
	var oldest time.Duration
	for _, l := range d.cache.View().Logs() {
		g.trustAge.WithLabelValues(l.Short).Set(now.Sub(l.Time).Seconds())
		g.trustSize.WithLabelValues(l.Short).Set(float64(l.Size))
		oldest = max(oldest, now.Sub(l.Time))
		heads = append(heads, wire.Head{Log: l.Short, Size: l.Size, Root: wire.Hash(l.Root), Time: l.Time.Unix()})
	}
	if d.uplink == nil {
		return
	}
	if r := d.report(heads[:min(len(heads), wire.MaxLogs)]); !reflect.DeepEqual(r, d.reported) {
		d.reported = r
		r.At = now.UnixMicro()
		d.uplink.SetReport(r)
	}
	h := wire.Health{FrameMilliHz: uint64(d.duty.Load().rate * 1000), TempMilliC: int64(celsius * 1000), ClockQ: d.clock.quality(), Uptime: uint64(now.Sub(d.began) / time.Second),
		TrustAge: uint64(oldest / time.Second), Conditions: map[string]string{}}
	for _, a := range d.health.Active(now) {
		if len(h.Conditions) < maxConditions {
			h.Conditions[a.Code] = strings.TrimPrefix(h.Conditions[a.Code]+"; "+a.String(), "; ")
		}
	}
	d.uplink.SetHealth(h)
}

// maxConditions is how many conditions one health message carries: the protocol's limit of texts.
const maxConditions = 16

// conditions keeps those that hang on outbox, uplink and cache.
func (d *daemon) conditions(box outbox.Stats, up uplink.Status, now time.Time) {
	d.health.Set(health.Waiting, box.Oldest > waitingLong, fmt.Sprintf("%d events", box.Depth), now)
	d.health.Set(health.OutboxDamaged, d.outbox.Quarantined() != "", d.outbox.Quarantined(), now)
	d.health.Set(health.Broker, d.uplink != nil && !up.Connected, up.LastError, now)
	left := up.CertEnd.Sub(now)
	d.health.Set(health.Certificate, !up.CertEnd.IsZero() && left < certSoon,
		fmt.Sprintf("%d days left", int(left.Hours()/24)), now)
	fork := ""
	for _, a := range d.cache.Alarms() {
		if a.Kind == cache.AlarmFork {
			fork = a.Log
		}
	}
	d.health.Set(health.TrustFork, fork != "", fork, now)
}

// notify tells the service manager that the gateway is ready, and feeds its watchdog while the pipeline makes
// progress. Without a service manager it does nothing.
func (d *daemon) notify(ctx context.Context) error {
	send := func(state string) {
		if _, err := systemd.SdNotify(false, state); err != nil {
			d.log.Warn("service manager not told", "error", err)
		}
	}
	send(systemd.SdNotifyReady)
	defer send(systemd.SdNotifyStopping)
	every, err := systemd.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		<-ctx.Done()
		return nil
	}
	feedWatchdog(ctx, every/3, d.progress, func() { send(systemd.SdNotifyWatchdog) })
	return nil
}

// feedWatchdog tells the watchdog at each interval that the gateway lives, unless the pipeline has been without progress for
// hungAfter: a daemon whose frames, verdicts or events hang is one to restart, however well its other parts do.
func feedWatchdog(ctx context.Context, every time.Duration, progress func() time.Time, tell func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if time.Since(progress()) < hungAfter {
				tell()
			}
		}
	}
}

// clockShown says whether the page shows the time: a synchronised clock's, or one that agrees with the witnesses. No
// verdict hangs on this.
func (d *daemon) clockShown() bool {
	if d.clock.synced() {
		return true
	}
	if d.gateway.Load() == nil {
		return false
	}
	for _, l := range d.cache.View().Logs() {
		if age := time.Since(l.Time); age > -clockAgrees && age < clockAgrees {
			return true
		}
	}
	return false
}

// clockAgrees is how far the clock may be from a checkpoint's time and still be shown; logs are cosigned again at
// least every 10 minutes.
const clockAgrees = 15 * time.Minute

// readiness is what /readyz says.
func (d *daemon) readiness() kiosk.Readiness {
	active := d.health.Active(time.Now())
	r := kiosk.Readiness{Ready: health.Ready(active)}
	for _, a := range active {
		r.Conditions = append(r.Conditions, kiosk.Condition{
			Code: a.Code, Title: a.String(), Severity: a.Severity.String(), Since: a.Since.UTC(), Detail: a.Detail, Hint: a.Hint,
		})
	}
	return r
}
