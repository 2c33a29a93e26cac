package ingest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"citygate/fleet/store"
	"citygate/internal/pgtest"
)

var figuresFile = flag.String("figures", "", "measure the figures of this package and append them to this file as JSON lines")

// figure is one line of the file.
type figure struct {
	Figure    string  `json:"figure"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
	Peer      string  `json:"peer"`
	PeerValue float64 `json:"peer_value"`
}

// TestFigures measures only where it is asked to:
//
//	go test ./fleet/ingest -run Figures -figures sync.jsonl
//
// Four gateways drain 100,000 events through mosquitto to one worker: decoded,
// verified, committed with fsync, signed for. The peer is the same into SQLite.
func TestFigures(t *testing.T) {
	if *figuresFile == "" {
		t.Skip("no -figures")
	}
	const events = 100_000
	open := func(database string) *store.Store {
		s, err := store.Open(database, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	pg := pgtest.Start(t)
	line := figure{Figure: "ingest_postgres_per_s", Unit: "events/s", Peer: "into SQLite"}
	line.PeerValue = drain(t, open(filepath.Join(t.TempDir(), "fleet.db")), 1, events)
	line.Value = drain(t, open(pg.URL("")), 1, events)
	t.Logf("%-22s %10.2f %-8s  %s %.2f", line.Figure, line.Value, line.Unit, line.Peer, line.PeerValue)
	b, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(*figuresFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s\n", b); err != nil {
		t.Fatal(err)
	}
}
