package main

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCluster kills each node of a NATS cluster in turn, with the product's own
// configuration and the users that the enrolment list gives, while gateways
// record events. Nothing is lost.
func TestCluster(t *testing.T) {
	w := newSimWorld(t, 4, newCluster(t)...)
	var appended atomic.Uint64
	record := func() {
		var wg sync.WaitGroup
		for _, g := range w.gateways {
			wg.Go(func() { appended.Add(g.record(t, 10, 20*time.Millisecond)) })
		}
		wg.Wait()
	}
	well := func(*simGateway) bool { return w.brokers[0].well() && w.brokers[1].well() && w.brokers[2].well() }
	w.await("the cluster is whole", well)
	record()
	w.await("the first events are acknowledged", (*simGateway).settled)
	for _, b := range w.brokers {
		b.kill()
		record()
		w.await("events are acknowledged with one node away", (*simGateway).settled)
		b.start()
		w.await("the cluster is whole again", well)
	}
	if lost := int64(appended.Load()) + int64(len(w.gateways)) - w.stored(); lost != 0 {
		t.Errorf("%d events are lost, or stored twice", lost)
	}
}
