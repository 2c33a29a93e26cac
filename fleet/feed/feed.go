package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"citygate/sync/wire"
	"citygate/trust/ledger"
)

// Source is a mirror to read from; those of package mirror are.
type Source interface {
	Checkpoint(ctx context.Context, log string) ([]byte, error)
	Rotation(ctx context.Context, n int) ([]byte, error)
	Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error)
	Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error)
}

// Publisher takes retained messages and returns when the broker has them.
type Publisher interface {
	Retain(ctx context.Context, topic string, payload []byte) error
}

// Config says what to follow. Zero values are the defaults named.
type Config struct {
	// Logs are short names; empty means the directory and every log that a
	// registry row of it names.
	Logs []string
	// Interval is the time between two looks at the checkpoints. 1 s.
	Interval time.Duration
	// Logger receives what someone may act on; nil discards.
	Logger *slog.Logger
}

const (
	recentTiles = 16   // tiles of level 0, and bundles of records logs, that are published unasked
	maxLogs     = 1024 // logs that one directory may make the fleet follow
	needQueue   = 256  // resources that wait to be published again
	needEvery   = time.Second
)

// LogStatus is how far one log is published.
type LogStatus struct {
	Log  string
	Size uint64
	// Checked is when the mirror last answered; Err why it does not now.
	Checked time.Time
	Err     error
}

// logState is what the feed remembers of one log; it belongs to Run.
type logState struct {
	size       uint64 // published up to here
	checkpoint []byte // as published
}

// Feed follows logs and publishes them.
type Feed struct {
	cfg   Config
	src   Source
	pub   Publisher
	needs chan wire.Need
	again chan struct{}

	logs map[string]*logState // belongs to Run

	mu     sync.Mutex // guards status and places
	status map[string]LogStatus
	places map[string]map[string]string // replaced, never changed, by prefix
}

// New makes a feed; it starts nothing.
func New(cfg Config, src Source, pub Publisher) *Feed {
	if cfg.Interval <= 0 {
		cfg.Interval = time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Feed{
		cfg: cfg, src: src, pub: pub,
		needs: make(chan wire.Need, needQueue), again: make(chan struct{}, 1),
		logs: make(map[string]*logState), status: make(map[string]LogStatus), places: make(map[string]map[string]string),
	}
}

// Need asks for files to be published again. It never blocks; what does not
// fit is dropped, because a gateway that still misses it asks again.
func (f *Feed) Need(n wire.Need) {
	select {
	case f.needs <- n:
	default:
	}
}

// Again makes the feed publish everything anew: after a connect the broker may
// have lost what it retained. It never blocks.
func (f *Feed) Again() {
	select {
	case f.again <- struct{}{}:
	default:
	}
}

// Status lists the logs by name.
func (f *Feed) Status() []LogStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]LogStatus, 0, len(f.status))
	for _, s := range f.status {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b LogStatus) int { return bytes.Compare([]byte(a.Log), []byte(b.Log)) })
	return out
}

// Run follows the logs until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	tick := time.NewTicker(f.cfg.Interval)
	defer tick.Stop()
	served := make(map[string]time.Time)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.again:
			for _, l := range f.logs {
				*l = logState{}
			}
			f.round(ctx)
		case <-tick.C:
			f.round(ctx)
		case n := <-f.needs:
			f.serve(ctx, n, served, time.Now())
		}
	}
}

// round looks at every log once.
func (f *Feed) round(ctx context.Context) {
	if len(f.logs) == 0 {
		names := f.cfg.Logs
		if len(names) == 0 {
			names = []string{ledger.DirectoryLog}
		}
		for _, name := range names {
			f.logs[name] = &logState{}
		}
	}
	names := make([]string, 0, len(f.logs))
	for name := range f.logs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		f.note(name, f.logs[name], f.step(ctx, name, f.logs[name]))
	}
}

// note keeps a log's status and logs the turns between good and bad.
func (f *Feed) note(name string, l *logState, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, s := f.status[name], LogStatus{Log: name, Size: l.size, Checked: time.Now(), Err: err}
	if err != nil {
		s.Checked = old.Checked
	}
	f.status[name] = s
	switch {
	case err != nil && old.Err == nil && !errors.Is(err, context.Canceled):
		f.cfg.Logger.Warn("log is not published", "log", name, "error", err)
	case err == nil && old.Err != nil:
		f.cfg.Logger.Info("log is published again", "log", name, "size", l.size)
	}
}

// step publishes what is new in one log: tiles and entries first, so that a
// gateway never sees a checkpoint whose tiles are not there.
func (f *Feed) step(ctx context.Context, name string, l *logState) error {
	raw, err := f.src.Checkpoint(ctx, name)
	if err != nil {
		return err
	}
	if l.checkpoint != nil && bytes.Equal(raw, l.checkpoint) {
		return nil
	}
	end := bytes.Index(raw, []byte("\n\n"))
	if end < 0 {
		return fmt.Errorf("checkpoint of %s is not a signed note", name)
	}
	cp, err := ledger.ParseCheckpointText(string(raw[:end+1]))
	if err != nil {
		return fmt.Errorf("checkpoint of %s: %w", name, err)
	}
	if cp.Size < l.size {
		return fmt.Errorf("checkpoint of %s: the mirror went back from size %d to %d", name, l.size, cp.Size)
	}
	if err := f.publishGrowth(ctx, name, l.size, cp.Size); err != nil {
		return err
	}
	if err := f.pub.Retain(ctx, wire.TopicTrust(name, ledger.CheckpointPath), raw); err != nil {
		return err
	}
	l.size, l.checkpoint = cp.Size, raw
	return nil
}

// Places returns the names of a prefix by language, as the directory's newest
// row of it says, or nil. They are for people to read; nothing is decided by them.
func (f *Feed) Places(prefix string) map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.places[prefix]
}
