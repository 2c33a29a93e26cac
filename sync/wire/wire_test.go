package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"citygate/sync/wire"
)

func topics() []string {
	return []string{
		wire.TopicState(device), wire.TopicEvents(device), wire.TopicHealth(device), wire.TopicReport(device),
		wire.TopicResult(device, "c-17"), wire.TopicNeed(device), wire.TopicAck(device), wire.TopicDesired(device),
		wire.TopicCommand(device, "c-17"), wire.TopicRing("pilot"), wire.TopicTrust("sjz-records", "checkpoint"),
		wire.TopicTrust("sjz-records", "tile/1/x001/234.p/12"), wire.TopicTrust("directory", "tile/entries/000"),
		wire.TopicTrust("directory", "rotation/2"), wire.TopicIngest(),
	}
}

func TestTopics(t *testing.T) {
	want := []string{
		"citygate/1/d/k-0042/st", "citygate/1/d/k-0042/up/ev", "citygate/1/d/k-0042/up/hb", "citygate/1/d/k-0042/up/rep",
		"citygate/1/d/k-0042/up/res/c-17", "citygate/1/d/k-0042/up/need", "citygate/1/d/k-0042/dn/ack",
		"citygate/1/d/k-0042/dn/des", "citygate/1/d/k-0042/dn/cmd/c-17", "citygate/1/g/pilot/dn/des",
		"citygate/1/trust/sjz-records/checkpoint", "citygate/1/trust/sjz-records/tile/1/x001/234.p/12",
		"citygate/1/trust/directory/tile/entries/000", "citygate/1/trust/directory/rotation/2", "citygate/1/srv/ingest/st",
	}
	for i, s := range topics() {
		if s != want[i] {
			t.Errorf("%q, want %q", s, want[i])
		}
		if p, err := wire.ParseTopic(s); err != nil || p.String() != s {
			t.Errorf("%q: %+v, %v", s, p, err)
		}
	}
	for f, want := range map[string]string{
		wire.Filter(wire.KindEvents, ""):       "citygate/1/d/+/up/ev",
		wire.Filter(wire.KindEvents, "ingest"): "$share/ingest/citygate/1/d/+/up/ev",
		wire.Filter(wire.KindResult, ""):       "citygate/1/d/+/up/res/+",
		wire.Filter(wire.KindTrust, ""):        "citygate/1/trust/+/checkpoint",
	} {
		if f != want {
			t.Errorf("filter %q, want %q", f, want)
		}
	}
}

func TestTopicsThatAreNone(t *testing.T) {
	long := strings.Repeat("a", wire.MaxName+1)
	for _, s := range []string{
		"", "citygate", "citygate/1/", "citygate/2/d/k/st", "/citygate/1/d/k/st", "citygate/1/d//st", "citygate/1/d/K/st",
		"citygate/1/d/k/st/", "citygate/1/d/k/up", "citygate/1/d/k/up/res", "citygate/1/d/k/up/res/", "citygate/1/d/k/up/res/a/b",
		"citygate/1/d/+/st", "citygate/1/d/k.1/st", "citygate/1/d/" + long + "/st", "citygate/1/g/r/dn", "citygate/1/g/r/dn/des/x",
		"citygate/1/trust/l", "citygate/1/trust/l/", "citygate/1/trust/l/tile", "citygate/1/trust/l/tile/0", "citygate/1/trust/l/tile/00/000",
		"citygate/1/trust/l/tile/64/000", "citygate/1/trust/l/tile/0/0", "citygate/1/trust/l/tile/0/0000", "citygate/1/trust/l/tile/0/x000/001",
		"citygate/1/trust/l/tile/0/001/234", "citygate/1/trust/l/tile/0/x001", "citygate/1/trust/l/tile/0/000.p/0", "citygate/1/trust/l/tile/0/000.p/256",
		"citygate/1/trust/l/tile/0/000.p/012", "citygate/1/trust/l/tile/0/000.p/", "citygate/1/trust/l/../checkpoint", "citygate/1/trust/l/rotation/01",
		"citygate/1/srv/ingest", "citygate/1/d/k/dn/cmd/#",
	} {
		if p, err := wire.ParseTopic(s); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%q was accepted as %+v", s, p)
		}
	}
}

func TestBatchIsSigned(t *testing.T) {
	b := sampleBatch(t)
	if err := b.Verify(public(deviceKey)); err != nil {
		t.Fatal(err)
	}
	if b.Last() != 9 || b.Chain() != b.Items[3].Evicted.Chain {
		t.Errorf("last %d, chain %s", b.Last(), b.Chain())
	}
	for name, change := range map[string]func(*wire.Batch){
		"device": func(b *wire.Batch) { b.Device = "k-0043" },
		"epoch":  func(b *wire.Batch) { b.Epoch++ },
		"number": func(b *wire.Batch) { b.First++ },
		"prev":   func(b *wire.Batch) { b.Prev[0]++ },
		"event":  func(b *wire.Batch) { b.Items[1].Event[30] ^= 1 },
		"cut":    func(b *wire.Batch) { b.Items = b.Items[:2] },
		"key":    func(b *wire.Batch) { b.Sign(fleetKey) },
	} {
		b := sampleBatch(t)
		b.Items = b.Items[:3]
		b.Sign(deviceKey)
		if change(b); !errors.Is(b.Verify(public(deviceKey)), wire.ErrSignature) {
			t.Errorf("%s changed: the signature still verifies", name)
		}
	}
}

// TestPoisonedBatchIsKeptWhole: one event that this version cannot read does not make its batch unreadable.
func TestPoisonedBatchIsKeptWhole(t *testing.T) {
	b := sampleBatch(t)
	b.Items[1].Event = []byte("an event of version 9")
	b.Sign(deviceKey)
	got := must[wire.Batch](t)(wire.DecodeBatch(must[[]byte](t)(b.Encode())))
	if err := got.Verify(public(deviceKey)); err != nil {
		t.Fatal(err)
	}
	if _, err := got.Event(1); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("the poisoned event: %v", err)
	}
	e, err := got.Event(2)
	want := personalEvent()
	want.Version, want.Device, want.Epoch = 1, device, epoch
	if err != nil || !reflect.DeepEqual(e, want) {
		t.Errorf("the event behind it: %+v, %v", e, err)
	}
}

func TestBatchesThatAreRefused(t *testing.T) {
	for name, change := range map[string]func(*wire.Batch){
		"no items":          func(b *wire.Batch) { b.Items = nil },
		"too many items":    func(b *wire.Batch) { b.Items = append(b.Items, make([]wire.Item, wire.MaxItems)...) },
		"number 0":          func(b *wire.Batch) { b.First = 0 },
		"beyond the end":    func(b *wire.Batch) { b.First = wire.MaxSeq },
		"device":            func(b *wire.Batch) { b.Device = "K" },
		"signature":         func(b *wire.Batch) { b.Sig = b.Sig[:63] },
		"empty event":       func(b *wire.Batch) { b.Items[0].Event = nil },
		"large event":       func(b *wire.Batch) { b.Items[0].Event = make([]byte, wire.MaxEvent+1) },
		"range elsewhere":   func(b *wire.Batch) { b.Items[3].Evicted.First++ },
		"range backwards":   func(b *wire.Batch) { b.Items[3].Evicted.Last = 3 },
		"counts too few":    func(b *wire.Batch) { b.Items[3].Evicted.Counts = map[string]uint64{"health": 1} },
		"counts too many":   func(b *wire.Batch) { b.Items[3].Evicted.Counts["health"] = 1 << 63 },
		"no counts":         func(b *wire.Batch) { b.Items[3].Evicted.Counts = nil },
		"event and a range": func(b *wire.Batch) { b.Items[3].Event = []byte{1} },
	} {
		b := sampleBatch(t)
		change(b)
		if _, err := b.Encode(); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEventsThatAreRefused(t *testing.T) {
	for name, change := range map[string]func(*wire.Event){
		"version":             func(e *wire.Event) { e.Version = 2 },
		"number 0":            func(e *wire.Event) { e.Seq = 0 },
		"number":              func(e *wire.Event) { e.Seq = wire.MaxSeq + 1 },
		"clock":               func(e *wire.Event) { e.ClockQ = "good" },
		"type":                func(e *wire.Event) { e.Type = "Scan" },
		"priority":            func(e *wire.Event) { e.Prio = 4 },
		"duration":            func(e *wire.Event) { e.ScanUS = -1 },
		"control character":   func(e *wire.Event) { e.Place = "a\nb" },
		"not UTF-8":           func(e *wire.Event) { e.Place = "\xff" },
		"long":                func(e *wire.Event) { e.Trust = strings.Repeat("x", 257) },
		"index, no log":       func(e *wire.Event) { e.Log = "" },
		"pseudonym and index": func(e *wire.Event) { e.Pseudonym = make([]byte, 16) },
		"pseudonym and id":    func(e *wire.Event) { e.Pseudonym, e.Index = make([]byte, 16), 0 },
		"pseudonym":           func(e *wire.Event) { e.Pseudonym, e.Index, e.ID = make([]byte, 7), 0, "" },
		"before":              func(e *wire.Event) { e.Before = &wire.Before{} },
		"detail key":          func(e *wire.Event) { e.Detail = map[string]string{"A": ""} },
	} {
		e := scanEvent()
		change(&e)
		if _, err := e.Encode(); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAckIsSigned(t *testing.T) {
	a := wire.Ack{Epoch: epoch, Seq: 9, Chain: wire.Chain0(device, 1)}
	a.Sign(fleetKey, device)
	v, err := a.Verify(public(fleetKey), device)
	if err != nil || v.Epoch() != a.Epoch || v.Seq() != a.Seq || v.Chain() != a.Chain {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := a.Verify(public(fleetKey), "k-0043"); !errors.Is(err, wire.ErrSignature) {
		t.Error("it verifies for another device")
	}
	if _, err := a.Verify(public(deviceKey), device); !errors.Is(err, wire.ErrSignature) {
		t.Error("it verifies with another key")
	}
	for name, change := range map[string]func(*wire.Ack){
		"epoch": func(a *wire.Ack) { a.Epoch++ }, "number": func(a *wire.Ack) { a.Seq++ }, "chain": func(a *wire.Ack) { a.Chain[31]++ },
	} {
		b := a
		change(&b)
		if _, err := b.Verify(public(fleetKey), device); !errors.Is(err, wire.ErrSignature) {
			t.Errorf("%s changed: the signature still verifies", name)
		}
	}
}

func TestControlIsSigned(t *testing.T) {
	d := wire.Desired{Target: "d/" + device, Number: 3, NotAfter: 9, Body: []byte("a=1")}
	d.Sign(opsKey)
	c := wire.Command{ID: "c-1", Device: device, Name: "reload", NotAfter: 9}
	if err := errors.Join(d.Verify(public(opsKey)), c.Sign(opsKey), c.Verify(public(opsKey))); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"target": func() { d.Target = "d/k-0043" }, "number": func() { d.Number++ }, "not after": func() { d.NotAfter++ }, "body": func() { d.Body[0]++ },
	} {
		old := d
		old.Body = bytes.Clone(d.Body)
		if change(); !errors.Is(d.Verify(public(opsKey)), wire.ErrSignature) {
			t.Errorf("desired state, %s changed: the signature still verifies", name)
		}
		d = old
	}
	for name, change := range map[string]func(){
		"id": func() { c.ID = "c-2" }, "device": func() { c.Device = "k-1" }, "name": func() { c.Name = "restart" },
		"not after": func() { c.NotAfter++ }, "args": func() { c.Args = map[string]string{"a": "b"} },
	} {
		old := c
		if change(); !errors.Is(c.Verify(public(opsKey)), wire.ErrSignature) {
			t.Errorf("command, %s changed: the signature still verifies", name)
		}
		c = old
	}
}

// TestJSON: the debugging form of a batch has the chain and signature of its CBOR form.
func TestJSON(t *testing.T) {
	b := sampleBatch(t)
	type obj = map[string]any
	items := []any{}
	for i, it := range b.Items {
		if it.Evicted != nil {
			items = append(items, obj{"evicted": it.Evicted})
			continue
		}
		e := must[wire.Event](t)(b.Event(i))
		items = append(items, obj{"event": e})
	}
	text := must[[]byte](t)(json.Marshal(obj{"v": 1, "dev": device, "epoch": "81985529216486895", "first": 1, "prev": b.Prev, "sig": b.Sig, "items": items}))
	got, err := wire.DecodeBatch(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Verify(public(deviceKey)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&got, b) {
		t.Errorf("%+v\nwant\n%+v", got, b)
	}
	for _, bad := range []string{"{", "{}", `{"v":1}`, string(text) + "x", strings.Replace(string(text), `"dev"`, `"device"`, 1),
		`{"v":1,"dev":"k","epoch":"1","first":1,"items":[{}]}`} {
		if _, err := wire.DecodeBatch([]byte(bad)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%.60q: %v", bad, err)
		}
	}
	ack := must[wire.Ack](t)(wire.DecodeAck([]byte(`{"v":1,"epoch":"7","seq":0,"chain":"` + strings.Repeat("00", 32) + `","sig":"` + strings.Repeat("A", 86) + `=="}`)))
	if ack.Epoch != 7 {
		t.Errorf("%+v", ack)
	}
}

// TestDraft: numbering a draft gives the encoding of the numbered event.
func TestDraft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := wire.Event{At: rapid.Int64().Draw(t, "at"), ClockQ: wire.ClockSynced, Type: rapid.StringMatching(`[a-z]{1,10}`).Draw(t, "type"),
			Prio: rapid.Uint8Range(0, wire.MaxPrio).Draw(t, "prio"), ScanUS: rapid.Int64Range(0, 1<<40).Draw(t, "scan"),
			Detail: rapid.MapOfN(rapid.StringMatching(`[a-z]{1,9}`), rapid.StringMatching(`[ -~]{0,40}`), 0, 16).Draw(t, "detail")}
		seq := uint64(1) << rapid.IntRange(0, 40).Draw(t, "bits")
		seq -= rapid.Uint64Range(0, min(2, seq-1)).Draw(t, "less")
		seq = min(seq, wire.MaxSeq)
		d, err := e.Draft()
		if err != nil {
			t.Fatal(err)
		}
		e.Seq = seq
		want, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Number(seq); !bytes.Equal(got, want) {
			t.Fatalf("number %d: %x, want %x", seq, got, want)
		}
	})
}

// TestLimits: what is too large is refused before it is parsed, and deep nesting and long arrays by the parser.
func TestLimits(t *testing.T) {
	for _, s := range samples(t) {
		if _, err := s.again(make([]byte, 1<<20)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: 1 MiB of zeros: %v", s.name, err)
		}
		if _, err := s.again(bytes.Repeat([]byte{0x81}, 1000)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: nested arrays: %v", s.name, err)
		}
		if _, err := s.again(nil); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: nothing: %v", s.name, err)
		}
	}
}
