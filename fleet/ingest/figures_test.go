package ingest_test

import (
	"flag"
	"path/filepath"
	"testing"

	"citygate/fleet/store"
	"citygate/internal/figures"
	"citygate/internal/pgtest"
)

var figuresFile = flag.String("figures", "", "measure the figures of this package and append them to this file as JSON lines")

// TestFigures measures only where it is asked to:
//
//	go test ./fleet/ingest -run Figures -figures sync.jsonl
//
// Four gateways drain 100,000 events through mosquitto to one worker: decoded,
// verified, committed with fsync, signed for. The peer is the same into SQLite.
func TestFigures(t *testing.T) {
	f := figures.Open(t, *figuresFile)
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
	line := figures.Figure{Figure: "ingest_postgres_per_s", Unit: "events/s", Peer: "into SQLite"}
	line.PeerValue = drain(t, open(filepath.Join(t.TempDir(), "fleet.db")), 1, events)
	line.Value = drain(t, open(pg.URL("")), 1, events)
	f.Add(line)
}
