package ingest_test

import (
	"crypto/ed25519"
	"sync"
	"testing"
	"time"

	"citygate/fleet/ingest"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

// A command goes out when it is given and at each birth until its final result;
// a desired state stands retained.
func TestCommandsAndDesired(t *testing.T) {
	r := newRig(t, embedded(t), nil, nil)
	r.enrol("k-1")
	var mu sync.Mutex
	var got []wire.Command
	r.subscribe(wire.TopicCommand("k-1", "+"), func(topic string, b []byte) {
		c, err := wire.DecodeCommand(b)
		if err == nil {
			err = c.Verify(seed("ops").Public().(ed25519.PublicKey))
		}
		if err != nil || topic != wire.TopicCommand("k-1", c.ID) {
			t.Errorf("%s: %v", topic, err)
		}
		mu.Lock()
		got = append(got, c)
		mu.Unlock()
	})
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(got) }
	c := wire.Command{ID: "c1", Device: "k-1", Name: "reload", NotAfter: time.Now().Add(time.Hour).Unix()}
	if err := c.Sign(seed("ops")); err != nil {
		t.Fatal(err)
	}
	if err := r.store.GiveCommand(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the command", func() bool { return count() == 1 })
	birth := func(conn uint64) {
		b, err := wire.Birth{State: wire.StateOn, Conn: conn, Epoch: 9}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		r.publish(wire.TopicState("k-1"), b)
	}
	birth(1)
	waitFor(t, "the command again", func() bool { return count() == 2 })
	b, err := wire.CommandResult{ID: "c1", State: wire.ResultOK, At: 1}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r.publish(wire.TopicResult("k-1", "c1"), b)
	r.publish(wire.TopicResult("k-1", "c2"), b) // another command's topic
	waitFor(t, "the result", func() bool {
		l, err := r.store.Commands(t.Context(), store.CommandsQuery{})
		return err == nil && l[0].State == wire.ResultOK && r.in.Status().Dropped[ingest.DropUnexpected] == 1
	})
	d := wire.Desired{Target: "d/k-1", Number: 1, NotAfter: time.Now().Add(time.Hour).Unix(), Body: []byte("x = 1")}
	d.Sign(seed("ops"))
	if err := r.store.SetDesired(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	desired := make(chan []byte, 10)
	r.subscribe(wire.TopicDesired("k-1"), func(_ string, b []byte) { desired <- b })
	if got, err := wire.DecodeDesired(<-desired); err != nil || got.Number != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	birth(2)
	<-desired // sent again at the birth, and with it the commands that are open: none
	if n := count(); n != 2 {
		t.Errorf("a command with a final result was sent again: %d", n)
	}
}
