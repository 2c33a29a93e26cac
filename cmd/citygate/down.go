package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"citygate/edge/health"
	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
)

// This file implements the way down: trust data from the broker, or by HTTP where nothing comes from there.

const (
	readTimeout  = 15 * time.Second // for one tile from one mirror
	applyTimeout = 5 * time.Minute  // for one checkpoint with all that it needs
	applyAgain   = 5 * time.Second  // after a checkpoint could not be applied
	pullEvery    = 15 * time.Second // from HTTP mirrors, while the broker gives nothing
	quietAfter   = time.Minute      // without a checkpoint the broker gives nothing
)

// link is what the way down asks of the uplink.
type link interface {
	Logs(names ...string)
	Want(log, resource string)
}

// down brings checkpoints and what they need into the trust cache. It is the uplink's trust sink: those methods only
// hand over. Every log has its own turn, so that one that lacks a tile does not hold up the others.
type down struct {
	cache    *cache.Cache
	messages *mirror.Messages
	http     mirror.Multi
	health   *health.Tracker
	log      *slog.Logger
	link     link // nil without brokers

	wake chan struct{}

	mu      sync.Mutex
	pending map[string][]byte // guarded by mu; newest checkpoint of a log that is to be applied
	busy    map[string]bool   // guarded by mu; logs whose checkpoint is being applied
	failed  map[string]string // guarded by mu; why the last checkpoint of a log was not applied
	heard   time.Time         // guarded by mu; when the broker gave the last checkpoint
}

func newDown(c *cache.Cache, mirrors []string, h *health.Tracker, log *slog.Logger) *down {
	d := &down{
		cache: c, health: h, log: log, wake: make(chan struct{}, 1), heard: time.Now(),
		pending: map[string][]byte{}, busy: map[string]bool{}, failed: map[string]string{},
	}
	d.messages = mirror.NewMessages(func(log, resource string) {
		if d.link != nil {
			d.link.Want(log, resource)
		}
	})
	for _, base := range mirrors {
		d.http = append(d.http, mirror.HTTP{Base: base})
	}
	return d
}

// attach names the uplink, before anything runs.
func (d *down) attach(l link) {
	d.link = l
	l.Logs(d.cache.Logs()...)
}

// Checkpoint takes a checkpoint from the broker.
func (d *down) Checkpoint(log string, raw []byte) {
	d.mu.Lock()
	d.pending[log] = slices.Clone(raw)
	d.heard = time.Now()
	d.mu.Unlock()
	d.poke()
}

// Deliver takes a tile or a bundle from the broker.
func (d *down) Deliver(log, resource string, b []byte) bool {
	return d.messages.Deliver(log, resource, b)
}

func (d *down) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// source is where bytes come from: the broker first, then the mirrors. The cache turns to the next by itself when one
// is silent or gives bad tiles.
func (d *down) source() cache.Source {
	if d.link == nil {
		return d.http
	}
	return append(mirror.Multi{d.messages}, d.http...)
}

// run applies what comes until ctx ends.
func (d *down) run(ctx context.Context) error {
	var turns sync.WaitGroup
	defer turns.Wait()
	pull := time.NewTicker(pullEvery)
	defer pull.Stop()
	pulling := make(chan struct{}, 1) // holds a token while the mirrors are read
	tryPull := func() {
		select {
		case pulling <- struct{}{}:
			turns.Go(func() { d.pull(ctx); <-pulling })
		default:
		}
	}
	if d.link == nil {
		tryPull()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-pull.C:
			if d.quiet() {
				tryPull()
			}
		}
		for log, raw := range d.take() {
			turns.Go(func() { d.apply(ctx, log, raw) })
		}
	}
}

// take hands out the checkpoints whose log has no turn now. The directory goes alone and first: it names the others.
func (d *down) take() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string][]byte{}
	if d.busy[ledger.DirectoryLog] {
		return out
	}
	for log, raw := range d.pending {
		if _, directory := d.pending[ledger.DirectoryLog]; d.busy[log] || directory && log != ledger.DirectoryLog {
			continue
		}
		out[log] = raw
		d.busy[log] = true
	}
	for log := range out {
		delete(d.pending, log)
	}
	return out
}

// apply brings one checkpoint into the cache, and tries again later unless a newer one has come by then.
func (d *down) apply(ctx context.Context, log string, raw []byte) {
	bounded, cancel := context.WithTimeout(ctx, applyTimeout)
	err := d.cache.Apply(bounded, log, raw, d.source())
	cancel()
	if err == nil && log == ledger.DirectoryLog && d.link != nil {
		d.link.Logs(d.cache.Logs()...)
	}
	d.mu.Lock()
	delete(d.busy, log)
	switch {
	case ctx.Err() != nil:
	case err == nil || errors.Is(err, cache.ErrNotFollowed):
		delete(d.failed, log)
	default:
		if d.failed[log] == "" {
			d.log.Warn("checkpoint not applied; trying again", "log", log, "error", err)
		}
		d.failed[log] = err.Error()
		time.AfterFunc(applyAgain, func() { d.again(log, raw) })
	}
	d.report()
	d.mu.Unlock()
	d.poke()
}

func (d *down) again(log string, raw []byte) {
	d.mu.Lock()
	if _, newer := d.pending[log]; !newer {
		d.pending[log] = raw
	}
	d.mu.Unlock()
	d.poke()
}

// report keeps the health condition. It needs mu.
func (d *down) report() {
	detail := ""
	for _, log := range d.cache.Logs() {
		if why := d.failed[log]; why != "" {
			detail = fmt.Sprintf("%s: %s", log, why)
			break
		}
	}
	d.health.Set(health.TrustSync, detail != "", detail, time.Now())
}

// quiet says whether the broker gives nothing, so that the mirrors are to be asked.
func (d *down) quiet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.http) > 0 && (d.link == nil || time.Since(d.heard) > quietAfter)
}

// pull brings all logs up to date from the HTTP mirrors.
func (d *down) pull(ctx context.Context) {
	if len(d.http) == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	_, err := d.cache.Sync(bounded, d.http)
	if ctx.Err() != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.failed[ledger.DirectoryLog] == "" {
		d.log.Warn("mirrors give no good ledger data; trying again", "error", err)
	}
	if delete(d.failed, ledger.DirectoryLog); err != nil {
		d.failed[ledger.DirectoryLog] = err.Error()
	}
	d.report()
}
