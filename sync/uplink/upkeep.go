package uplink

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"citygate/sync/wire"
)

// upkeep keeps the subscriptions as they are wanted and publishes what the gateway says of itself.
func (s *session) upkeep(ctx context.Context) error {
	k := &keeper{s: s, subscribed: map[string]bool{}}
	k.missed(s.refused)
	health := time.NewTimer(0) // the first at once
	defer health.Stop()
	need := time.NewTicker(s.u.cfg.NeedAfter)
	defer need.Stop()
	for {
		if err := k.keep(ctx); err != nil {
			return ignoreEnd(ctx, err)
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-s.u.changed:
		case <-health.C:
			err = k.publishHealth(ctx)
			every := s.u.cfg.HealthEvery
			health.Reset(every*4/5 + rand.N(every*2/5))
		case <-need.C:
			err = errors.Join(k.publishNeeds(), k.askIngest(ctx), k.askRefused(ctx))
		case r := <-s.u.results:
			err = k.publishResult(r)
		}
		if err != nil {
			return ignoreEnd(ctx, err)
		}
	}
}

// keeper is the state of upkeep.
type keeper struct {
	s          *session
	subscribed map[string]bool
	report     *wire.Report // the one published last on this connection

	// While ingest is away, its state is subscribed again from time to time.
	asked    time.Time
	askAfter time.Duration

	// What the broker refused is subscribed again from time to time.
	refused    map[string]bool
	retryAt    time.Time
	retryAfter time.Duration
}

// The waits between two questions for the state of ingest, and between two tries of what was refused.
const (
	askFirst   = 10 * time.Second
	askMost    = 2 * time.Minute
	retryFirst = time.Second
)

// missed remembers topics that the broker refused.
func (k *keeper) missed(topics []string) {
	if len(topics) == 0 {
		return
	}
	if len(k.refused) == 0 {
		k.refused, k.retryAfter = map[string]bool{}, retryFirst
		k.retryAt = k.s.u.cfg.Now().Add(retryFirst)
	}
	for _, t := range topics {
		if !k.refused[t] {
			k.s.u.log.Warn("broker refused a subscription; trying again", "topic", t)
		}
		k.refused[t] = true
	}
}

// askRefused subscribes again what was refused. Without it a file would never come, since what the fleet publishes
// again reaches only those who have subscribed.
func (k *keeper) askRefused(ctx context.Context) error {
	now := k.s.u.cfg.Now()
	if len(k.refused) == 0 || now.Before(k.retryAt) {
		return nil
	}
	refused, err := k.s.subscribe(ctx, slices.Collect(maps.Keys(k.refused)))
	if err != nil {
		return err
	}
	k.retryAfter = min(2*k.retryAfter, askMost)
	k.retryAt = now.Add(k.retryAfter)
	clear(k.refused)
	for _, t := range refused {
		k.refused[t] = true
	}
	return nil
}

// askIngest subscribes the state of ingest again while it is away: a broker cluster may lose one retained message, and
// the gateway would hold for ever though ingest is there. The answer is the message that is retained now.
func (k *keeper) askIngest(ctx context.Context) error {
	u := k.s.u
	u.mu.Lock()
	there := u.status.Ingest
	u.mu.Unlock()
	now := u.cfg.Now()
	if there || k.asked.IsZero() {
		k.asked, k.askAfter = now, askFirst
		return nil
	}
	if now.Sub(k.asked) < k.askAfter {
		return nil
	}
	k.asked, k.askAfter = now, min(2*k.askAfter, askMost)
	refused, err := k.s.subscribe(ctx, []string{wire.TopicIngest()})
	k.missed(refused)
	return err
}

// keep makes subscriptions and reported state what they should be.
func (k *keeper) keep(ctx context.Context) error {
	wanted, ask := k.s.u.wants.topics(k.s.u.cfg.Now(), k.s.conn)
	for _, t := range ask {
		k.subscribed[t] = true
	}
	var drop []string
	for t := range k.subscribed {
		if !wanted[t] {
			drop = append(drop, t)
			delete(k.subscribed, t)
			delete(k.refused, t)
		}
	}
	for t := range wanted {
		if !k.subscribed[t] {
			ask = append(ask, t)
			k.subscribed[t] = true
		}
	}
	if len(drop) > 0 {
		if err := k.s.link.Unsubscribe(drop); err != nil {
			return err
		}
	}
	refused, err := k.s.subscribe(ctx, ask)
	if err != nil {
		return err
	}
	k.missed(refused)
	k.s.u.mu.Lock()
	report := k.s.u.report
	k.s.u.mu.Unlock()
	if report == k.report {
		return nil
	}
	k.report = report
	payload, err := report.Encode()
	return k.publish(wire.TopicReport(k.s.u.box.Device()), wire.KindReport, payload, err)
}

// publish sends a payload, unless it could not be encoded: then what the gateway says of itself is at fault, and the
// session goes on without it.
func (k *keeper) publish(topic string, kind wire.Kind, payload []byte, encoding error) error {
	if encoding != nil {
		k.s.u.log.Error("message could not be encoded", "topic", topic, "error", encoding)
		return nil
	}
	return k.s.link.Publish(Message{Topic: topic, Payload: payload, QoS: kind.QoS(), Retained: kind.Retained()})
}

func (k *keeper) publishHealth(ctx context.Context) error {
	u := k.s.u
	st := u.box.Stats(ctx)
	now := u.cfg.Now()
	u.mu.Lock()
	h, certEnd := u.health, u.status.CertEnd
	u.mu.Unlock()
	h.At, h.Epoch = now.UnixMicro(), u.box.Epoch()
	h.Depth, h.OldestAge = st.Depth, uint64(st.Oldest/time.Second)
	h.WALBytes, h.Evicted = uint64(st.WALBytes), st.Evicted
	if !certEnd.IsZero() {
		h.CertDays = int64(certEnd.Sub(now) / (24 * time.Hour))
	}
	payload, err := h.Encode()
	return k.publish(wire.TopicHealth(u.box.Device()), wire.KindHealth, payload, err)
}

func (k *keeper) publishNeeds() error {
	for log, resources := range k.s.u.wants.due(k.s.u.cfg.Now()) {
		payload, err := wire.Need{Log: log, Resources: resources}.Encode()
		if err := k.publish(wire.TopicNeed(k.s.u.box.Device()), wire.KindNeed, payload, err); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeper) publishResult(r wire.CommandResult) error {
	payload, err := r.Encode()
	return k.publish(wire.TopicResult(k.s.u.box.Device(), r.ID), wire.KindResult, payload, err)
}
