package uplink_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"citygate/sync/outbox"
	"citygate/sync/uplink"
	"citygate/sync/wire"
)

func TestMain(m *testing.M) {
	if fromTo := os.Getenv(relayVar); fromTo != "" {
		relayBytes(fromTo)
		return
	}
	goleak.VerifyTestMain(m,
		// The proxy of the network tests leaves its own behind, and the resolver a question that nobody answers.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.IgnoreAnyFunction("net.(*Resolver).goLookupIPCNAMEOrder"),
		goleak.IgnoreAnyFunction("net.(*Resolver).tryOneName"),
		goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr.func1"),
		goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr.func2"),
	)
}

// relayVar makes the test binary a process that passes connections on, "FROM TO".
const relayVar = "CITYGATE_UPLINK_TEST_RELAY"

// relayBytes passes connections on until it is killed.
func relayBytes(fromTo string) {
	from, to, _ := strings.Cut(fromTo, " ")
	l, err := net.Listen("tcp", from)
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer c.Close()
			up, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer up.Close()
			go func() { defer up.Close(); io.Copy(up, c) }()
			io.Copy(c, up)
		}()
	}
}

const device = "k-0042"

var (
	deviceKey = ed25519.NewKeyFromSeed([]byte("device device device device devi"))
	fleetKey  = ed25519.NewKeyFromSeed([]byte("fleet fleet fleet fleet fleet fl"))
	opsKey    = ed25519.NewKeyFromSeed([]byte("operations operations operations"))
)

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// fleet is ingest as far as a gateway can see it. It keeps what it commits and checks that it was sent rightly: signed
// by the device, one chain for each number, no gaps. It is safe for concurrent use.
type fleet struct {
	t testing.TB

	mu     sync.Mutex // guards the fields below
	marks  map[uint64]*mark
	events map[outbox.Stamp]wire.Event
	total  int // events and evicted events committed
	waits  []waiter
}

type mark struct {
	seq   uint64
	chain wire.Hash
}

type waiter struct {
	total int
	done  chan struct{}
}

func newFleet(t testing.TB) *fleet {
	return &fleet{t: t, marks: map[uint64]*mark{}, events: map[outbox.Stamp]wire.Event{}}
}

// batch commits a batch and returns the acknowledgement, nil if the batch is refused.
func (f *fleet) batch(payload []byte) *wire.Ack {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := wire.DecodeBatch(payload)
	if err == nil {
		err = b.Verify(public(deviceKey))
	}
	if err != nil {
		f.t.Errorf("fleet: batch: %v", err)
		return nil
	}
	m := f.marks[b.Epoch]
	if m == nil {
		m = &mark{chain: wire.Chain0(device, b.Epoch)}
		f.marks[b.Epoch] = m
	}
	a := &wire.Ack{Epoch: b.Epoch}
	switch {
	case b.First > m.seq+1:
		a.Again = []wire.Range{{First: m.seq + 1, Last: b.First - 1}}
	case b.Last() > m.seq:
		f.commit(&b, m)
	}
	a.Seq, a.Chain = m.seq, m.chain
	a.Sign(fleetKey, device)
	for i := 0; i < len(f.waits); i++ {
		if f.total >= f.waits[i].total {
			close(f.waits[i].done)
			f.waits = append(f.waits[:i], f.waits[i+1:]...)
			i--
		}
	}
	return a
}

// commit takes what lies above the mark.
func (f *fleet) commit(b *wire.Batch, m *mark) {
	chain, seq := b.Prev, b.First-1
	for i, it := range b.Items {
		before := seq
		chain = it.Chain(chain)
		if it.Evicted != nil {
			seq = it.Evicted.Last
		} else {
			seq++
		}
		if seq == m.seq && chain != m.chain {
			f.t.Errorf("fleet: fork at %d of %x", seq, b.Epoch)
			return
		}
		if seq <= m.seq {
			continue
		}
		f.total += int(seq - max(before, m.seq))
		if it.Evicted != nil {
			continue
		}
		e, err := b.Event(i)
		if err != nil {
			f.t.Errorf("fleet: event: %v", err)
		}
		f.events[outbox.Stamp{Epoch: b.Epoch, Seq: seq}] = e
	}
	m.seq, m.chain = seq, chain
}

// wait returns when the fleet has committed so many events.
func (f *fleet) wait(total int) {
	f.t.Helper()
	f.waitFor(total, 20*time.Second)
}

func (f *fleet) waitFor(total int, atMost time.Duration) {
	f.t.Helper()
	done := make(chan struct{})
	f.mu.Lock()
	if f.total >= total {
		close(done)
	} else {
		f.waits = append(f.waits, waiter{total, done})
	}
	f.mu.Unlock()
	limit := time.NewTimer(atMost)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.t.Fatalf("the fleet has %d events, want %d", f.total, total)
	}
}

// count is how many events are committed, and whether these are so many at least.
func (f *fleet) count(want int) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total, f.total >= want
}

func (f *fleet) holds(s outbox.Stamp) (wire.Event, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.events[s]
	return e, ok
}

// gateway is an outbox and an uplink that run until the test ends or stop is called.
type gateway struct {
	*uplink.Uplink
	box  *outbox.Outbox
	stop func()
	sink *sink
}

// sink remembers what came down and says so.
type sink struct {
	got chan string
}

func (s *sink) say(format string, args ...any) {
	select {
	case s.got <- fmt.Sprintf(format, args...):
	default:
	}
}

func (s *sink) Checkpoint(log string, raw []byte) { s.say("checkpoint %s %s", log, raw) }
func (s *sink) Deliver(log, resource string, b []byte) bool {
	s.say("file %s %s %s", log, resource, b)
	return string(b) != "short"
}
func (s *sink) Desired(d wire.Desired) { s.say("desired %s %d %s", d.Target, d.Number, d.Body) }
func (s *sink) Command(c wire.Command) { s.say("command %s %s", c.ID, c.Name) }

// logTo writes warnings into the test's log.
type logTo struct{ t testing.TB }

func (l logTo) Write(b []byte) (int, error) { l.t.Log(string(b)); return len(b), nil }

func startGateway(t testing.TB, path string, c uplink.Config) *gateway {
	t.Helper()
	return startWith(t, path, outbox.Options{}, c)
}

// startWith starts a gateway with its own settings of the outbox.
func startWith(t testing.TB, path string, o outbox.Options, c uplink.Config) *gateway {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "outbox.db")
	}
	o.Device = device
	box, err := outbox.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	c.Key, c.FleetKey, c.OpsKey = deviceKey, public(fleetKey), public(opsKey)
	if testing.Verbose() && c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(logTo{t}, nil))
	}
	s := &sink{got: make(chan string, 1024)}
	u, err := uplink.New(c, box, uplink.Sinks{Trust: s, Control: s})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var errs [2]error
	wg.Go(func() { errs[0] = box.Run(ctx) })
	wg.Go(func() { errs[1] = u.Run(ctx) })
	var once sync.Once
	g := &gateway{Uplink: u, box: box, sink: s, stop: func() {
		once.Do(func() {
			cancel()
			wg.Wait()
			if err := errors.Join(errs[0], errs[1], box.Close()); err != nil {
				t.Errorf("gateway: %v", err)
			}
		})
	}}
	t.Cleanup(g.stop)
	return g
}

func scan(verdict string) wire.Event {
	return wire.Event{ClockQ: wire.ClockSynced, Type: wire.TypeScan, Prio: wire.PrioScan, Verdict: verdict,
		Log: "sjz-records", Index: 421, ID: "MA.156.1301.01/LAMP.000421", Symbology: "qr", ScanUS: 4100, VerifyUS: 180}
}

func (g *gateway) append(t testing.TB, n int) []outbox.Stamp {
	t.Helper()
	stamps := make([]outbox.Stamp, n)
	var wg sync.WaitGroup
	const writers = 32
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				s, err := g.box.Append(context.Background(), scan("valid"))
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				stamps[i] = s
			}
		})
	}
	wg.Wait()
	return stamps
}
