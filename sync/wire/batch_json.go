package wire

import "fmt"

// batchJSON is the debugging form of a batch: events are objects, and hashed in their CBOR encoding.
type batchJSON struct {
	Version uint64     `json:"v"`
	Device  string     `json:"dev"`
	Epoch   uint64     `json:"epoch,string"`
	First   uint64     `json:"first"`
	Prev    Hash       `json:"prev"`
	Items   []itemJSON `json:"items"`
	Sig     []byte     `json:"sig"`
}

type itemJSON struct {
	Event   *Event   `json:"event,omitempty"`
	Evicted *Evicted `json:"evicted,omitempty"`
}

func (j *batchJSON) check() error { return checkVersion(j.Version) }

// decodeBatchJSON reads the debugging form. Unlike in CBOR a malformed event makes the whole batch malformed: there
// are no bytes that could be kept.
func decodeBatchJSON(payload []byte) (Batch, error) {
	var j batchJSON
	if err := decode("batch", payload, MaxBatch, &j); err != nil {
		return Batch{}, err
	}
	b := Batch{Device: j.Device, Epoch: j.Epoch, First: j.First, Prev: j.Prev, Sig: j.Sig}
	for i, it := range j.Items {
		switch {
		case (it.Event == nil) == (it.Evicted == nil):
			return Batch{}, fmt.Errorf("decode batch: item %d: %w", i, malformed("neither an event nor an evicted range"))
		case it.Event != nil:
			raw, err := it.Event.Encode()
			if err != nil {
				return Batch{}, fmt.Errorf("decode batch: item %d: %w", i, err)
			}
			b.Items = append(b.Items, Item{Event: raw})
		default:
			b.Items = append(b.Items, Item{Evicted: it.Evicted})
		}
	}
	if err := b.check(); err != nil {
		return Batch{}, fmt.Errorf("decode batch: %w", err)
	}
	return b, nil
}
