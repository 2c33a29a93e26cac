package uplink_test

import (
	"context"
	"database/sql"
	"flag"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	_ "github.com/mattn/go-sqlite3"

	"citygate/internal/figures"
	"citygate/sync/uplink"
	"citygate/sync/wire"
)

var figuresFile = flag.String("figures", "", "measure the figures of this package and append them to this file as JSON lines")

// backlog is how many events, and how many messages of the peer, are drained.
const backlog = 100_000

// TestFigures measures only where it is asked to:
//
//	go test ./sync/uplink -run Figures -figures sync.jsonl
func TestFigures(t *testing.T) {
	f := figures.Open(t, *figuresFile)
	rate, cpu := figureDrain(t)
	bridge := figureBridge(t)
	f.Add(figures.Figure{Figure: "drain_per_s", Value: rate, Unit: "events/s", Peer: "mosquitto bridge, messages/s", PeerValue: bridge})
	f.Add(figures.Figure{Figure: "cpu_100k_s", Value: cpu, Unit: "s"})
}

// figureDrain drains a backlog through the real broker into SQLite with full durability. The CPU time is that of this
// whole process: gateway and fleet.
func figureDrain(t *testing.T) (rate, cpu float64) {
	addr := freePort(t)
	mosquitto(t, addr, "allow_anonymous true", "max_inflight_messages 128", "max_queued_messages 10000")
	g := startGateway(t, "", uplink.Config{Brokers: []string{"tcp://" + addr}})
	g.append(t, backlog)
	f := newFleet(t)
	s := &sqliteFleet{fleet: f}
	s.open(t)
	begin, used := time.Now(), cpuTime(t)
	s.serve(t, client(t, "tcp://"+addr, "fleet"))
	f.wait(backlog + 1)
	waitFor(t, func() bool { return g.box.Stats(t.Context()).Depth == 0 })
	took := time.Since(begin).Seconds()
	cpu = (cpuTime(t) - used).Seconds()
	var n int
	if err := s.db.QueryRow("SELECT count(*) FROM event").Scan(&n); err != nil || n != backlog+1 {
		t.Fatalf("%d events are in the fleet's database, %v", n, err)
	}
	g.stop()
	return backlog / took, cpu
}

// cpuTime is the CPU time that this process has used.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sqliteFleet commits all batches that have come in one transaction, and answers after it.
type sqliteFleet struct {
	*fleet
	db *sql.DB
}

func (s *sqliteFleet) open(t *testing.T) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "fleet.db")+"?_journal_mode=WAL&_synchronous=FULL")
	if err == nil {
		db.SetMaxOpenConns(1)
		_, err = db.Exec("CREATE TABLE event (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
	}
	if err != nil {
		t.Fatal(err)
	}
	s.db = db
	t.Cleanup(func() { db.Close() })
}

func (s *sqliteFleet) serve(t *testing.T, c mqtt.Client) {
	t.Helper()
	in := make(chan []byte, 1024)
	var wg sync.WaitGroup
	wg.Go(func() {
		for p := range in {
			batches := [][]byte{p}
			for len(in) > 0 && len(batches) < 64 {
				batches = append(batches, <-in)
			}
			if err := s.commit(batches); err != nil {
				t.Error(err)
				return
			}
			var last *wire.Ack
			for _, p := range batches {
				last = s.batch(p)
			}
			if last == nil {
				return
			}
			if b, err := last.Encode(); err == nil {
				c.Publish(wire.TopicAck(device), 1, false, b)
			}
		}
	})
	t.Cleanup(func() { c.Disconnect(100); close(in); wg.Wait() })
	c.Subscribe(wire.Filter(wire.KindEvents, ""), 1, func(_ mqtt.Client, m mqtt.Message) { in <- m.Payload() }).Wait()
	publish(t, c, wire.TopicIngest(), true, ingest(t, wire.StateOn, 1))
}

func (s *sqliteFleet) commit(batches [][]byte) error {
	tx, err := s.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert, err := tx.Prepare("INSERT OR IGNORE INTO event (id, body) VALUES (?, ?)")
	if err != nil {
		return err
	}
	for _, p := range batches {
		b, err := wire.DecodeBatch(p)
		if err != nil {
			return err
		}
		for i, it := range b.Items {
			if _, err := insert.Exec(int64(b.First)+int64(i), it.Event); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// figureBridge lets one mosquitto bridge a backlog of messages of 300 bytes to another, and returns messages per
// second as a subscriber of the other one sees them.
func figureBridge(t *testing.T) float64 {
	center, edge := freePort(t), freePort(t)
	mosquitto(t, edge, "allow_anonymous true", "max_queued_messages 0", "max_inflight_messages 1000",
		"connection up", "address "+center, "topic ev/# out 1", "cleansession false", "restart_timeout 1",
		"notifications false", "bridge_protocol_version mqttv311")
	p := client(t, "tcp://"+edge, "publisher")
	payload := make([]byte, 300)
	var window []mqtt.Token
	for range backlog {
		window = append(window, p.Publish("ev/k", 1, false, payload))
		if len(window) == 1000 {
			for _, tok := range window {
				tok.Wait()
			}
			window = window[:0]
		}
	}
	for _, tok := range window {
		tok.Wait()
	}
	mosquitto(t, center, "allow_anonymous true", "max_queued_messages 0", "max_inflight_messages 1000")
	c := client(t, "tcp://"+center, "subscriber")
	done := make(chan float64, 1)
	n := 0
	var begin time.Time
	c.Subscribe("ev/#", 1, func(mqtt.Client, mqtt.Message) {
		if n++; n == 1 {
			begin = time.Now()
		}
		if n == backlog {
			done <- (backlog - 1) / time.Since(begin).Seconds()
		}
	}).Wait()
	select {
	case rate := <-done:
		return rate
	case <-time.After(time.Minute):
		t.Errorf("the bridge brought %d of %d messages in a minute", n, backlog)
		return 0
	}
}
