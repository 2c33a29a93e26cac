package uplink_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"citygate/internal/pki"
	"citygate/sync/uplink"
	"citygate/sync/wire"
)

// TestTLSAndAReplacedCertificate: the client certificate is read anew for each connection.
func TestTLSAndAReplacedCertificate(t *testing.T) {
	dir := t.TempDir()
	good, err1 := pki.Open(filepath.Join(dir, "good"), "city", time.Now)
	other, err2 := pki.Open(filepath.Join(dir, "other"), "elsewhere", time.Now)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	server, serverKey, err := good.Issue("broker", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	addr := freePort(t)
	ca := filepath.Join(dir, "good", "ca.pem")
	mosquitto(t, addr, "tls_version tlsv1.3", "cafile "+ca, "certfile "+server, "keyfile "+serverKey,
		"require_certificate true", "use_identity_as_username true", "use_username_as_clientid true", "allow_anonymous false")

	cert, key := filepath.Join(dir, "device.pem"), filepath.Join(dir, "device.key")
	install := func(a *pki.Authority) {
		c, k, err := a.Issue(device)
		if err != nil {
			t.Fatal(err)
		}
		for from, to := range map[string]string{c: cert, k: key} {
			b, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(to, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	install(other)
	g := startGateway(t, "", uplink.Config{Brokers: []string{"tls://" + addr}, CA: ca, Cert: cert, CertKey: key})
	waitFor(t, func() bool { return g.Status().LastError != "" })
	if g.Status().Connected {
		t.Fatal("connected with a certificate of another authority")
	}
	install(good)
	waitFor(t, func() bool { return g.Status().Connected })
	if left := time.Until(g.Status().CertEnd); left <= 0 {
		t.Errorf("the certificate ends in %v", left)
	}
}

// TestBrokersInOrder: the next broker is tried at once when one does not answer, and garbage is not an answer.
func TestBrokersInOrder(t *testing.T) {
	garbage := listen(t, func(c net.Conn) {
		b := []byte("HTTP/1.1 400 Bad Request\r\n")
		for range 4096 {
			b = append(b, byte(rand.Uint32()))
		}
		c.Write(b)
	})
	silent := listen(t, func(net.Conn) {}) // takes the connection and closes it
	b := newBroker(t, nil)
	g := startGateway(t, "", uplink.Config{Brokers: []string{silent, garbage, b.addr}, Timeout: time.Second})
	waitFor(t, func() bool { return g.Status().Connected })
	if s := g.Status(); s.Broker != b.addr {
		t.Errorf("connected to %s", s.Broker)
	}
}

// TestPacketsThatAreTooLarge: a broker that announces 256 MB loses the connection before the memory is reserved.
func TestPacketsThatAreTooLarge(t *testing.T) {
	ended := make(chan error, 8)
	huge := listen(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		if _, err := c.Read(buf); err != nil {
			return
		}
		c.Write([]byte{0x20, 2, 0, 0}) // CONNACK
		c.Read(buf)                    // SUBSCRIBE
		c.Write([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
		_, err := io.Copy(c, neverEnds{})
		ended <- err
	})
	g := startGateway(t, "", uplink.Config{Brokers: []string{huge}, Timeout: time.Second})
	if err := <-ended; err == nil {
		t.Error("the connection was not ended")
	}
	waitFor(t, func() bool { return g.Status().LastError != "" })
}

// neverEnds gives zeros for ever.
type neverEnds struct{}

func (neverEnds) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// listen serves connections with a function until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "tcp://" + l.Addr().String()
}

// fakeTransport is a [uplink.Transport] in memory. It notes when connections are made and may refuse them.
type fakeTransport struct {
	refuse      func(n int) bool // asked with the number of the attempt, from 0
	refuseTopic func(topic string, n int) bool

	mu    sync.Mutex // guards the fields below
	times []time.Time
	last  *fakeSession
}

type fakeSession struct {
	lost chan struct{}
	sent chan uplink.Message
	dial uplink.Dial

	refuseTopic func(topic string, n int) bool // whether the n-th subscription of a topic is refused, from 1

	mu         sync.Mutex     // guards subscribed
	subscribed map[string]int // how often, by topic
}

func (f *fakeTransport) Connect(ctx context.Context, d uplink.Dial) (uplink.Session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times = append(f.times, time.Now())
	if f.refuse(len(f.times) - 1) {
		return nil, errors.New("refused")
	}
	f.last = &fakeSession{refuseTopic: f.refuseTopic, lost: make(chan struct{}), sent: make(chan uplink.Message, 4096), dial: d, subscribed: map[string]int{}}
	return f.last, nil
}

func (s *fakeSession) Publish(m uplink.Message) error {
	select {
	case s.sent <- m:
		return nil
	default:
		return errors.New("too many messages")
	}
}
func (s *fakeSession) Subscribe(_ context.Context, topics []string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var refused []string
	for _, t := range topics {
		s.subscribed[t]++
		if s.refuseTopic != nil && s.refuseTopic(t, s.subscribed[t]) {
			refused = append(refused, t)
		}
	}
	return refused, nil
}
func (s *fakeSession) Unsubscribe([]string) error { return nil }
func (s *fakeSession) Lost() <-chan struct{}      { return s.lost }
func (s *fakeSession) Close()                     {}

// inBubble runs a gateway over a transport in a bubble of its own time.
func inBubble(t *testing.T, tr *fakeTransport, c uplink.Config, test func(t *testing.T, g *gateway)) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	synctest.Test(t, func(t *testing.T) {
		c.Brokers, c.Transport = []string{"fake"}, tr
		g := startGateway(t, path, c)
		defer g.stop()
		test(t, g)
	})
}

// TestWantedAgain: a file whose retained message got lost is subscribed once more each time it is asked for, and not
// between.
func TestWantedAgain(t *testing.T) {
	tr := &fakeTransport{refuse: func(int) bool { return false }}
	inBubble(t, tr, uplink.Config{}, func(t *testing.T, g *gateway) {
		for !g.Status().Connected {
			time.Sleep(time.Second) // the bubble's time
			synctest.Wait()
		}
		topic := wire.TopicTrust("sjz-records", "tile/1/000")
		for asked := 1; asked <= 3; asked++ {
			g.Want("sjz-records", "tile/1/000")
			time.Sleep(time.Minute)
			synctest.Wait()
			tr.last.mu.Lock()
			if n := tr.last.subscribed[topic]; n != asked {
				t.Errorf("asked for %d times, subscribed %d times", asked, n)
			}
			tr.last.mu.Unlock()
		}
	})
}

// TestRefusedSubscription: what the broker refuses is subscribed again after ever longer waits, of a file that is
// wanted as of the gateway's own topics, until it is taken.
func TestRefusedSubscription(t *testing.T) {
	topic := wire.TopicTrust("sjz-records", "tile/1/000")
	tr := &fakeTransport{refuse: func(int) bool { return false }, refuseTopic: func(at string, n int) bool {
		return (at == topic || at == wire.TopicAck(device)) && n <= 3
	}}
	inBubble(t, tr, uplink.Config{}, func(t *testing.T, g *gateway) {
		for !g.Status().Connected {
			time.Sleep(time.Second) // the bubble's time
			synctest.Wait()
		}
		g.Want("sjz-records", "tile/1/000")
		time.Sleep(time.Minute)
		synctest.Wait()
		tr.last.mu.Lock()
		defer tr.last.mu.Unlock()
		for _, at := range []string{topic, wire.TopicAck(device)} {
			if n := tr.last.subscribed[at]; n != 4 {
				t.Errorf("%s was subscribed %d times, refused three times", at, n)
			}
		}
		if n := tr.last.subscribed[wire.TopicDesired(device)]; n != 1 {
			t.Errorf("what was taken was subscribed %d times", n)
		}
	})
}

// TestConfusedNumbers: a broker refuses a subscription with a code that MQTT 3.1.1 does not have, as mochi does while a
// message of its own has the same packet number. It counts as refused, and is tried again.
func TestConfusedNumbers(t *testing.T) {
	topic := wire.TopicTrust("sjz-records", "tile/1/000")
	var mu sync.Mutex
	asked := 0
	addr := listen(t, func(c net.Conn) {
		for {
			header, body, err := readPacket(c)
			if err != nil {
				return
			}
			switch header & 0xf0 {
			case 0x10: // CONNECT
				c.Write([]byte{0x20, 2, 0, 0})
			case 0x30: // PUBLISH with QoS 1
				n := 2 + int(body[0])<<8 + int(body[1])
				c.Write([]byte{0x40, 2, body[n], body[n+1]})
			case 0x80: // SUBSCRIBE
				codes := []byte{}
				for at := 2; at < len(body); {
					n := int(body[at])<<8 + int(body[at+1])
					code := byte(1)
					if string(body[at+2:at+2+n]) == topic {
						mu.Lock()
						if asked++; asked < 3 {
							code = 0x91
						}
						mu.Unlock()
					}
					codes = append(codes, code)
					at += n + 3
				}
				c.Write(append([]byte{0x90, byte(2 + len(codes)), body[0], body[1]}, codes...))
			}
		}
	})
	var skew atomic.Int64
	g := startGateway(t, "", uplink.Config{Brokers: []string{addr}, NeedAfter: 5 * time.Millisecond,
		Now: func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }})
	waitFor(t, func() bool { return g.Status().Connected })
	g.Want("sjz-records", "tile/1/000")
	waitFor(t, func() bool {
		skew.Add(int64(time.Second))
		mu.Lock()
		defer mu.Unlock()
		return asked == 3
	})
}

// readPacket reads one MQTT packet of up to 16 KiB.
func readPacket(r io.Reader) (header byte, body []byte, err error) {
	b := make([]byte, 2)
	if _, err = io.ReadFull(r, b); err != nil {
		return 0, nil, err
	}
	n := int(b[1] & 0x7f)
	if b[1]&0x80 != 0 {
		more := make([]byte, 1)
		if _, err = io.ReadFull(r, more); err != nil {
			return 0, nil, err
		}
		n |= int(more[0]) << 7
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return b[0], body, err
}

// TestOldRetainedMessage: a broker that keeps an old, too short message of a file gives it at each subscription. The
// file stays wanted, and the fleet is asked for it.
func TestOldRetainedMessage(t *testing.T) {
	b := newBroker(t, nil)
	topic := wire.TopicTrust("sjz-records", "tile/1/000")
	b.say(t, topic, true, []byte("short"))
	needed := make(chan struct{}, 64)
	err := b.Subscribe(wire.TopicNeed(device), 1, func(*mochi.Client, packets.Subscription, packets.Packet) { needed <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, "", uplink.Config{Brokers: []string{b.addr}, NeedAfter: 10 * time.Millisecond})
	for range 3 { // as long as it waits, the trust cache asks again
		g.Want("sjz-records", "tile/1/000")
		g.expect(t, "file sjz-records tile/1/000 short")
	}
	<-needed
	b.say(t, topic, true, []byte("whole"))
	g.expect(t, "file sjz-records tile/1/000 whole")
	waitFor(t, func() bool { return b.Topics.Subscribers(topic).Subscriptions[device].Filter == "" })
}

// TestReconnecting: the waits lie between 0 and limits that double up to five minutes, and begin anew after a
// connection that lasted.
func TestReconnecting(t *testing.T) {
	const refused = 14
	tr := &fakeTransport{refuse: func(n int) bool { return n < refused }}
	inBubble(t, tr, uplink.Config{}, func(t *testing.T, g *gateway) {
		for !g.Status().Connected {
			time.Sleep(time.Second) // the bubble's time
			synctest.Wait()
		}
		limit, sum := time.Second, time.Duration(0)
		for i := 1; i < len(tr.times); i++ {
			wait := tr.times[i].Sub(tr.times[i-1])
			if sum += wait; wait < 0 || wait > limit {
				t.Errorf("wait %d is %v, at most %v is allowed", i, wait, limit)
			}
			limit = min(2*limit, 5*time.Minute)
		}
		if len(tr.times) != refused+1 || sum < 2*time.Minute {
			t.Errorf("%d attempts in %v", len(tr.times), sum)
		}
		time.Sleep(61 * time.Second)
		ended := time.Now()
		close(tr.last.lost)
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if n := len(tr.times); n != refused+2 || tr.times[n-1].Sub(ended) > time.Second {
			t.Errorf("%d attempts after a connection that lasted", n)
		}
	})
}

// TestHealthAndReport: health comes about once a minute, the report when it changes and after each birth.
func TestHealthAndReport(t *testing.T) {
	tr := &fakeTransport{refuse: func(int) bool { return false }}
	inBubble(t, tr, uplink.Config{Software: "0.1.0"}, func(t *testing.T, g *gateway) {
		g.SetHealth(wire.Health{ClockQ: wire.ClockSynced, FrameMilliHz: 30000})
		g.SetReport(wire.Report{Software: "0.1.0"})
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		g.SetReport(wire.Report{Software: "0.1.0", Config: "7"})
		if !g.Result(wire.CommandResult{ID: "c-1", State: wire.ResultOK}) {
			t.Error("a result was refused")
		}
		synctest.Wait()
		counts := map[string]int{}
		for len(tr.last.sent) > 0 {
			m := <-tr.last.sent
			topic, err := wire.ParseTopic(m.Topic)
			if err != nil || m.QoS != topic.Kind.QoS() || m.Retained != topic.Kind.Retained() {
				t.Errorf("message %+v, %v", m, err)
			}
			counts[strings.TrimPrefix(m.Topic, "citygate/1/d/"+device+"/")]++
			if topic.Kind == wire.KindHealth {
				h, err := wire.DecodeHealth(m.Payload)
				if err != nil || h.Depth != 1 || h.Epoch != g.box.Epoch() || h.FrameMilliHz != 30000 {
					t.Errorf("health %+v, %v", h, err)
				}
			}
		}
		if n := counts["up/hb"]; n < 9 || n > 14 {
			t.Errorf("%d health messages in ten minutes", n)
		}
		if counts["st"] != 1 || counts["up/rep"] < 1 || counts["up/rep"] > 2 || counts["up/res/c-1"] != 1 || counts["up/ev"] != 0 {
			t.Errorf("messages %v", counts)
		}
		if will, err := wire.DecodeBirth(tr.last.dial.Will.Payload); err != nil || will.State != wire.StateOff || will.Conn != g.Status().Conn {
			t.Errorf("will %+v, %v", will, err)
		}
	})
}

// TestResending: without acknowledgements the same batch is sent again after 10 s, 20 s, 40 s ..., at most every
// five minutes.
func TestResending(t *testing.T) {
	tr := &fakeTransport{refuse: func(int) bool { return false }}
	inBubble(t, tr, uplink.Config{HealthEvery: 24 * time.Hour}, func(t *testing.T, g *gateway) {
		synctest.Wait()
		tr.last.dial.Receive(wire.TopicIngest(), ingest(t, wire.StateOn, 1))
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := g.Status(); s.Batches != 16 || s.Resends != 15 || s.InFlight != 1 {
			t.Errorf("status after an hour without an answer: %+v", s) // after 10, 30, 70, 150 and 310 s, then every 300 s
		}
	})
}
