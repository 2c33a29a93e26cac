package uplink_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"citygate/sync/uplink"
)

// line is a broker behind a proxy that spoils the connection.
type line struct {
	t      *testing.T
	proxy  *toxiproxy.Proxy
	fleet  *fleet
	number int
}

func newLine(t *testing.T) *line {
	t.Helper()
	b := newBroker(t, nil)
	f := newFleet(t)
	b.answer(t, f)
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "broker", "127.0.0.1:0", strings.TrimPrefix(b.addr, "tcp://"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, proxy: p, fleet: f}
	t.Cleanup(p.Stop)
	return l
}

// start starts a gateway at this end of the line. It notices a dead connection soon.
func (l *line) start() *gateway {
	return startGateway(l.t, "", uplink.Config{Brokers: []string{"tcp://" + l.proxy.Listen}, AckTimeout: 500 * time.Millisecond,
		KeepAlive: time.Second, Timeout: 2 * time.Second})
}

// spoil adds a toxic in one direction, "upstream" or "downstream", and returns what takes it away.
func (l *line) spoil(direction, kind, attributes string) (mend func()) {
	l.t.Helper()
	l.number++
	name := fmt.Sprintf("%s-%d", kind, l.number)
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"toxicity":1,"attributes":%s}`, name, kind, direction, attributes)))
	if err != nil {
		l.t.Fatal(err)
	}
	return func() {
		if err := l.proxy.Toxics.RemoveToxic(context.Background(), name); err != nil {
			l.t.Error(err)
		}
	}
}

// settle waits until all that the gateway has appended is committed and acknowledged.
func (l *line) settle(g *gateway, total int) {
	l.t.Helper()
	l.fleet.wait(total)
	waitLong(l.t, func() bool { return g.box.Stats(context.Background()).Depth == 0 })
}

// waitLong is waitFor where a connection has to be given up and made anew first.
func waitLong(t *testing.T, ok func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("condition did not come")
		}
	}
}

// TestSlowLine: a line that is slow, narrow, or gives every byte for itself costs time and nothing else.
func TestSlowLine(t *testing.T) {
	for _, c := range []struct{ name, kind, attributes string }{
		{"latency", "latency", `{"latency":150,"jitter":140}`},
		{"32 kbit/s", "bandwidth", `{"rate":4}`},
		{"in pieces", "slicer", `{"average_size":7,"size_variation":6,"delay":10}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t)
			for _, direction := range []string{"upstream", "downstream"} {
				l.spoil(direction, c.kind, c.attributes)
			}
			g := l.start()
			g.append(t, 60)
			l.settle(g, 61)
		})
	}
}

// TestCutLine: a line that is cut in one direction or in both, silently or not, and comes back. A gateway that hears
// nothing gives the connection up by itself, and everything arrives once the line is back.
func TestCutLine(t *testing.T) {
	silent := `{"timeout":0}` // the connection stays, its bytes are lost: half open
	for _, c := range []struct {
		name       string
		kind       string
		attributes string
		directions []string
	}{
		{"half open", "timeout", silent, []string{"upstream", "downstream"}},
		{"up is cut", "timeout", silent, []string{"upstream"}},
		{"down is cut", "timeout", silent, []string{"downstream"}},
		{"up is reset", "reset_peer", `{"timeout":20}`, []string{"upstream"}},
		{"down is reset", "reset_peer", `{"timeout":20}`, []string{"downstream"}},
		{"up ends in the middle of a packet", "limit_data", `{"bytes":1500}`, []string{"upstream"}},
		{"down ends in the middle of a packet", "limit_data", `{"bytes":150}`, []string{"downstream"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t)
			g := l.start()
			g.append(t, 20)
			l.settle(g, 21)
			var mend []func()
			for _, d := range c.directions {
				mend = append(mend, l.spoil(d, c.kind, c.attributes))
			}
			before := g.Status().Connects
			g.append(t, 200)
			waitLong(t, func() bool { s := g.Status(); return !s.Connected || s.Connects > before })
			for _, m := range mend {
				m()
			}
			g.append(t, 20)
			l.settle(g, 241)
		})
	}
}

// TestNobodyListens: while nothing listens, events are kept; then they go.
func TestNobodyListens(t *testing.T) {
	l := newLine(t)
	g := l.start()
	g.append(t, 10)
	l.settle(g, 11)
	l.proxy.Stop()
	waitLong(t, func() bool { return !g.Status().Connected })
	g.append(t, 100)
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	l.settle(g, 111)
}

// TestNamesAreGone: a name server that does not answer costs an attempt its limit and no more, whatever the resolver
// would wait, and the next broker of the list is tried.
func TestNamesAreGone(t *testing.T) {
	dead, err := net.ListenPacket("udp", "127.0.0.1:0") // takes questions and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	var asked atomic.Int64
	resolver := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		asked.Add(1)
		return new(net.Dialer).DialContext(ctx, "udp", dead.LocalAddr().String())
	}}
	t.Cleanup(func() { net.DefaultResolver = resolver }) // before the gateway's own cleanup is registered, so after its end

	b := newBroker(t, nil)
	f := newFleet(t)
	b.answer(t, f)
	const limit = 300 * time.Millisecond
	begin := time.Now()
	g := startGateway(t, "", uplink.Config{Brokers: []string{"tcp://broker.citygate.example:1883", b.addr}, Timeout: limit})
	g.append(t, 10)
	f.wait(11)
	if asked.Load() == 0 {
		t.Error("no name was asked for")
	}
	if took := time.Since(begin); took < limit {
		t.Errorf("connected after %v: the dead name server was not waited for", took)
	}
}
