package trust_test

import (
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// pair is what two calls cost, in microseconds of processor time, and how often
// the second goes into the first.
type pair struct{ ours, peer, ratio float64 }

// paired runs two functions in turn, some calls of each, many times around, and
// gives the medians. It counts the thread's processor time, and both meet the
// same machine, so the ratio holds on a busy one as well.
func paired(t *testing.T, ours, peer func()) pair {
	t.Helper()
	const rounds, calls = 151, 100
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	took := func(f func()) float64 {
		before := threadTime(t)
		for range calls {
			f()
		}
		return (threadTime(t) - before) / calls
	}
	var a, b, ratios []float64
	for i := range rounds {
		var x, y float64
		if i%2 == 0 {
			x, y = took(ours), took(peer)
		} else {
			y, x = took(peer), took(ours)
		}
		a, b, ratios = append(a, x), append(b, y), append(ratios, x/y)
	}
	return pair{median(a), median(b), median(ratios)}
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// threadTime is the processor time of this thread in microseconds.
func threadTime(t *testing.T) float64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		t.Fatal(err)
	}
	return float64(ts.Nano()) / 1000
}
