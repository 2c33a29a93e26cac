package wire

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// MaxSeq is the highest sequence number of an epoch: 2^40-1, more than 34 years at 1,000 events a second.
const MaxSeq = 1<<40 - 1

// ErrSignature is wrapped when a signature is not that of the given key.
var ErrSignature = errors.New("signature does not verify")

const (
	contextBatch = "citygate/v1 batch"
	contextAck   = "citygate/v1 ack"
)

// Batch is a run of items of one epoch without gaps: at least one, at most [MaxItems].
type Batch struct {
	Device string
	Epoch  uint64
	First  uint64 // number of the first item's first event
	Prev   Hash   // chain before First: the chain at First-1
	Items  []Item
	Sig    []byte // the device's Ed25519 signature, see [Batch.Sign]
}

// Item is one event, or one range of events that were evicted when space ended.
type Item struct {
	Event   []byte   // encoding of one event; not parsed when the batch is, see [Batch.Event]
	Evicted *Evicted // or a range, when Event is nil
}

// Evicted stands for events that the gateway had to drop. What they were can no longer be proved, only how many: the
// chain after them is the gateway's word. A range may begin at or below a number that the fleet holds already,
// because ranges grow together; only the part above the fleet's mark is new.
type Evicted struct {
	_      struct{}          `cbor:",toarray"`
	First  uint64            `json:"first"`
	Last   uint64            `json:"last"`
	Chain  Hash              `json:"chain"`  // chain at Last
	Counts map[string]uint64 `json:"counts"` // events by type, scans as "scan/<verdict>"; at most 64 keys
}

// Last returns the number of the last item's last event.
func (b *Batch) Last() uint64 {
	seq := b.First - 1
	for _, it := range b.Items {
		if it.Evicted != nil {
			seq = it.Evicted.Last
		} else {
			seq++
		}
	}
	return seq
}

// Chain returns the chain after the last item, computed from Prev and the items.
func (b *Batch) Chain() Hash {
	c := b.Prev
	for _, it := range b.Items {
		c = it.Chain(c)
	}
	return c
}

// Chain returns the chain after the item, given the chain before it.
func (it Item) Chain(prev Hash) Hash {
	if it.Evicted != nil {
		return it.Evicted.Chain
	}
	return ChainNext(prev, it.Event)
}

// Event parses the event of item i and fills in device and epoch. It is an error if the item is an evicted range, if
// the event is malformed, or if its own number is not that of its place in the batch.
func (b *Batch) Event(i int) (Event, error) {
	if b.Items[i].Evicted != nil {
		return Event{}, malformed("item %d is an evicted range", i)
	}
	e, err := DecodeEvent(b.Items[i].Event)
	if err != nil {
		return Event{}, fmt.Errorf("item %d: %w", i, err)
	}
	head := Batch{First: b.First, Items: b.Items[:i+1]}
	if want := head.Last(); e.Seq != want {
		return Event{}, malformed("item %d is numbered %d, its place is %d", i, e.Seq, want)
	}
	e.Device, e.Epoch = b.Device, b.Epoch
	return e, nil
}

// Sign sets the device's signature over
// "citygate/v1 batch" || 00 || device || 00 || epoch || last number || chain at the last number.
func (b *Batch) Sign(key ed25519.PrivateKey) {
	b.Sig = ed25519.Sign(key, signed(contextBatch, b.Device, b.Epoch, b.Last(), b.Chain()))
}

// Verify checks the device's signature. That the batch goes on from what the fleet holds is the fleet's to check,
// by comparing Prev.
func (b *Batch) Verify(pub ed25519.PublicKey) error {
	if len(pub) != ed25519.PublicKeySize ||
		!ed25519.Verify(pub, signed(contextBatch, b.Device, b.Epoch, b.Last(), b.Chain()), b.Sig) {
		return fmt.Errorf("batch of %s from %d: %w", b.Device, b.First, ErrSignature)
	}
	return nil
}

// batchFrame is the batch as it stands on the wire. An item is a byte string (an event) or an array (a range).
type batchFrame struct {
	Version uint64            `cbor:"0,keyasint"`
	Device  string            `cbor:"1,keyasint"`
	Epoch   uint64            `cbor:"2,keyasint"`
	First   uint64            `cbor:"3,keyasint"`
	Prev    Hash              `cbor:"4,keyasint"`
	Items   []cbor.RawMessage `cbor:"5,keyasint"`
	Sig     []byte            `cbor:"6,keyasint"`
}

func (f *batchFrame) check() error {
	if err := checkVersion(f.Version); err != nil {
		return err
	}
	if n := len(f.Items); n == 0 || n > MaxItems {
		return malformed("%d items, from 1 to %d are allowed", n, MaxItems)
	}
	return nil
}

// Encode returns the batch's CBOR encoding.
func (b *Batch) Encode() ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("encode batch: %w", err)
	}
	f := batchFrame{Version: Version, Device: b.Device, Epoch: b.Epoch, First: b.First, Prev: b.Prev, Sig: b.Sig,
		Items: make([]cbor.RawMessage, len(b.Items))}
	for i, it := range b.Items {
		var v any = it.Event
		if it.Evicted != nil {
			v = it.Evicted
		}
		raw, err := strict.enc.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encode batch: item %d: %w: %w", i, ErrMalformed, err)
		}
		f.Items[i] = raw
	}
	return encode("batch", &f, MaxBatch)
}

// DecodeBatch parses a batch. Its events are not parsed, so that a batch with one bad event can still be kept whole:
// see [Batch.Event]. Neither is the signature checked: see [Batch.Verify].
func DecodeBatch(payload []byte) (Batch, error) {
	if len(payload) > 0 && payload[0] == '{' {
		return decodeBatchJSON(payload)
	}
	var f batchFrame
	if err := decode("batch", payload, MaxBatch, &f); err != nil {
		return Batch{}, err
	}
	b := Batch{Device: f.Device, Epoch: f.Epoch, First: f.First, Prev: f.Prev, Sig: f.Sig, Items: make([]Item, len(f.Items))}
	for i, raw := range f.Items {
		if err := decodeItem(raw, &b.Items[i]); err != nil {
			return Batch{}, fmt.Errorf("decode batch: item %d: %w", i, err)
		}
	}
	if err := b.check(); err != nil {
		return Batch{}, fmt.Errorf("decode batch: %w", err)
	}
	return b, nil
}

// rawEvent lets the codec's canonical comparison reach inside the items, which the frame keeps raw.
type rawEvent []byte

func (rawEvent) check() error { return nil }

func decodeItem(raw []byte, it *Item) error {
	const majorBytes, majorArray = 2, 4
	switch raw[0] >> 5 {
	case majorBytes:
		var e rawEvent
		if err := decode("event", raw, MaxEvent+3, &e); err != nil {
			return err
		}
		it.Event = e
	case majorArray:
		it.Evicted = new(Evicted)
		return decode("evicted range", raw, MaxEvent*2, it.Evicted)
	default:
		return malformed("neither an event nor an evicted range")
	}
	return nil
}

func (b *Batch) check() error {
	if err := checkName("device", b.Device); err != nil {
		return err
	}
	if n := len(b.Items); n == 0 || n > MaxItems {
		return malformed("%d items, from 1 to %d are allowed", n, MaxItems)
	}
	if b.First == 0 || b.First > MaxSeq {
		return malformed("first number %d, from 1 to 2^40-1 are allowed", b.First)
	}
	if len(b.Sig) != ed25519.SignatureSize {
		return malformed("a signature has %d bytes, not %d", ed25519.SignatureSize, len(b.Sig))
	}
	next := b.First
	for i, it := range b.Items {
		switch {
		case it.Evicted == nil && (len(it.Event) == 0 || len(it.Event) > MaxEvent):
			return malformed("item %d: an event of %d bytes, from 1 to %d are allowed", i, len(it.Event), MaxEvent)
		case it.Evicted == nil:
			next++
		case it.Event != nil:
			return malformed("item %d is both an event and an evicted range", i)
		case it.Evicted.First != next:
			return malformed("item %d: evicted range from %d, its place is %d", i, it.Evicted.First, next)
		default:
			if err := it.Evicted.check(); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
			next = it.Evicted.Last + 1
		}
	}
	if next-1 > MaxSeq {
		return malformed("last number %d, at most 2^40-1 is allowed", next-1)
	}
	return nil
}

func (r *Evicted) check() error {
	if r.First == 0 || r.Last < r.First || r.Last > MaxSeq {
		return malformed("evicted range from %d to %d", r.First, r.Last)
	}
	if n := len(r.Counts); n == 0 || n > maxCounts {
		return malformed("evicted range with %d counts, from 1 to %d are allowed", n, maxCounts)
	}
	left := r.Last - r.First + 1
	for k, n := range r.Counts {
		if err := checkText("count key", k, 2*MaxName+1); err != nil {
			return err
		}
		if n == 0 || n > left {
			return malformed("evicted range of %d events whose counts do not add up", r.Last-r.First+1)
		}
		left -= n
	}
	if left != 0 {
		return malformed("evicted range of %d events whose counts do not add up", r.Last-r.First+1)
	}
	return nil
}
