package ingest_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"citygate/fleet"
	"citygate/fleet/ingest"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

const limit = 20 * time.Second // for anything that a test waits for

// mosquitto starts a real broker on a free port, or skips with the reason.
func mosquitto(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path = "/usr/sbin/mosquitto"; !exists(path) {
			t.Skip("no mosquitto here")
		}
	}
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 128\nmax_queued_messages 10000\nlog_type error\n", port)
	if os.Getuid() == 0 {
		text += "user root\n"
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	waitFor(t, "the broker", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return "tcp://" + addr
}

// embedded starts the embedded broker.
func embedded(t testing.TB) string {
	t.Helper()
	addr := freeAddr(t)
	b := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := b.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	if err := b.AddListener(listeners.NewTCP(listeners.Config{ID: "t", Address: addr})); err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return "tcp://" + addr
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func freeAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waitFor polls a condition of another process, which gives no other signal.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("gave up waiting for %s", what)
		}
	}
}

func seed(name string) ed25519.PrivateKey {
	h := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(h[:])
}

// rig is a store, an ingest and a client on one broker.
type rig struct {
	t     *testing.T
	store *store.Store
	in    *ingest.Ingest
	mqtt  mqtt.Client
	acks  chan wire.Ack
	state chan wire.Ingest
}

func newRig(t *testing.T, broker string, change func(*ingest.Config), wrap func(*store.Store) ingest.Store) *rig {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "fleet.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: s, acks: make(chan wire.Ack, 1000), state: make(chan wire.Ingest, 100)}
	cfg := ingest.Config{Brokers: []string{broker}, ClientID: "fleet", Key: seed("fleet"), Wait: 200 * time.Millisecond, Control: s}
	if change != nil {
		change(&cfg)
	}
	var st ingest.Store = s
	if wrap != nil {
		st = wrap(s)
	}
	if r.in, err = ingest.New(cfg, st); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.in.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if _, err := s.Audit(context.Background(), ""); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	r.mqtt = client(t, broker, "tester")
	r.listen()
	r.awaitState(wire.StateOn)
	return r
}

// listen receives acknowledgements, checking each signature, and the state of
// ingest.
func (r *rig) listen() {
	t := r.t
	r.subscribe(wire.TopicAck("+"), func(topic string, b []byte) {
		a, err := wire.DecodeAck(b)
		if err != nil {
			t.Errorf("acknowledgement: %v", err)
			return
		}
		dev, _ := wire.ParseTopic(topic)
		if _, err := a.Verify(seed("fleet").Public().(ed25519.PublicKey), dev.Device); err != nil {
			t.Errorf("acknowledgement: %v", err)
		}
		r.acks <- a
	})
	r.subscribe(wire.TopicIngest(), func(_ string, b []byte) {
		if s, err := wire.DecodeIngest(b); err == nil {
			r.state <- s
		}
	})
}

func client(t testing.TB, broker, id string) mqtt.Client {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(broker).SetClientID(id).SetProtocolVersion(4).SetAutoReconnect(false).SetOrderMatters(false))
	if tok := c.Connect(); !tok.WaitTimeout(limit) || tok.Error() != nil {
		t.Fatalf("connect: %v", tok.Error())
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func (r *rig) subscribe(topic string, f func(string, []byte)) {
	r.t.Helper()
	tok := r.mqtt.Subscribe(topic, 1, func(_ mqtt.Client, m mqtt.Message) { f(m.Topic(), m.Payload()) })
	if !tok.WaitTimeout(limit) || tok.Error() != nil {
		r.t.Fatalf("subscribe: %v", tok.Error())
	}
}

func (r *rig) awaitState(want string) {
	r.t.Helper()
	timeout := time.After(limit)
	for {
		select {
		case s := <-r.state:
			if s.State == want {
				return
			}
		case <-timeout:
			r.t.Fatalf("ingest never said %q", want)
		}
	}
}

// awaitAck waits until a device's acknowledgement reaches seq, or asks again.
func (r *rig) awaitAck(ok func(wire.Ack) bool) wire.Ack {
	r.t.Helper()
	timeout := time.After(limit)
	for {
		select {
		case a := <-r.acks:
			if ok(a) {
				return a
			}
		case <-timeout:
			r.t.Fatal("no such acknowledgement came")
		}
	}
}

func (r *rig) publish(topic string, payload []byte) {
	r.t.Helper()
	tok := r.mqtt.Publish(topic, 1, false, payload)
	if !tok.WaitTimeout(limit) || tok.Error() != nil {
		r.t.Fatalf("publish: %v", tok.Error())
	}
}

func (r *rig) enrol(names ...string) {
	r.t.Helper()
	for _, n := range names {
		if err := r.store.AddDevice(r.t.Context(), fleet.Device{Name: n, Key: seed(n).Public().(ed25519.PublicKey)}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// outbox makes n scans of a device and cuts them into signed batches of size.
func outbox(tb testing.TB, dev string, epoch uint64, n, size int) [][]byte {
	var out [][]byte
	chain := wire.Chain0(dev, epoch)
	for first := 1; first <= n; first += size {
		b := wire.Batch{Device: dev, Epoch: epoch, First: uint64(first), Prev: chain}
		for seq := first; seq < first+size && seq <= n; seq++ {
			e := wire.Event{Seq: uint64(seq), At: int64(seq) * 1e6, ClockQ: wire.ClockSynced, Type: wire.TypeScan, Verdict: "valid", Log: "sjz-records", Index: uint64(seq)}
			raw, err := e.Encode()
			if err != nil {
				tb.Fatal(err)
			}
			b.Items = append(b.Items, wire.Item{Event: raw})
		}
		chain = b.Chain()
		b.Sign(seed(dev))
		raw, err := b.Encode()
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}
