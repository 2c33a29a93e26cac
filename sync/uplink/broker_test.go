package uplink_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"citygate/sync/wire"
)

// freePort returns a loopback address that was free a moment ago.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// mosquitto starts the real broker on a loopback port with the given configuration lines and returns a function that
// kills it. The test is skipped where the broker is not installed.
func mosquitto(t testing.TB, addr string, lines ...string) (kill func()) {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("mosquitto is not installed; make deps installs it")
	}
	cmd := exec.Command(path, "-c", mosquittoConf(t, addr, lines))
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan string, 1)
	var read sync.WaitGroup
	read.Go(func() { watch(out, up) })
	var once sync.Once
	kill = func() {
		once.Do(func() {
			cmd.Process.Kill()
			read.Wait()
			cmd.Wait()
		})
	}
	t.Cleanup(kill)
	if fault := <-up; fault != "" {
		t.Fatalf("mosquitto did not start: %s", fault)
	}
	return kill
}

// mosquittoConf writes a configuration file. Started by root the broker would become another user, who cannot read a
// test's folder.
func mosquittoConf(t testing.TB, addr string, lines []string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	conf := []string{"listener " + port + " 127.0.0.1", "persistence false"}
	if len(lines) == 0 {
		lines = []string{"allow_anonymous true"}
	}
	if os.Geteuid() == 0 {
		conf = append(conf, "user root")
	}
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte(strings.Join(append(conf, lines...), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// watch reads what the broker says to its end. It sends "" when the broker runs, or all it said when it ended before.
func watch(out io.Reader, up chan<- string) {
	var all bytes.Buffer
	b := make([]byte, 4096)
	said := false
	for {
		n, err := out.Read(b)
		all.Write(b[:n])
		if !said && bytes.Contains(all.Bytes(), []byte(" running")) {
			said = true
			up <- ""
		}
		if err != nil {
			if !said {
				up <- all.String()
			}
			return
		}
	}
}

// client connects a plain client, which the tests use as the fleet's side.
func client(t testing.TB, broker, id string) mqtt.Client {
	t.Helper()
	opts := mqtt.NewClientOptions().AddBroker(broker).SetClientID(id).SetOrderMatters(true).SetAutoReconnect(false)
	c := mqtt.NewClient(opts)
	if tok := c.Connect(); tok.Wait() && tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func publish(t testing.TB, c mqtt.Client, topic string, retained bool, payload []byte) {
	t.Helper()
	if tok := c.Publish(topic, 1, retained, payload); tok.Wait() && tok.Error() != nil {
		t.Fatal(tok.Error())
	}
}

// serve answers batches for the fleet over a client, and says that ingest is there.
func serve(t testing.TB, c mqtt.Client, f *fleet) {
	t.Helper()
	in := make(chan []byte, 1024)
	var wg sync.WaitGroup
	wg.Go(func() {
		for p := range in {
			if a := f.batch(p); a != nil {
				b, err := a.Encode()
				if err != nil {
					t.Error(err)
					continue
				}
				c.Publish(wire.TopicAck(device), 1, false, b)
			}
		}
	})
	t.Cleanup(func() { c.Disconnect(100); close(in); wg.Wait() })
	tok := c.Subscribe(wire.Filter(wire.KindEvents, ""), 1, func(_ mqtt.Client, m mqtt.Message) { in <- m.Payload() })
	if tok.Wait() && tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	publish(t, c, wire.TopicIngest(), true, ingest(t, wire.StateOn, 1))
}

func ingest(t testing.TB, state string, conn uint64) []byte {
	t.Helper()
	b, err := wire.Ingest{State: state, Conn: conn}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fakeBroker is the embedded broker with a hook that may drop, repeat or change what is published.
type fakeBroker struct {
	*mochi.Server
	addr string
	hook *faults
}

type faults struct {
	mochi.HookBase
	// publish is called for every message that a client publishes. It returns what is done with it.
	publish func(topic string, payload []byte) action
}

// action is what a broker does with a message: pass it on, acknowledge and forget it, or refuse it.
type action int

const (
	pass action = iota
	forget
)

func (h *faults) ID() string { return "faults" }

func (h *faults) Provides(b byte) bool { return b == mochi.OnPublish }

func (h *faults) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if h.publish != nil && !cl.Net.Inline && h.publish(pk.TopicName, pk.Payload) == forget {
		return pk, packets.CodeSuccessIgnore
	}
	return pk, nil
}

func newBroker(t testing.TB, publish func(topic string, payload []byte) action) *fakeBroker {
	t.Helper()
	return newBrokerAt(t, "127.0.0.1:0", publish)
}

func newBrokerAt(t testing.TB, address string, publish func(topic string, payload []byte) action) *fakeBroker {
	t.Helper()
	s := mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	h := &faults{publish: publish}
	if err := s.AddHook(h, nil); err != nil {
		t.Fatal(err)
	}
	l := listeners.NewTCP(listeners.Config{ID: "tcp", Address: address})
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	b := &fakeBroker{Server: s, addr: "tcp://" + l.Address(), hook: h}
	t.Cleanup(func() { s.Close() })
	return b
}

// say publishes a message as the broker's own.
func (b *fakeBroker) say(t testing.TB, topic string, retained bool, payload []byte) {
	t.Helper()
	if err := b.Publish(topic, payload, retained, 1); err != nil {
		t.Error(err)
	}
}
