package ingest

import (
	"context"
	"errors"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

// openBatch decodes a batch and checks that it is the device's own. What fails
// here is dropped without an acknowledgement, so the gateway keeps its events.
func (w *worker) openBatch(ctx context.Context, m message, known map[string]fleet.Device) (store.Batch, bool) {
	b, err := wire.DecodeBatch(m.payload)
	if err != nil {
		w.in.counted.drop(DropMalformed)
		w.in.cfg.Logger.Debug("batch dropped", "device", m.topic.Device, "error", err)
		return store.Batch{}, false
	}
	if b.Device != m.topic.Device {
		w.in.counted.drop(DropForeign)
		return store.Batch{}, false
	}
	dev, ok := known[b.Device]
	if !ok {
		if dev, ok = w.device(ctx, b.Device); !ok {
			return store.Batch{}, false
		}
		known[b.Device] = dev
	}
	if err := b.Verify(dev.Key); err != nil {
		w.in.counted.drop(DropSignature)
		w.find(ctx, fleet.Finding{
			Device: b.Device, Kind: fleet.Altered, Epoch: b.Epoch, First: b.First, Last: b.Last(),
			Detail: "the device's signature is not over these events", Evidence: m.payload,
		})
		return store.Batch{}, false
	}
	out, err := store.FromWire(b, m.payload)
	if err != nil {
		w.in.counted.drop(DropMalformed)
		return store.Batch{}, false
	}
	return out, true
}

// openOther decodes a birth, health message or report for the store, and hands
// a need on.
func (w *worker) openOther(m message) (store.Observation, bool) {
	o := store.Observation{Device: m.topic.Device}
	var err error
	switch m.topic.Kind {
	case wire.KindState:
		o.Birth, err = decoded(wire.DecodeBirth(m.payload))
	case wire.KindHealth:
		o.Health, err = decoded(wire.DecodeHealth(m.payload))
	case wire.KindReport:
		o.Report, err = decoded(wire.DecodeReport(m.payload))
	case wire.KindNeed:
		var n wire.Need
		if n, err = wire.DecodeNeed(m.payload); err == nil {
			w.in.counted.update(func(c *Counters) { c.Needs++ })
			w.in.cfg.OnNeed(n)
			return o, false
		}
	}
	if err != nil {
		w.in.counted.drop(DropMalformed)
	}
	return o, err == nil
}

func decoded[T any](v T, err error) (*T, error) { return &v, err }

// observe stores what devices said of themselves, all of a group at once. A
// birth is said only once, so it is tried until it is stored.
func (w *worker) observe(ctx context.Context, list []store.Observation) {
	if len(list) == 0 {
		return
	}
	var errs []error
	w.untilStored(ctx, func() (err error) {
		errs, err = w.in.store.Observe(ctx, list)
		return err
	})
	for i, err := range errs {
		if err != nil {
			w.stranger(list[i].Device, err)
		} else if b := list[i].Birth; b != nil && b.State == wire.StateOn {
			w.in.born(list[i].Device)
		}
	}
}

// stranger drops a message of a device that is not enrolled, or whose row could
// not be read now.
func (w *worker) stranger(device string, err error) {
	if errors.Is(err, fleet.ErrUnknownDevice) {
		w.in.counted.drop(DropStranger)
		w.in.cfg.Logger.Debug("message of a device that is not enrolled", "device", device)
		return
	}
	w.in.cfg.Logger.Warn("message could not be stored", "device", device, "error", err)
}

func (w *worker) find(ctx context.Context, f fleet.Finding) {
	if err := w.in.store.Find(ctx, f); err != nil && ctx.Err() == nil {
		w.in.cfg.Logger.Warn("finding could not be stored", "device", f.Device, "error", err)
	}
}

// device reads the enrolment list, and drops the message of a device that is not
// on it.
func (w *worker) device(ctx context.Context, name string) (dev fleet.Device, ok bool) {
	var err error
	ok = w.untilStored(ctx, func() error {
		if dev, err = w.in.store.Device(ctx, name); errors.Is(err, fleet.ErrUnknownDevice) {
			return nil
		}
		return err
	})
	if ok && err != nil {
		w.stranger(name, err)
	}
	return dev, ok && err == nil
}
