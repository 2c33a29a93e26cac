package uplink_test

import (
	"testing"

	"citygate/sync/uplink"
)

// BenchmarkDrain sends a backlog through the real broker to a fleet that checks and acknowledges everything in memory.
func BenchmarkDrain(b *testing.B) {
	addr := freePort(b)
	mosquitto(b, addr, "allow_anonymous true", "max_inflight_messages 128", "max_queued_messages 10000")
	f := newFleet(b)
	g := startGateway(b, "", uplink.Config{Brokers: []string{"tcp://" + addr}})
	g.append(b, b.N)
	c := client(b, "tcp://"+addr, "fleet")
	b.ResetTimer()
	serve(b, c, f)
	f.wait(b.N + 1)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
