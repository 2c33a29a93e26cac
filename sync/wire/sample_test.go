package wire_test

import (
	"crypto/ed25519"
	"testing"

	"citygate/sync/wire"
)

const (
	device = "k-0042"
	epoch  = 0x0123456789abcdef
)

// Keys of the vectors: seeds of 32 equal bytes.
var (
	deviceKey = ed25519.NewKeyFromSeed(fill(1))
	fleetKey  = ed25519.NewKeyFromSeed(fill(2))
	opsKey    = ed25519.NewKeyFromSeed(fill(3))
)

func fill(b byte) []byte {
	s := make([]byte, ed25519.SeedSize)
	for i := range s {
		s[i] = b
	}
	return s
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func startEvent() wire.Event {
	return wire.Event{Seq: 1, At: 1790000000000000, ClockQ: wire.ClockUnsynced, Type: wire.TypeStart, Prio: wire.PrioAlarm,
		Software: "0.1.0", Before: &wire.Before{Epoch: 7, Last: 41, Chain: wire.Chain0(device, 7)}}
}

func scanEvent() wire.Event {
	return wire.Event{Seq: 2, At: 1790000001250000, ClockQ: wire.ClockSynced, Type: wire.TypeScan, Prio: wire.PrioScan,
		Verdict: "valid", Log: "sjz-records", Index: 421, ID: "MA.156.1301.01/LAMP.000421", Symbology: "qr",
		ScanUS: 4100, VerifyUS: 180, Place: "MA.156.1301.02", Software: "0.1.0", Trust: "12/4096/7", Kind: 1}
}

func personalEvent() wire.Event {
	return wire.Event{Seq: 3, At: 1790000002000000, ClockQ: wire.ClockSynced, Type: wire.TypeScan, Prio: wire.PrioScan,
		Verdict: "revoked", Log: "sjz-records", Pseudonym: []byte("16 bytes of hmac"), Symbology: "aztec",
		Detail: map[string]string{"screen": "2", "hold-ms": "4000"}}
}

func sampleBatch(t testing.TB) *wire.Batch {
	t.Helper()
	b := &wire.Batch{Device: device, Epoch: epoch, First: 1, Prev: wire.Chain0(device, epoch)}
	for _, e := range []wire.Event{startEvent(), scanEvent(), personalEvent()} {
		b.Items = append(b.Items, wire.Item{Event: must[[]byte](t)(e.Encode())})
	}
	b.Items = append(b.Items, wire.Item{Evicted: &wire.Evicted{First: 4, Last: 9, Chain: wire.Chain0(device, 8),
		Counts: map[string]uint64{"scan/valid": 5, "health": 1}}})
	b.Sign(deviceKey)
	return b
}

// sample is one payload of each kind, with what decodes and encodes it again.
type sample struct {
	name  string
	bytes []byte
	again func([]byte) ([]byte, error)
}

type encoder interface{ Encode() ([]byte, error) }

func again[T encoder](decode func([]byte) (T, error)) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		v, err := decode(b)
		if err != nil {
			return nil, err
		}
		return v.Encode()
	}
}

func againBatch(p []byte) ([]byte, error) {
	b, err := wire.DecodeBatch(p)
	if err != nil {
		return nil, err
	}
	return b.Encode()
}

func samples(t testing.TB) []sample {
	t.Helper()
	ack := wire.Ack{Epoch: epoch, Seq: 9, Chain: sampleBatch(t).Chain(), Again: []wire.Range{{First: 12, Last: 40}}}
	ack.Sign(fleetKey, device)
	desired := wire.Desired{Target: "g/pilot", Number: 12, NotAfter: 1800000000, Body: []byte("language = \"en\"\n")}
	desired.Sign(opsKey)
	command := wire.Command{ID: "c-17", Device: device, Name: "scan-test", NotAfter: 1790000600, Args: map[string]string{"seconds": "5"}}
	if err := command.Sign(opsKey); err != nil {
		t.Fatal(err)
	}
	enc := must[[]byte](t)
	return []sample{
		{"event-start", enc(startEvent().Encode()), again(wire.DecodeEvent)},
		{"event-scan", enc(scanEvent().Encode()), again(wire.DecodeEvent)},
		{"event-personal", enc(personalEvent().Encode()), again(wire.DecodeEvent)},
		{"batch", enc(sampleBatch(t).Encode()), againBatch},
		{"ack", enc(ack.Encode()), again(wire.DecodeAck)},
		{"birth", enc(wire.Birth{State: wire.StateOn, Conn: 1790000000000001, Epoch: epoch, At: 1790000000000100, Software: "0.1.0"}.Encode()), again(wire.DecodeBirth)},
		{"will", enc(wire.Birth{State: wire.StateOff, Conn: 1790000000000001, Epoch: epoch}.Encode()), again(wire.DecodeBirth)},
		{"ingest", enc(wire.Ingest{State: wire.StateOn, Conn: 5, At: 1790000000000000}.Encode()), again(wire.DecodeIngest)},
		{"health", enc(wire.Health{At: 1790000000000000, Epoch: epoch, Depth: 12, OldestAge: 30, WALBytes: 4096, FrameMilliHz: 29970,
			TempMilliC: 48500, ClockQ: wire.ClockSynced, CertDays: 61, Conditions: map[string]string{"camera": "covered"}}.Encode()), again(wire.DecodeHealth)},
		{"report", enc(wire.Report{At: 1790000000000000, Software: "0.1.0", Config: "3f2a", Desired: 12, Ring: "pilot", RingDesired: 4, Drift: map[string]string{"language": "not installed"},
			Trust: []wire.Head{{Log: "directory", Size: 12, Root: wire.Chain0(device, 1), Time: 1790000000}}}.Encode()), again(wire.DecodeReport)},
		{"need", enc(wire.Need{Log: "sjz-records", Resources: []string{"tile/1/000", "tile/entries/x001/234.p/7"}}.Encode()), again(wire.DecodeNeed)},
		{"desired", enc(desired.Encode()), again(wire.DecodeDesired)},
		{"command", enc(command.Encode()), again(wire.DecodeCommand)},
		{"result", enc(wire.CommandResult{ID: "c-17", State: wire.ResultFailed, At: 1790000003000000, Reason: "camera covered"}.Encode()), again(wire.DecodeCommandResult)},
	}
}
