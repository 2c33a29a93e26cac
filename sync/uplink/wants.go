package uplink

import (
	"slices"
	"sync"
	"time"

	"citygate/sync/wire"
)

// wantTTL is how long a want lives that is not renewed.
const wantTTL = 10 * time.Minute

// want is one file that is asked for.
type want struct {
	until time.Time // when it ends unless renewed
	need  time.Time // when the fleet is asked; later each time
	wait  time.Duration
	conn  uint64 // connection on which it was subscribed last
}

// file names one file of a log.
type file struct{ log, resource string }

// wants is what should be subscribed. It outlives connections.
type wants struct {
	after time.Duration // how long a file may stay away before the fleet is asked

	mu    sync.Mutex // guards the fields below
	logs  []string
	files map[file]*want
}

func (w *wants) setLogs(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logs = w.logs[:0]
	for _, n := range names {
		if wire.ValidName(n) && !slices.Contains(w.logs, n) {
			w.logs = append(w.logs, n)
		}
	}
}

// add adds or renews a want. A renewed one is subscribed again, since its retained message may have been lost on the
// way, and only a subscription brings it once more. When there are too many, the one that ends first makes room.
func (w *wants) add(log, resource string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := file{log, resource}
	if have := w.files[f]; have != nil {
		have.until = now.Add(wantTTL)
		have.conn = 0
		return
	}
	if len(w.files) >= maxWants {
		var oldest file
		var until time.Time
		for f, x := range w.files {
			if until.IsZero() || x.until.Before(until) {
				oldest, until = f, x.until
			}
		}
		delete(w.files, oldest)
	}
	w.files[f] = &want{until: now.Add(wantTTL), need: now.Add(w.after), wait: w.after}
}

// has reports whether a file is wanted.
func (w *wants) has(f file) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[f] != nil
}

// end ends a want: what was delivered is enough.
func (w *wants) end(f file) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.files, f)
}

// follows reports whether the log is one whose checkpoints are wanted.
func (w *wants) follows(log string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.logs, log)
}

// topics returns what should be subscribed now, and forgets wants that have ended. The second result are the topics
// of files that were wanted since it was last called on this connection: these are subscribed even when they are
// subscribed already, because only a subscription brings the retained message again.
func (w *wants) topics(now time.Time, conn uint64) (map[string]bool, []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := map[string]bool{}
	var fresh []string
	for _, l := range w.logs {
		t[wire.TopicTrust(l, "checkpoint")] = true
	}
	for f, x := range w.files {
		if now.After(x.until) {
			delete(w.files, f)
			continue
		}
		topic := wire.TopicTrust(f.log, f.resource)
		if x.conn != conn {
			fresh = append(fresh, topic)
		}
		x.conn = conn
		t[topic] = true
	}
	return t, fresh
}

// due returns the files that the fleet should be asked for now, by log, at most [wire.MaxWanted] for each. Each is
// due first when it has stayed away for the set time, and then at ever longer intervals.
func (w *wants) due(now time.Time) map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	byLog := map[string][]string{}
	for f, x := range w.files {
		if now.Before(x.need) || len(byLog[f.log]) >= wire.MaxWanted {
			continue
		}
		x.wait = min(2*x.wait, wantTTL)
		x.need = now.Add(x.wait)
		byLog[f.log] = append(byLog[f.log], f.resource)
	}
	for _, r := range byLog {
		slices.Sort(r)
	}
	return byLog
}
