package control

import (
	"context"
	"maps"

	"citygate/sync/wire"
)

// Desired takes a desired state of this gateway or of its ring.
func (c *Control) Desired(d wire.Desired) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, held := c.state.Desired[d.Target]
	switch {
	case held && d.Number <= old.Number:
		return // the retained one, read again, or an older one
	case c.o.Apply == nil:
		c.refuse(d, "this gateway takes no desired state")
		return
	case !c.o.Synced():
		c.refuse(d, noClock)
		return
	case c.o.Now().Unix() > d.NotAfter:
		c.refuse(d, "it came after its time")
		return
	}
	c.state.Desired[d.Target] = Desired{Number: d.Number, Body: d.Body}
	if err := c.save(); err != nil {
		if held {
			c.state.Desired[d.Target] = old
		} else {
			delete(c.state.Desired, d.Target)
		}
		c.refuse(d, "it could not be remembered: the disk cannot be written")
		return
	}
	c.o.Logger.Info("desired state", "target", d.Target, "number", d.Number)
	c.apply = true
	c.poke()
}

// refuse tells a desired state that is not taken up as drift; c.mu is held.
func (c *Control) refuse(d wire.Desired, reason string) {
	c.o.Logger.Warn("desired state not taken", "target", d.Target, "number", d.Number, "reason", reason)
	drift := maps.Clone(c.status.Drift)
	if drift == nil {
		drift = map[string]string{}
	}
	drift["desired"] = reason
	c.status.Drift = drift
	c.tell = true
	c.poke()
}

// applyDesired applies all that is held.
func (c *Control) applyDesired(ctx context.Context) {
	applied := Applied{Drift: map[string]string{"desired": "this gateway takes no desired state"}}
	if c.o.Apply != nil {
		applied = c.o.Apply(ctx, c.Held())
	}
	for part, reason := range applied.Drift {
		applied.Drift[part] = line(reason)
	}
	c.mu.Lock()
	c.status = applied
	c.mu.Unlock()
	c.o.Reported()
}
