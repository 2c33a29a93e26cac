package web_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"citygate/internal/browsertest"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// testHostile shows one good code through mirrors that lie, fail, or show what is old: the answer is never "valid", and never
// that the code is bad.
func (s *stage) testHostile(t *testing.T) {
	w := s.set(newWorld(t))
	phone := tab(t, s.ctx, "en")
	good, building := address(w.text(w.code("lamp", "sjz"))), address(w.text(w.code("building", "sjz")))
	small := w.sjz.Records.CheckpointOf(700, w.Time, ledgertest.Witnesses()...)
	few := w.sjz.Records.CheckpointOf(w.sjz.Records.Size(), w.Time, ledgertest.Witnesses()[0])
	ahead := func(log, resource string, b []byte) ([]byte, error) {
		if resource != "checkpoint" {
			return b, nil
		}
		return w.log(log).Checkpoint(time.Now().Add(time.Hour)), nil
	}
	visit(t, phone, "https://id.sjz.example/")
	for _, c := range []struct {
		name  string
		fault func(log, resource string, b []byte) ([]byte, error)
		code  string
		want  string
	}{
		{"nothing wrong", nil, good, "valid"},
		{"no quorum", replace("sjz-records", "checkpoint", few), good, "stale-trust"},
		{"smaller than seen before", replace("sjz-records", "checkpoint", small), good, "stale-trust"},
		{"signed by another key", replace("sjz-records", "checkpoint", ledgertest.Resign(w.sjz.Records.Checkpoint(w.Time), "thief")), good, "stale-trust"},
		{"another log's checkpoint", replace("sjz-records", "checkpoint", w.sjz.Status.Checkpoint(w.Time)), good, "stale-trust"},
		{"one bit of a note", flip("sjz-records", "checkpoint"), good, "stale-trust"},
		{"one bit of the right edge", flip("sjz-records", ledger.TilePath(1, 0, 3)), good, "stale-trust"},
		{"one bit of the open tile", flip("sjz-records", ledger.TilePath(0, 3, 9)), good, "stale-trust"},
		{"one bit of the directory", flip("directory", ledger.EntriesPath(0, int(w.Directory.Size()))), good, "stale-trust"},
		{"one bit of the statuses", flip("sjz-status", ledger.EntriesPath(0, 4)), good, "stale-trust"},
		{"no status log", missing("sjz-status"), good, "stale-trust"},
		{"no records log", missing("sjz-records"), good, "stale-trust"},
		{"no directory", missing("directory"), good, "stale-trust"},
		{"checkpoints of the next hour", ahead, building, "valid"},
		{"and nothing again", nil, building, "valid"},
	} {
		w.source.SetFault(c.fault)
		if got := next(t, phone, c.code); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	w.source.SetFault(nil)
	w.stopped.Store(true)
	if got := next(t, phone, good); got != "stale-trust" {
		t.Errorf("mirror stopped: %s", got)
	}
	w.stopped.Store(false)
	root := w.root
	w.root = []byte(`{"directory":{}}`)
	if got := next(t, phone, good); got != "stale-trust" {
		t.Errorf("no root policy: %s", got)
	}
	w.root = root

	w.source.SetFault(ahead)
	ending := address(w.text(w.code("ending", "sjz")))
	if got := next(t, phone, ending); got != "clock-untrusted" {
		t.Errorf("clock an hour behind the ledger, for a code that ends: %s", got)
	}
	w.source.SetFault(func(log, resource string, b []byte) ([]byte, error) {
		if resource != "checkpoint" {
			return b, nil
		}
		return w.log(log).Checkpoint(time.Now().Add(-25 * time.Hour)), nil
	})
	permit := address(w.presented(w.code("permit", "sjz"), time.Now()))
	if got := next(t, phone, permit); got != "stale-trust" {
		t.Errorf("a permit by a ledger of yesterday: %s", got)
	}
	if got := next(t, phone, good); got != "valid" {
		t.Errorf("a lamp by a ledger of yesterday: %s", got)
	}
}

// testRotation starts a page from a root policy that has ended.
func (s *stage) testRotation(t *testing.T) {
	w := s.set(newWorld(t))
	next := w.Root
	next.DirectoryKeys = []string{ledgertest.VKey("institute-d.example"), ledgertest.VKey("institute-e.example")}
	next.Directory.Witnesses = []string{ledgertest.VKey("witness-x.example"), ledgertest.VKey("witness-y.example")}
	w.Log(ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: w.Root, Root: next}},
		append(ledgertest.Institutes()[:2:2], "institute-d.example", "institute-e.example")...)
	w.source.AddRotation(w.Directory.Checkpoint(w.Time))
	w.Directory.Witnesses = []string{"witness-x.example", "witness-y.example"}
	phone := tab(t, s.ctx, "en")
	text := address(w.text(w.code("lamp", "sjz")))
	if got := visit(t, phone, text); got != "valid" {
		t.Errorf("from the old policy: %s", got)
	}
	w.root = next.Marshal()
	if got := visit(t, phone, text); got != "valid" {
		t.Errorf("from the new policy: %s", got)
	}
}

// testHistory: a code that was checked on somebody else's phone does not stay there.
func (s *stage) testHistory(t *testing.T) {
	w := s.set(newWorld(t))
	phone := tab(t, s.ctx, "en")
	var href string
	for text, want := range map[string]bool{w.presented(w.code("permit", "sjz"), time.Now()): false, w.text(w.code("lamp", "sjz")): true} {
		if got := visit(t, phone, address(text)); got != "valid" {
			t.Errorf("%.40s: %s", text, got)
		}
		run(t, phone, "address", browsertest.Until(`!document.body.classList.contains('checking')`, nil), chromedp.Evaluate(`location.hash`, &href))
		if got := href != ""; got != want {
			t.Errorf("%.40s: the address keeps %q", text, href)
		}
		run(t, phone, "again", chromedp.Click("#again"), browsertest.Until(`document.documentElement.dataset.reason === 'valid'`, nil))
	}
}

func (w *world) log(short string) *ledgertest.Log {
	for _, l := range w.Logs() {
		if l.Short == short {
			return l
		}
	}
	return nil
}

type fault = func(log, resource string, b []byte) ([]byte, error)

func replace(log, resource string, with []byte) fault {
	return func(l, r string, b []byte) ([]byte, error) {
		if l == log && r == resource {
			return with, nil
		}
		return b, nil
	}
}

func flip(log, resource string) fault {
	return func(l, r string, b []byte) ([]byte, error) {
		if l == log && r == resource {
			b = bytes.Clone(b)
			b[len(b)/2] ^= 1
		}
		return b, nil
	}
}

func missing(log string) fault {
	return func(l, _ string, b []byte) ([]byte, error) {
		if l == log {
			return nil, errors.New("gone")
		}
		return b, nil
	}
}
