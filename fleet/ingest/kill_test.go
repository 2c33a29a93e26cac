package ingest_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"citygate/fleet/ingest"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

const (
	childStore  = "CITYGATE_TEST_INGEST_STORE"
	childBroker = "CITYGATE_TEST_INGEST_BROKER"
)

// runAsIngest is the other process of TestKilledIngest: an ingest that works
// until it is killed.
func runAsIngest() bool {
	path := os.Getenv(childStore)
	if path == "" {
		return false
	}
	s, err := store.Open(path, store.Options{})
	if err != nil {
		panic(err)
	}
	in, err := ingest.New(ingest.Config{Brokers: []string{os.Getenv(childBroker)}, ClientID: "fleet-child", Key: seed("fleet"), Wait: 100 * time.Millisecond}, s)
	if err != nil {
		panic(err)
	}
	if err := in.Run(context.Background()); err != nil {
		panic(err)
	}
	return true
}

// A long run is asked for with
//
//	go test ./fleet/ingest -run KilledIngest -cycles 1000 -timeout 1h
var killCycles = flag.Int("cycles", 6, "lives of the process in TestKilledIngest")

// An ingest that is killed in the middle of the stream, again and again, loses
// nothing and stores nothing twice: what was acknowledged is stored, and what
// was not is sent again.
func TestKilledIngest(t *testing.T) {
	broker := mosquitto(t)
	path := filepath.Join(t.TempDir(), "fleet.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := &rig{t: t, store: s, acks: make(chan wire.Ack, 10000), mqtt: client(t, broker, "tester")}
	r.enrol("k-1")
	r.subscribe(wire.TopicAck("k-1"), func(_ string, b []byte) {
		if a, err := wire.DecodeAck(b); err == nil {
			r.acks <- a
		}
	})
	const size = 20
	kills := *killCycles
	events := (kills + 1) * 43 * size
	t.Logf("-cycles %d", kills)
	batches := outbox(t, "k-1", 9, events, size)
	var acked uint64
	for life := range kills + 1 {
		child := startIngest(t, path, broker)
		until := uint64(events * (life + 1) / (kills + 1)) // killed in full stream once that much is acknowledged
		acked = r.drain(batches, size, acked, until)
		child.Process.Kill()
		child.Wait()
		if tot, err := s.Totals(t.Context()); err != nil || tot.Numbers < acked {
			t.Fatalf("acknowledged %d, stored %d: %v", acked, tot.Numbers, err)
		}
	}
	n, err := s.Audit(t.Context(), "")
	tot, err2 := s.Totals(t.Context())
	if err != nil || err2 != nil || n != uint64(events) || tot.Verdicts["valid"] != int64(events) {
		t.Errorf("audit %d, scans %d, want %d: %v %v", n, tot.Verdicts["valid"], events, err, err2)
	}
}

func startIngest(t *testing.T, path, broker string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childStore+"="+path, childBroker+"="+broker)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// drain sends what is not acknowledged, with a window, until enough is.
func (r *rig) drain(batches [][]byte, size int, acked, until uint64) uint64 {
	const window = 32
	next := int(acked) / size
	resend := time.NewTicker(300 * time.Millisecond)
	defer resend.Stop()
	timeout := time.After(limit)
	for acked < until {
		for ; next < len(batches) && next < int(acked)/size+window; next++ {
			r.publish(wire.TopicEvents("k-1"), batches[next])
		}
		select {
		case a := <-r.acks:
			acked = max(acked, a.Seq)
			if len(a.Again) > 0 {
				next = int(acked) / size
			}
		case <-resend.C:
			next = int(acked) / size
		case <-timeout:
			r.t.Fatalf("only %d of %d were acknowledged", acked, until)
		}
	}
	return acked
}
