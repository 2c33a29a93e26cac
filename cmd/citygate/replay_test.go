package main

import (
	"flag"
	"testing"
	"time"
)

var scans = flag.Int("scans", 200, "how many scans TestReplayLeaksNothing replays")

// replay shows codes one after the other, the next as soon as the one before was answered.
type replay struct {
	*stage
	*process
	*crowd
	answers <-chan heard
	current int // guarded by stage.mu: the number of the scan that is shown, from 1; 0 is the empty street
}

func newReplay(t *testing.T, neighbour uint64, w, h int, module float64) *replay {
	t.Helper()
	r := &replay{crowd: newCrowd(t, neighbour)}
	pictures := r.pictures(t, len(r.texts), w, h, module)
	r.stage = newStage(t, 120, func(n int) (int, []byte) {
		if r.current == 0 {
			return 0, pictures[len(r.texts)+n%streets]
		}
		return r.current, pictures[r.current%len(r.texts)]
	})
	r.process = r.crowd.site(t, r.stage).spawn(t)
	return r
}

// run replays n more scans. Each must be answered, with its own object and a higher number.
func (r *replay) run(t *testing.T, n int) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	var before uint64
	for range n {
		r.stage.mu.Lock()
		r.current++
		want := r.objects[r.current%len(r.texts)]
		r.stage.mu.Unlock()
		select {
		case a, ok := <-r.answers:
			if !ok || a.object != want || a.seq <= before {
				t.Fatalf("answer %+v after %d, want %s", a, before, want)
			}
			before = a.seq
		case <-limit.C:
			t.Fatalf("scan %d: no answer within 20 s", r.current)
		}
		limit.Reset(20 * time.Second)
	}
}

// TestReplayLeaksNothing replays scans through a real gateway and compares what the process holds in the middle and at
// the end: memory may grow by a tenth, and nothing else at all. The long form is -scans 10000.
func TestReplayLeaksNothing(t *testing.T) {
	t.Parallel()
	r := newReplay(t, 0, 480, 360, 4)
	r.ready(t)
	r.answers = r.listen(t)
	r.run(t, *scans/2)
	middle := r.footing(t)
	r.run(t, *scans-*scans/2)
	end := r.footing(t)
	t.Logf("after %d scans: %v; after %d: %v", *scans/2, middle, *scans, end)
	// A few goroutines and descriptors come and go with the connections that read the metrics.
	if end.rss > 1.1*middle.rss+8 || end.descriptors > middle.descriptors+3 || end.goroutines > middle.goroutines+6 {
		t.Errorf("it grows: %v, then %v", middle, end)
	}
	r.end(t)
}
