package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"citygate/edge/health"
	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// broker is the uplink as the way down sees it: it has retained checkpoints and tiles, gives a log's checkpoint when
// the log is named, and a file when it is wanted. It can lose and spoil what it gives.
type broker struct {
	office *office
	down   *down
	fault  func(log, resource string, b []byte) [][]byte // what is delivered; nil: b itself

	mu   sync.Mutex
	logs []string
}

func (b *broker) Logs(names ...string) {
	b.mu.Lock()
	old := b.logs
	b.logs = slices.Clone(names)
	b.mu.Unlock()
	for _, log := range names {
		if !slices.Contains(old, log) {
			go b.checkpoint(log)
		}
	}
}

func (b *broker) checkpoint(log string) {
	raw, err := ledgertest.NewSource(b.office.Nation).Checkpoint(context.Background(), log)
	if err == nil {
		b.down.Checkpoint(log, raw)
	}
}

func (b *broker) Want(log, resource string) {
	go func() {
		r, err := ledger.ParseResource(resource)
		if err != nil {
			return
		}
		raw := b.file(log, r)
		give := [][]byte{raw}
		if b.fault != nil {
			give = b.fault(log, resource, raw)
		}
		for _, g := range give {
			b.down.Deliver(log, resource, g)
		}
	}()
}

// file is the retained message of a tile or bundle: as wide as it is now.
func (b *broker) file(log string, r ledger.Resource) []byte {
	src := ledgertest.NewSource(b.office.Nation)
	for width := ledger.TileWidth; width > 0; width-- {
		var raw []byte
		var err error
		if r.Kind == ledger.ResourceTile {
			raw, err = src.Tile(context.Background(), log, r.Level, r.N, width)
		} else {
			raw, err = src.Entries(context.Background(), log, r.N, width)
		}
		if err == nil {
			return raw
		}
	}
	return nil
}

func startDown(t *testing.T, o *office, mirrors []string, linked bool, fault func(string, string, []byte) [][]byte) (*cache.Cache, *health.Tracker) {
	t.Helper()
	c, err := cache.Open(filepath.Join(t.TempDir(), "trust.db"), cache.Options{Root: o.Root, Stall: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	h := health.New()
	d := newDown(c, mirrors, h, slog.New(slog.DiscardHandler))
	if linked {
		d.attach(&broker{office: o, down: d, fault: fault})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.Close()
	})
	return c, h
}

// holds waits until the cache holds the whole nation.
func holds(t *testing.T, o *office, c *cache.Cache) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		missing := ""
		for _, l := range o.Logs() {
			if held := c.View().Log(l.Short); held == nil || held.Size != l.Size() {
				missing = l.Short
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-limit.C:
			t.Fatalf("%s did not come", missing)
		case <-poll.C:
		}
	}
}

func TestTrustDataComesOverTheBroker(t *testing.T) {
	o := newOffice(t)
	c, h := startDown(t, o, nil, true, nil)
	holds(t, o, c)
	if active := h.Active(time.Now().Add(time.Hour)); len(active) > 0 {
		t.Errorf("conditions: %+v", active)
	}
}

func TestMirrorHelpsWhereTheBrokerLies(t *testing.T) {
	o := newOffice(t)
	s := httptest.NewServer(o)
	defer s.Close()
	for name, fault := range map[string]func(log, resource string, b []byte) [][]byte{
		"spoilt": func(_, resource string, b []byte) [][]byte {
			b = slices.Clone(b)
			if len(b) > 0 {
				b[len(b)/2] ^= 1
			}
			return [][]byte{b}
		},
		"silent":  func(string, string, []byte) [][]byte { return nil },
		"garbage": func(_, _ string, b []byte) [][]byte { return [][]byte{nil, []byte("garbage"), make([]byte, 1<<20), b} },
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := startDown(t, o, []string{s.URL}, true, fault)
			holds(t, o, c)
		})
	}
}

func TestMirrorsAloneAreEnough(t *testing.T) {
	o := newOffice(t)
	s := httptest.NewServer(o)
	defer s.Close()
	c, _ := startDown(t, o, []string{s.URL}, false, nil)
	holds(t, o, c)
}

func TestBadCheckpointIsACondition(t *testing.T) {
	o := newOffice(t)
	c, err := cache.Open(filepath.Join(t.TempDir(), "trust.db"), cache.Options{Root: o.Root})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := health.New()
	d := newDown(c, nil, h, slog.New(slog.DiscardHandler))
	d.link = &broker{office: o, down: d}
	d.apply(t.Context(), ledger.DirectoryLog, []byte("garbage"))
	active := h.Active(time.Now().Add(time.Hour))
	if len(active) != 1 || active[0].Code != health.TrustSync || !strings.Contains(active[0].Detail, "directory") {
		t.Errorf("conditions: %+v", active)
	}
	raw, err := ledgertest.NewSource(o.Nation).Checkpoint(t.Context(), ledger.DirectoryLog)
	if err != nil {
		t.Fatal(err)
	}
	d.apply(t.Context(), ledger.DirectoryLog, raw)
	if active := h.Active(time.Now().Add(time.Hour)); len(active) != 0 {
		t.Errorf("after a good one: %+v", active)
	}
	if err := c.Apply(t.Context(), "nobodys-log", raw, d.source()); !errors.Is(err, cache.ErrNotFollowed) {
		t.Errorf("a log that is not followed: %v", err)
	}
}
