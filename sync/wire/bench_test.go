package wire_test

import (
	"testing"

	"citygate/sync/wire"
)

func BenchmarkEventDraft(b *testing.B) {
	e := scanEvent()
	b.ReportAllocs()
	for b.Loop() {
		d, err := e.Draft()
		if err != nil {
			b.Fatal(err)
		}
		d.Number(1 << 20)
	}
}

func BenchmarkBatchDecode(b *testing.B) {
	batch := sampleBatch(b)
	raw := batch.Items[1].Event
	batch.Items, batch.First = nil, 2
	for range wire.MaxItems {
		batch.Items = append(batch.Items, wire.Item{Event: raw})
	}
	batch.Sign(deviceKey)
	p := must[[]byte](b)(batch.Encode())
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeBatch(p); err != nil {
			b.Fatal(err)
		}
	}
}
