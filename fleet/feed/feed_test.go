package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"citygate/fleet/feed"
	"citygate/sync/wire"
	"citygate/trust/ledger"
)

// fakeLog is a log that grows, served with the layout of tlog-tiles.
type fakeLog struct {
	mu     sync.Mutex
	size   uint64
	hashes [][]tlog.Hash // by level, full tiles' roots carried up
}

func (l *fakeLog) grow(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		l.add(0, ledger.LeafHash(fmt.Appendf(nil, "entry %d", l.size)))
		l.size++
	}
}

// reset makes it another, shorter log.
func (l *fakeLog) reset(n uint64) {
	l.mu.Lock()
	l.size, l.hashes = 0, nil
	l.mu.Unlock()
	l.grow(n)
}

func (l *fakeLog) add(level int, h tlog.Hash) {
	if len(l.hashes) == level {
		l.hashes = append(l.hashes, nil)
	}
	l.hashes[level] = append(l.hashes[level], h)
	if n := len(l.hashes[level]); n%ledger.TileWidth == 0 {
		l.add(level+1, ledger.TileRoot(l.hashes[level][n-ledger.TileWidth:]))
	}
}

// source is a mirror of such logs.
type source map[string]*fakeLog

var errGone = errors.New("not found")

func (s source) log(name string) (*fakeLog, error) {
	l := s[name]
	if l == nil {
		return nil, errGone
	}
	return l, nil
}

func (s source) Checkpoint(_ context.Context, name string) ([]byte, error) {
	l, err := s.log(name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	cp := ledger.Checkpoint{Origin: "example/" + name, Size: l.size}
	return []byte(cp.Text() + "\n— example/" + name + " c2lnbmF0dXJl\n"), nil
}

func (s source) Rotation(context.Context, int) ([]byte, error) { return []byte("old checkpoint"), nil }

func (s source) Tile(_ context.Context, name string, level int, n uint64, width int) ([]byte, error) {
	l, err := s.log(name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	from := int(n * ledger.TileWidth)
	return ledger.AppendTile(nil, l.hashes[level][from:from+width]), nil
}

func (s source) Entries(_ context.Context, name string, n uint64, width int) ([]byte, error) {
	var b []byte
	var err error
	for i := range width {
		if b, err = ledger.AppendBundle(b, fmt.Appendf(nil, "entry %d", int(n)*ledger.TileWidth+i)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// broker remembers what was retained, in order, and checks at each checkpoint
// that the tiles for it are there.
type broker struct {
	t        *testing.T
	mu       sync.Mutex
	retained map[string][]byte
	order    []string
	down     bool
}

func (b *broker) Retain(_ context.Context, topic string, payload []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return errors.New("not connected")
	}
	p, err := wire.ParseTopic(topic)
	if err != nil || p.Kind != wire.KindTrust || strings.Contains(topic, ".p/") {
		b.t.Errorf("topic %q: %v", topic, err)
	}
	b.retained[topic] = payload
	b.order = append(b.order, strings.TrimPrefix(topic, "citygate/1/trust/"))
	if p.Resource == ledger.CheckpointPath {
		b.checkTiles(p.Log, payload)
	}
	return nil
}

func (b *broker) setDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

// checkTiles looks for the strip's last level-1 tile, the open tile and the last
// entries, each as wide as the checkpoint needs.
func (b *broker) checkTiles(log string, note []byte) {
	text, _, _ := strings.Cut(string(note), "\n\n")
	cp, err := ledger.ParseCheckpointText(text + "\n")
	if err != nil {
		b.t.Fatal(err)
	}
	for level := range 3 {
		count := cp.Size >> (8 * level)
		if count == 0 {
			break
		}
		n := (count - 1) / ledger.TileWidth
		tile := b.retained[wire.TopicTrust(log, ledger.TilePath(level, n, ledger.TileWidth))]
		if want := int(count-n*ledger.TileWidth) * 32; len(tile) < want {
			b.t.Errorf("%s at size %d: tile %d/%d has %d bytes, want %d", log, cp.Size, level, n, len(tile), want)
		}
	}
}

func (b *broker) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.order
	b.order = nil
	return out
}

func run(t *testing.T, src feed.Source, cfg feed.Config, f func(*feed.Feed, *broker)) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{t: t, retained: map[string][]byte{}}
		fd := feed.New(cfg, src, b)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- fd.Run(ctx) }()
		f(fd, b)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// second lets the feed look once more; the clock is the test's.
func second() {
	<-time.After(1100 * time.Millisecond)
	synctest.Wait()
}

func TestOnlyWhatChanged(t *testing.T) {
	l := &fakeLog{}
	l.grow(300)
	src := source{"a-records": l}
	run(t, src, feed.Config{Logs: []string{"a-records"}}, func(fd *feed.Feed, b *broker) {
		second()
		want := []string{"a-records/tile/0/000", "a-records/tile/0/001", "a-records/tile/1/000", "a-records/tile/entries/000", "a-records/tile/entries/001", "a-records/checkpoint"}
		if got := b.take(); !slices.Equal(got, want) {
			t.Errorf("first: %q", got)
		}
		second()
		if got := b.take(); len(got) != 0 {
			t.Errorf("nothing changed: %q", got)
		}
		l.grow(5)
		second()
		if got := b.take(); !slices.Equal(got, []string{"a-records/tile/0/001", "a-records/tile/entries/001", "a-records/checkpoint"}) {
			t.Errorf("after 5 more: %q", got)
		}
		fd.Again()
		second()
		if got := b.take(); !slices.Equal(got, want) {
			t.Errorf("again: %q", got)
		}
		if st := fd.Status(); len(st) != 1 || st[0].Size != 305 || st[0].Err != nil {
			t.Errorf("status %+v", st)
		}
	})
}

// Of a long log only the newest leaf tiles are published unasked; what a
// gateway names is published again, once a second.
func TestNeeds(t *testing.T) {
	l := &fakeLog{}
	l.grow(100 * 256)
	run(t, source{"a-records": l}, feed.Config{Logs: []string{"a-records"}}, func(fd *feed.Feed, b *broker) {
		second()
		if got := b.take(); len(got) != 16+1+16+1 {
			t.Errorf("%d messages: %q", len(got), got)
		}
		for range 3 {
			fd.Need(wire.Need{Log: "a-records", Resources: []string{"tile/0/003", "tile/0/003.p/7", "tile/entries/004", "checkpoint", "tile/0/999", "tile/2/000", "x"}})
		}
		fd.Need(wire.Need{Log: "no-log", Resources: []string{"checkpoint"}})
		synctest.Wait()
		if got := b.take(); !slices.Equal(got, []string{"a-records/tile/0/003", "a-records/tile/entries/004", "a-records/checkpoint"}) {
			t.Errorf("needed: %q", got)
		}
	})
}

// While a mirror is broken or the broker away nothing is lost: the log is
// published when both are back. A mirror that goes back is not followed.
func TestFailures(t *testing.T) {
	l := &fakeLog{}
	l.grow(10)
	src := source{"a-status": l}
	run(t, src, feed.Config{Logs: []string{"a-status", "b-status"}}, func(fd *feed.Feed, b *broker) {
		b.setDown(true)
		second()
		if st := fd.Status(); st[0].Err == nil || st[1].Err == nil || st[0].Size != 0 {
			t.Errorf("status %+v", st)
		}
		b.setDown(false)
		second()
		if got := b.take(); len(got) != 3 {
			t.Errorf("after the broker came back: %q", got)
		}
		l.reset(4)
		second()
		if st := fd.Status(); st[0].Err == nil || st[0].Size != 10 || len(b.take()) != 0 {
			t.Errorf("a mirror went back: %+v", st)
		}
	})
}

// Rubbish from a mirror is not published.
func TestRubbish(t *testing.T) {
	for _, c := range []struct{ name, checkpoint string }{{"no note", "x"}, {"bad size", "o\n-1\nAAAA\n\nsig"}, {"empty", ""}} {
		t.Run(c.name, func(t *testing.T) {
			run(t, rubbish(c.checkpoint), feed.Config{Logs: []string{"a-status"}}, func(fd *feed.Feed, b *broker) {
				second()
				if got := b.take(); len(got) != 0 || fd.Status()[0].Err == nil {
					t.Errorf("published %q", got)
				}
			})
		})
	}
	text := ledger.Checkpoint{Origin: "o", Size: 3}.Text() + "\n— o c2ln\n"
	run(t, rubbish(text), feed.Config{Logs: []string{"a-status"}}, func(_ *feed.Feed, b *broker) {
		second()
		if got := b.take(); len(got) != 0 {
			t.Errorf("a short tile led to %q", got)
		}
	})
}

type rubbish string

func (r rubbish) Checkpoint(context.Context, string) ([]byte, error) { return []byte(r), nil }
func (rubbish) Rotation(context.Context, int) ([]byte, error)        { return nil, errGone }
func (rubbish) Tile(context.Context, string, int, uint64, int) ([]byte, error) {
	return make([]byte, 40), nil
}
func (rubbish) Entries(context.Context, string, uint64, int) ([]byte, error) { return []byte{0}, nil }
