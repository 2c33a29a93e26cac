package store_test

import (
	"errors"
	"slices"
	"testing"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

// started returns a device whose first event names what came before.
func started(tb testing.TB, name string, epoch uint64, before *wire.Before, scans int) *device {
	d := newDevice(name, epoch)
	d.append(tb, wire.Event{Type: wire.TypeStart, Before: before})
	return d.withScans(tb, scans)
}

func (d *device) end(last uint64) *wire.Before {
	return &wire.Before{Epoch: d.epoch, Last: last, Chain: d.chains[last]}
}

func TestPredecessors(t *testing.T) {
	for _, c := range []struct {
		name   string
		stored uint64 // of the first epoch, which has 20 numbers
		before func(d *device) *wire.Before
		late   bool // the rest of the first epoch arrives after the second
		want   []string
	}{
		{name: "clean restart", stored: 20, before: func(d *device) *wire.Before { return d.end(20) }},
		{name: "rolled back", stored: 20, before: func(d *device) *wire.Before { return d.end(12) }, want: []string{"rollback 13-20"}},
		{name: "another end", stored: 20, before: func(d *device) *wire.Before {
			b := d.end(20)
			b.Chain[0] ^= 1
			return b
		}, want: []string{"fork 20-20"}},
		{name: "end missing", stored: 8, before: func(d *device) *wire.Before { return d.end(20) }, want: []string{"gap 9-20"}},
		{name: "end arrives late", stored: 8, before: func(d *device) *wire.Before { return d.end(20) }, late: true},
		{name: "goes on after its end", stored: 8, before: func(d *device) *wire.Before { return d.end(8) }, late: true, want: []string{"clone 9-0"}},
		{name: "unknown", stored: 20, before: func(*device) *wire.Before { return nil }, want: []string{"gap 21-0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			first := started(t, "k-1", 7, nil, 19)
			enrol(t, s, first)
			commit(t, s, first.batch(t, 1, c.stored))
			second := started(t, "k-1", 8, c.before(first), 3)
			commit(t, s, second.batch(t, 1, 4))
			if c.late {
				commit(t, s, first.batch(t, c.stored+1, 20))
			}
			if got := kinds(t, s, "k-1"); !slices.Equal(got, c.want) {
				t.Errorf("findings %q, want %q", got, c.want)
			}
		})
	}
}

// The first epoch of all may arrive after later ones; what it does not know is no
// loss then. An epoch that it does not know of still is.
func TestFirstEpochArrivesLast(t *testing.T) {
	for _, c := range []struct {
		name  string
		other bool
		want  []string
	}{{"alone", false, nil}, {"after an older outbox", true, []string{"gap 5-0"}}} {
		s := open(t)
		first := started(t, "k-1", 7, nil, 19)
		second := started(t, "k-1", 8, first.end(20), 3)
		third := started(t, "k-1", 9, second.end(4), 3)
		enrol(t, s, first)
		if c.other {
			commit(t, s, started(t, "k-1", 6, nil, 3).batch(t, 1, 4))
		}
		commit(t, s, second.batch(t, 1, 4), third.batch(t, 1, 4))
		commit(t, s, first.batch(t, 1, 20))
		if got := kinds(t, s, "k-1"); !slices.Equal(got, c.want) {
			t.Errorf("%s: findings %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTwoEpochsAfterOne(t *testing.T) {
	s := open(t)
	first := started(t, "k-1", 7, nil, 5)
	enrol(t, s, first)
	commit(t, s, first.batch(t, 1, 6),
		started(t, "k-1", 8, first.end(6), 2).batch(t, 1, 3),
		started(t, "k-1", 9, first.end(6), 2).batch(t, 1, 3))
	if got := kinds(t, s, "k-1"); !slices.Equal(got, []string{"clone 1-1"}) {
		t.Errorf("findings %q", got)
	}
	epochs, err := s.Epochs(t.Context(), "k-1")
	if err != nil || len(epochs) != 3 || epochs[2].Epoch != 9 || epochs[2].Mark != 3 {
		t.Errorf("epochs %+v, %v", epochs, err)
	}
}

func observe(tb testing.TB, s *store.Store, list ...store.Observation) {
	tb.Helper()
	errs, err := s.Observe(tb.Context(), list)
	if err = errors.Join(append(errs, err)...); err != nil {
		tb.Fatal(err)
	}
}

func TestBirths(t *testing.T) {
	s := open(t)
	enrol(t, s, newDevice("k-1", 1))
	say := func(state string, conn, epoch uint64) bool {
		changes, stop := s.Watch()
		defer stop()
		observe(t, s, store.Observation{Device: "k-1", Birth: &wire.Birth{State: state, Conn: conn, Epoch: epoch, Software: "1.0"}})
		return len(changes) > 0
	}
	presence := func() fleet.Presence {
		g, err := s.Gateway(t.Context(), "k-1")
		if err != nil {
			t.Fatal(err)
		}
		return g.Presence
	}
	if presence() != fleet.PresenceUnknown {
		t.Error("known before its birth")
	}
	if !say(wire.StateOn, 10, 1) || say(wire.StateOn, 10, 1) {
		t.Error("a birth read twice changes something twice")
	}
	say(wire.StateOn, 11, 2)
	if say(wire.StateOff, 10, 1) || presence() != fleet.PresenceOn {
		t.Error("an old will marks a new session dead")
	}
	if !say(wire.StateOff, 11, 2) || presence() != fleet.PresenceOff {
		t.Error("its own will does not mark it off")
	}
	if len(kinds(t, s, "k-1")) != 0 {
		t.Error("a restart is a finding")
	}
	// A device without a clock boots at the same time again, so its connection has the same number.
	if !say(wire.StateOn, 11, 3) || !say(wire.StateOn, 11, 4) || say(wire.StateOff, 11, 3) || presence() != fleet.PresenceOn {
		t.Error("two lives with one connection number are taken for one")
	}
	say(wire.StateOn, 12, 1)
	if got := kinds(t, s, "k-1"); !slices.Equal(got, []string{"clone 0-0"}) {
		t.Errorf("an epoch that comes back: findings %q", got)
	}
	// A stranger among others stops nobody.
	errs, err := s.Observe(t.Context(), []store.Observation{{Device: "k-9", Birth: &wire.Birth{State: wire.StateOn}},
		{Device: "k-1", Birth: &wire.Birth{State: wire.StateOff, Conn: 12, Epoch: 1}}})
	if err != nil || !errors.Is(errs[0], fleet.ErrUnknownDevice) || errs[1] != nil || presence() != fleet.PresenceOff {
		t.Errorf("stranger: %v, %v", errs, err)
	}
}

func TestTwoRootsForOneSize(t *testing.T) {
	s := open(t)
	enrol(t, s, newDevice("k-1", 1))
	enrol(t, s, newDevice("k-2", 1))
	report := func(dev string, size uint64, root byte) {
		r := wire.Report{At: 1, Software: "1.0", Trust: []wire.Head{
			{Log: "directory", Size: 3, Root: wire.Hash{9}, Time: 100}, {Log: "sjz-records", Size: size, Root: wire.Hash{root}, Time: 100}}}
		observe(t, s, store.Observation{Device: dev, Report: &r})
	}
	report("k-1", 256, 1)
	report("k-2", 256, 1)
	report("k-2", 512, 2)
	if n := len(kinds(t, s, "k-2")); n != 0 {
		t.Fatalf("%d findings without a split", n)
	}
	report("k-1", 512, 3)
	list, err := s.Findings(t.Context(), store.FindingsQuery{})
	if err != nil || len(list) != 1 {
		t.Fatalf("findings %v, %v", list, err)
	}
	f := list[0]
	if f.Kind != fleet.SplitView || f.Subject != "sjz-records" || f.First != 512 || f.Ours[0] != 2 || f.Theirs[0] != 3 {
		t.Errorf("finding %+v", f)
	}
	sizes, err := s.Sizes(t.Context())
	if err != nil || sizes["sjz-records"] != 512 || sizes["directory"] != 3 {
		t.Errorf("sizes %v, %v", sizes, err)
	}
}

func TestEnrolment(t *testing.T) {
	s := open(t)
	d := newDevice("k-1", 1).row()
	for range 2 {
		if err := s.AddDevice(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	d.Key = newDevice("k-2", 1).row().Key
	if err := s.AddDevice(t.Context(), d); !errors.Is(err, fleet.ErrDeviceExists) {
		t.Errorf("a second key: %v", err)
	}
	for _, bad := range []fleet.Device{{Name: "K", Key: d.Key}, {Name: "k-3", Key: d.Key[:31]}, {Name: "k-3", Key: d.Key, Place: "Shijiazhuang"}} {
		if err := s.AddDevice(t.Context(), bad); err == nil {
			t.Errorf("%+v was enrolled", bad)
		}
	}
}

func TestResolveNeedsAReason(t *testing.T) {
	s := open(t)
	enrol(t, s, newDevice("k-1", 1))
	f := fleet.Finding{Device: "k-1", Kind: fleet.Altered, Epoch: 3, First: 1, Last: 4, Evidence: []byte("message")}
	for range 3 {
		if err := s.Find(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Findings(t.Context(), store.FindingsQuery{})
	if err != nil || len(list) != 1 || list[0].Times != 3 || list[0].Evidence == nil || len(list[0].Evidence) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	one, err := s.Findings(t.Context(), store.FindingsQuery{ID: list[0].ID})
	if err != nil || string(one[0].Evidence) != "message" {
		t.Errorf("%+v, %v", one, err)
	}
	if s.Resolve(t.Context(), list[0].ID, " ") == nil || s.Resolve(t.Context(), 99, "x") == nil {
		t.Error("closed without a reason, or without a finding")
	}
	if err := s.Resolve(t.Context(), list[0].ID, "key was replaced"); err != nil || len(kinds(t, s, "k-1")) != 0 {
		t.Errorf("close: %v", err)
	}
}
