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
		if dev, err = w.in.store.Device(ctx, b.Device); err != nil {
			w.stranger(b.Device, err)
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

// handleOther takes births, health, reports, needs and results.
func (w *worker) handleOther(ctx context.Context, m message) {
	var err error
	dev := m.topic.Device
	switch m.topic.Kind {
	case wire.KindState:
		var v wire.Birth
		if v, err = wire.DecodeBirth(m.payload); err == nil {
			_, err = w.in.store.Birth(ctx, dev, v)
		}
	case wire.KindHealth:
		var v wire.Health
		if v, err = wire.DecodeHealth(m.payload); err == nil {
			err = w.in.store.Health(ctx, dev, v)
		}
	case wire.KindReport:
		var v wire.Report
		if v, err = wire.DecodeReport(m.payload); err == nil {
			err = w.in.store.Report(ctx, dev, v)
		}
	case wire.KindNeed:
		var v wire.Need
		if v, err = wire.DecodeNeed(m.payload); err == nil {
			w.in.counted.update(func(c *Counters) { c.Needs++ })
			w.in.cfg.OnNeed(v)
		}
	default:
		w.in.counted.drop(DropUnexpected)
		return
	}
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, wire.ErrMalformed):
		w.in.counted.drop(DropMalformed)
	default:
		w.stranger(dev, err)
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
