package cache_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"citygate/internal/figures"
	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
	"citygate/trust/mirror"
)

var figuresFile = flag.String("figures", "", "measure the figures of this package and append them to this file as JSON lines")

// TestFigures measures only where it is asked to:
//
//	go test ./trust/cache -run Figures -figures trust.jsonl
func TestFigures(t *testing.T) {
	f := figures.Open(t, *figuresFile)
	rebuild, peer := rebuildTimes()
	city, nation := firstSyncOf(t, 11_000_000, 110_000), firstSyncOf(t, 1_400_000_000, 1000)
	apply, flush := applyTimes(t)
	const download = "reading the same files"
	f.Add(figures.Figure{Figure: "strip_rebuild_2e24_ms", Value: ms(rebuild), Unit: "ms", Peer: "transparency-dev/merkle compact range", PeerValue: ms(peer)})
	f.Add(figures.Figure{Figure: "first_sync_11m_s", Value: city.Seconds, Unit: "s", Peer: download, PeerValue: city.Read})
	f.Add(figures.Figure{Figure: "first_sync_11m_mb", Value: city.MB, Unit: "MB"})
	f.Add(figures.Figure{Figure: "national_1_4b_s", Value: nation.Seconds, Unit: "s", Peer: download, PeerValue: nation.Read})
	f.Add(figures.Figure{Figure: "national_1_4b_mb", Value: nation.MB, Unit: "MB"})
	f.Add(figures.Figure{Figure: "apply_256_ms", Value: ms(apply), Unit: "ms", Peer: "write and fsync of 16 KB", PeerValue: ms(flush)})
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// median returns the median time of n runs.
func median(n int, run func()) time.Duration {
	var times []time.Duration
	for range n {
		start := time.Now()
		run()
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[n/2]
}

// rebuildTimes rebuilds the strip of 2^24 identifiers, and lets a peer do it.
func rebuildTimes() (ours, peer time.Duration) {
	strip := make([]ledger.Hash, 1<<16)
	for i := range strip {
		strip[i] = ledger.LeafHash([]byte{byte(i), byte(i >> 8)})
	}
	ours = median(9, func() { ledger.RebuildRoot(strip, nil) })
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	peer = median(9, func() {
		r := factory.NewEmptyRange(0)
		for i := range strip {
			_ = r.Append(strip[i][:], nil)
		}
	})
	return ours, peer
}

// firstEnv names the mirror's folder for the process that is measured, and with
// _DB behind it the database.
const firstEnv = "CITYGATE_TEST_FIRST"

// first is what a first synchronisation costs.
type first struct{ Seconds, MB, Read float64 }

// firstSyncOf writes a mirror of a city and synchronises with it in a process of
// its own, so that its memory can be told.
func firstSyncOf(t *testing.T, size uint64, revoked int) first {
	t.Helper()
	dir := t.TempDir()
	n, _, big := bigWorld(size, revoked)
	write(t, dir, n, big)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), firstEnv+"="+dir, firstEnv+"_DB="+filepath.Join(t.TempDir(), "trust.db"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var f first
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Read = time.Since(start).Seconds()
	return f
}

// firstSync is the process that is measured.
func firstSync(dir, db string) error {
	start := time.Now()
	c, err := cache.Open(db, cache.Options{Root: ledgertest.NewNation().Root})
	if err != nil {
		return err
	}
	if _, err := c.Sync(context.Background(), mirror.Dir{Path: dir}); err != nil {
		return err
	}
	took := time.Since(start).Seconds()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	var kb float64
	for line := range bytes.Lines(status) {
		if rest, ok := strings.CutPrefix(string(line), "VmHWM:"); ok { // the peak
			fmt.Sscan(rest, &kb)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(first{Seconds: took, MB: kb * 1024 / 1e6})
}

// applyTimes applies checkpoints with 256 new records each to a log of 2^24, and
// flushes a file as a peer.
func applyTimes(t *testing.T) (apply, flush time.Duration) {
	t.Helper()
	n, src, big := bigWorld(1<<24, 100)
	c, err := cache.Open(filepath.Join(t.TempDir(), "trust.db"), cache.Options{Root: n.Root})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Sync(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	var times []time.Duration
	for range 41 {
		big.Grow(1)
		raw := big.Checkpoint(n.Time)
		start := time.Now()
		if err := c.Apply(t.Context(), big.Short, raw, src); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flush = median(41, func() {
		if _, err := f.Write(make([]byte, 16<<10)); err != nil || f.Sync() != nil {
			t.Fatal(err)
		}
	})
	return times[len(times)/2], flush
}
