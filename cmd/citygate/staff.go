package main

import (
	"fmt"
	"time"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/sync/outbox"
	"citygate/sync/uplink"
)

// This file implements what the kiosk's staff mode shows and does: ten readings, a test read, a restart.

// duty is the last reading of everything, and what the next one is compared with.
type duty struct {
	readings []kiosk.Reading
	at       time.Time
	frames   uint64
	rate     float64 // frames in a second since the reading before
}

// staffMode joins the page's staff mode to the gateway. It is opened by a code that the pipeline judged, so the pipeline
// is there when it is.
func (d *daemon) staffMode() *kiosk.Staff {
	return &kiosk.Staff{
		Device: d.config.Device, Version: version(),
		Readings: func() []kiosk.Reading {
			if last := d.duty.Load(); last != nil {
				return last.readings
			}
			return []kiosk.Reading{}
		},
		TestRead: func(on bool) {
			if g := d.gateway.Load(); g != nil {
				g.TestRead(on)
			}
		},
		Restart: func() { d.end(errRestart) },
	}
}

// readings takes the ten readings. A mark is that of the worst condition that stands of a part.
func (d *daemon) readings(box outbox.Stats, up uplink.Status, now time.Time) {
	last := d.duty.Load()
	next := &duty{at: now, frames: d.gateway.Load().Frames()}
	frames := ""
	if last != nil && now.After(last.at) {
		next.rate = float64(next.frames-last.frames) / now.Sub(last.at).Seconds()
		frames = fmt.Sprintf("%.1f /s", next.rate)
	}
	active := d.health.Active(now)
	mark := func(codes ...string) string {
		for _, a := range active { // the worst first
			for _, code := range codes {
				if a.Code == code {
					return markOf(a.Severity)
				}
			}
		}
		return kiosk.MarkFine
	}
	used := func(is bool, mark string) string {
		if !is {
			return kiosk.MarkOff
		}
		return mark
	}
	var oldest time.Duration
	for _, l := range d.cache.View().Logs() {
		oldest = max(oldest, now.Sub(l.Time))
	}
	certificate := ""
	if !up.CertEnd.IsZero() {
		certificate = fmt.Sprintf("%d d", int(up.CertEnd.Sub(now).Hours()/24))
	}
	camera := mark(health.CameraMissing, health.CameraStalled, health.CameraGarbage, health.CameraEnded)
	next.readings = []kiosk.Reading{
		{Code: "camera", Mark: camera},
		{Code: "light", Mark: used(camera == kiosk.MarkFine, mark(health.CameraDark, health.CameraBright, health.CameraCovered))},
		{Code: "frames", Mark: camera, Value: frames},
		{Code: "trust", Mark: mark(health.TrustFork, health.TrustMissing, health.TrustOld, health.TrustSync), Value: age(oldest)},
		{Code: "clock", Mark: mark(health.ClockUnsynced), Value: now.Format("15:04:05")},
		{Code: "network", Mark: used(d.uplink != nil, mark(health.Broker))},
		{Code: "waiting", Mark: mark(health.Waiting), Value: fmt.Sprint(box.Depth)},
		{Code: "storage", Mark: mark(health.Storage, health.OutboxDamaged, health.DiskLow), Value: fmt.Sprintf("%.1f MB", float64(box.WALBytes)/1e6)},
		{Code: "certificate", Mark: used(d.uplink != nil, mark(health.Certificate)), Value: certificate},
		{Code: "relay", Mark: used(d.relay != nil, mark(health.RelayFails))},
	}
	d.duty.Store(next)
}

func markOf(s health.Severity) string {
	if s >= health.Serious {
		return kiosk.MarkAlarm
	}
	return kiosk.MarkAttention
}

// age is a duration in its largest unit.
func age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", max(0, d/time.Second))
}
