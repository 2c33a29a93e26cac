package outbox_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"citygate/internal/figures"
	"citygate/sync/outbox"
)

var figuresFile = flag.String("figures", "", "measure the figures of this package and append them to this file as JSON lines")

// TestFigures measures only where it is asked to:
//
//	go test ./sync/outbox -run Figures -figures sync.jsonl
//
// Peers are measured in turn with what they are compared with, because a shared disk changes from second to second.
func TestFigures(t *testing.T) {
	f := figures.Open(t, *figuresFile)
	accept, acceptPeer := figureAccept(t)
	p99, p99Peer := figureAppend(t)
	rss := figureQueued(t)
	f.Add(figures.Figure{Figure: "accept_per_s", Value: accept, Unit: "events/s", Peer: "fsync rate x 64", PeerValue: acceptPeer})
	f.Add(figures.Figure{Figure: "append_p99_ms", Value: p99, Unit: "ms", Peer: "p99 of fsync", PeerValue: p99Peer})
	f.Add(figures.Figure{Figure: "rss_1m_queued_mb", Value: rss, Unit: "MB"})
}

const (
	rounds = 8
	turn   = 500 * time.Millisecond
)

// crowd appends from 64 writers until enough says so, and returns how many events were stored.
func crowd(t testing.TB, o *running, enough func(n int) bool) int {
	t.Helper()
	var wg sync.WaitGroup
	counts := make([]int, 64)
	for w := range counts {
		wg.Go(func() {
			for !enough(counts[w]) {
				if _, err := o.Append(context.Background(), scan("valid")); err != nil {
					t.Error(err)
					return
				}
				counts[w]++
			}
		})
	}
	wg.Wait()
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

func figureAccept(t *testing.T) (rate, peer float64) {
	o := start(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{MaxBytes: 4 << 30})
	syncs := 0
	stored, took := 0, time.Duration(0)
	for range rounds {
		syncs += len(fsyncs(t, 20<<10, turn))
		begin := time.Now()
		stored += crowd(t, o, func(int) bool { return time.Since(begin) >= turn })
		took += time.Since(begin)
	}
	o.stop(t)
	return float64(stored) / took.Seconds(), float64(syncs) / (rounds * turn.Seconds()) * 64
}

func figureAppend(t *testing.T) (p99, peer float64) {
	o := start(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{MaxBytes: 4 << 30})
	var appends, syncs []time.Duration
	for range rounds {
		syncs = append(syncs, fsyncs(t, 4<<10, turn)...)
		for begin := time.Now(); time.Since(begin) < turn; {
			one := time.Now()
			mustAppend(t, o, scan("valid"))
			appends = append(appends, time.Since(one))
		}
	}
	o.stop(t)
	at := func(d []time.Duration) float64 {
		slices.Sort(d)
		return d[len(d)*99/100].Seconds() * 1000
	}
	return at(appends), at(syncs)
}

// figureQueued queues a million events and reads how much memory the process holds.
func figureQueued(t *testing.T) float64 {
	o := start(t, filepath.Join(t.TempDir(), "outbox.db"), outbox.Options{MaxBytes: 4 << 30})
	crowd(t, o, func(n int) bool { return n >= 1_000_000/64 })
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("the memory of this process cannot be read: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return float64(kb) / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
