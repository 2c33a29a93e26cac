package ingest

import (
	"context"
	"errors"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

// This file sends what operations want. Nothing here is signed: commands and
// desired states come out of the store as an operations key signed them.

// ControlStore is what ingest needs to send them; *store.Store is one.
type ControlStore interface {
	Commands(ctx context.Context, q store.CommandsQuery) ([]fleet.Command, error)
	CommandSent(ctx context.Context, device, id string) error
	CommandResult(ctx context.Context, device string, r wire.CommandResult) error
	DesiredStates(ctx context.Context, target string, unsent bool) ([]store.Desired, error)
	DesiredSent(ctx context.Context, target string, number uint64) error
}

// controlEvery is how soon a command that another process stored is seen.
const controlEvery = time.Second

// control sends what is new, and everything that is open to a gateway that was
// born: no broker has to keep it for one that is away. Nothing is lost when this
// lags behind: births is only a hint, and what is open stays open.
func (in *Ingest) control(ctx context.Context) error {
	tick := time.NewTicker(controlEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case device := <-in.births:
			err = errors.Join(in.sendCommands(ctx, store.CommandsQuery{Device: device, Open: true}), in.sendDesired(ctx, "d/"+device, false))
		case <-tick.C:
			err = errors.Join(in.sendCommands(ctx, store.CommandsQuery{Open: true, Unsent: true}), in.sendDesired(ctx, "", true))
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNotConnected) {
			in.cfg.Logger.Warn("commands could not be sent; trying again", "error", err)
		}
	}
}

// born tells control of a birth. A full queue drops it: then the broker gives
// births faster than they can be answered, and the gateways' next one counts.
func (in *Ingest) born(device string) {
	if in.cfg.Control == nil {
		return
	}
	select {
	case in.births <- device:
	default:
	}
}

func (in *Ingest) sendCommands(ctx context.Context, q store.CommandsQuery) error {
	list, err := in.cfg.Control.Commands(ctx, q)
	if err != nil {
		return err
	}
	for i := len(list) - 1; i >= 0; i-- { // in the order in which they were given
		c := list[i]
		if err := in.send(ctx, wire.TopicCommand(c.Device, c.ID), false, c.Payload); err != nil {
			return err
		}
		if c.Sent.IsZero() {
			if err := in.cfg.Control.CommandSent(ctx, c.Device, c.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *Ingest) sendDesired(ctx context.Context, target string, unsent bool) error {
	list, err := in.cfg.Control.DesiredStates(ctx, target, unsent)
	if err != nil {
		return err
	}
	for _, d := range list {
		topic := wire.TopicDesired(d.Target[2:])
		if d.Target[:2] == "g/" {
			topic = wire.TopicRing(d.Target[2:])
		}
		if err := in.send(ctx, topic, true, d.Payload); err != nil {
			return err
		}
		if unsent {
			if err := in.cfg.Control.DesiredSent(ctx, d.Target, d.Number); err != nil {
				return err
			}
		}
	}
	return nil
}

// again sends all desired states anew: a broker may have lost what it retained.
func (in *Ingest) again(ctx context.Context) {
	if in.cfg.Control == nil {
		return
	}
	if err := in.sendDesired(ctx, "", false); err != nil && ctx.Err() == nil {
		in.cfg.Logger.Warn("desired states could not be sent; the next birth or connection sends them", "error", err)
	}
}

func (in *Ingest) send(ctx context.Context, topic string, retained bool, payload []byte) error {
	in.mu.Lock()
	c := in.client
	in.mu.Unlock()
	if c == nil {
		return ErrNotConnected
	}
	return publish(ctx, c, topic, retained, payload)
}

// result stores the progress of a command.
func (w *worker) result(ctx context.Context, m message) {
	r, err := wire.DecodeCommandResult(m.payload)
	if err != nil {
		w.in.counted.drop(DropMalformed)
		return
	}
	if w.in.cfg.Control == nil || r.ID != m.topic.Command {
		w.in.counted.drop(DropUnexpected)
		return
	}
	unknown := false
	w.untilStored(ctx, func() error {
		err := w.in.cfg.Control.CommandResult(ctx, m.topic.Device, r)
		unknown = errors.Is(err, store.ErrUnknownCommand)
		if unknown {
			return nil
		}
		return err
	})
	if unknown {
		w.in.counted.drop(DropUnexpected)
	}
}
