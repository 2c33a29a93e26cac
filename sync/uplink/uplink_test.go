package uplink_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"citygate/sync/uplink"
	"citygate/sync/wire"
)

// expect reads what the sink got until it is what is expected.
func (g *gateway) expect(t testing.TB, want string) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case got := <-g.sink.got:
			if got == want {
				return
			}
		case <-limit:
			t.Fatalf("%q did not come", want)
		}
	}
}

func TestEverythingArrivesThroughMosquitto(t *testing.T) {
	addr := freePort(t)
	mosquitto(t, addr)
	f := newFleet(t)
	c := client(t, "tcp://"+addr, "fleet")
	serve(t, c, f)
	births := make(chan wire.Birth, 16)
	c.Subscribe(wire.Filter(wire.KindState, ""), 1, func(_ mqtt.Client, m mqtt.Message) {
		b, err := wire.DecodeBirth(m.Payload())
		if err != nil {
			t.Error(err)
		}
		births <- b
	}).Wait()
	path := filepath.Join(t.TempDir(), "outbox.db")
	g := startGateway(t, path, uplink.Config{Brokers: []string{"tcp://" + addr}})
	on := <-births
	if on.State != wire.StateOn || on.Epoch != g.box.Epoch() {
		t.Fatalf("birth %+v", on)
	}
	stamps := g.append(t, 3000)
	f.wait(3001)
	for _, s := range stamps {
		if e, ok := f.holds(s); !ok || e.Verdict != "valid" {
			t.Fatalf("event %d is not there", s.Seq)
		}
	}
	g.stop()
	if off := <-births; off.State != wire.StateOff || off.Conn != on.Conn {
		t.Fatalf("farewell %+v after %+v", off, on)
	}

	startGateway(t, path, uplink.Config{Brokers: []string{"tcp://" + addr}})
	f.wait(3002)
	on2 := <-births
	for on2.State == wire.StateOff && on2.Conn == on.Conn { // a broker may publish the will although it was said goodbye
		on2 = <-births
	}
	if on2.State != wire.StateOn || on2.Conn <= on.Conn {
		t.Fatalf("birth %+v after %+v", on2, on)
	}
}

func TestBrokerKilledAndRestarted(t *testing.T) {
	addr := freePort(t)
	kill := mosquitto(t, addr)
	f := newFleet(t)
	serve(t, client(t, "tcp://"+addr, "fleet"), f)
	g := startGateway(t, "", uplink.Config{Brokers: []string{"tcp://" + addr}, AckTimeout: time.Second})
	g.append(t, 500)
	f.wait(100)
	kill()
	g.append(t, 500)
	mosquitto(t, addr)
	serve(t, client(t, "tcp://"+addr, "fleet"), f)
	f.wait(1001)
}

func TestTrustDataComesDown(t *testing.T) {
	addr := freePort(t)
	mosquitto(t, addr)
	c := client(t, "tcp://"+addr, "fleet")
	publish(t, c, wire.TopicTrust("sjz-records", "checkpoint"), true, []byte("cp1"))
	publish(t, c, wire.TopicTrust("sjz-records", "tile/0/000"), true, []byte("tile"))
	needs := make(chan wire.Need, 16)
	c.Subscribe(wire.TopicNeed(device), 1, func(_ mqtt.Client, m mqtt.Message) {
		n, err := wire.DecodeNeed(m.Payload())
		if err != nil {
			t.Error(err)
		}
		needs <- n
	}).Wait()
	g := startGateway(t, "", uplink.Config{Brokers: []string{"tcp://" + addr}, NeedAfter: 50 * time.Millisecond})
	g.Logs("sjz-records")
	g.expect(t, "checkpoint sjz-records cp1")
	publish(t, c, wire.TopicTrust("sjz-records", "checkpoint"), true, []byte("cp2"))
	g.expect(t, "checkpoint sjz-records cp2")
	for range 2 { // a file that is wanted again is delivered again
		g.Want("sjz-records", "tile/0/000")
		g.expect(t, "file sjz-records tile/0/000 tile")
	}
	g.Want("sjz-records", "tile/entries/000")
	for n := range needs { // a broker that took its time with the tile may have been asked for it, too
		if got := fmt.Sprint(n.Log, n.Resources); got == "sjz-records[tile/entries/000]" {
			break
		} else if got != "sjz-records[tile/0/000]" {
			t.Fatalf("need %+v", n)
		}
	}
	publish(t, c, wire.TopicTrust("sjz-records", "tile/entries/000"), true, []byte("bundle"))
	g.expect(t, "file sjz-records tile/entries/000 bundle")
}

func TestControlIsVerified(t *testing.T) {
	b := newBroker(t, nil)
	g := startGateway(t, "", uplink.Config{Brokers: []string{b.addr}, Rings: []string{"r1"}})
	desired := func(target string, key []byte) []byte {
		d := wire.Desired{Target: target, Number: 7, NotAfter: 1 << 40, Body: []byte("x=1")}
		d.Sign(key)
		p, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	command := func(id, dev string) []byte {
		c := wire.Command{ID: id, Device: dev, Name: "reload", NotAfter: 1 << 40}
		if err := c.Sign(opsKey); err != nil {
			t.Fatal(err)
		}
		p, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	b.say(t, wire.TopicRing("r1"), true, desired("g/r1", opsKey))
	g.expect(t, "desired g/r1 7 x=1")
	for _, bad := range [][]byte{desired("d/"+device, fleetKey), desired("d/other", opsKey), desired("g/r1", opsKey), []byte("garbage"), {0xa1}} {
		b.say(t, wire.TopicDesired(device), false, bad)
	}
	b.say(t, wire.TopicCommand(device, "c-1"), false, command("c-1", "other"))
	b.say(t, wire.TopicCommand(device, "c-1"), false, command("c-2", device))
	b.say(t, wire.TopicCommand(device, "c-3"), false, command("c-3", device))
	g.expect(t, "command c-3 reload")
	b.say(t, wire.TopicDesired(device), true, desired("d/"+device, opsKey))
	g.expect(t, "desired d/"+device+" 7 x=1")
	waitFor(t, func() bool { return g.Status().Garbage == 7 })
}

// waitFor polls a condition that nothing announces.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("condition did not come")
		}
	}
}
