package store_test

import (
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

var opsKey = ed25519.NewKeyFromSeed(make([]byte, 32))

func order(tb testing.TB, device, id string, until time.Time) wire.Command {
	c := wire.Command{ID: id, Device: device, Name: "reload", NotAfter: until.Unix(), Args: map[string]string{"why": "test"}}
	if err := c.Sign(opsKey); err != nil {
		tb.Fatal(err)
	}
	return c
}

// A command is given once, is open until its final result or its end, and its
// progress goes only forward.
func TestCommands(t *testing.T) {
	s := open(t)
	enrol(t, s, newDevice("k-1", 1))
	now := epochStart.Add(time.Hour)
	for _, c := range []wire.Command{order(t, "k-1", "a", now.Add(time.Minute)), order(t, "k-1", "b", now.Add(-time.Minute))} {
		if err := s.GiveCommand(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if err := s.GiveCommand(t.Context(), c); !errors.Is(err, store.ErrCommandExists) {
			t.Errorf("given twice: %v", err)
		}
	}
	if err := s.GiveCommand(t.Context(), order(t, "k-9", "a", now)); !errors.Is(err, fleet.ErrUnknownDevice) {
		t.Errorf("to a stranger: %v", err)
	}
	list := func(q store.CommandsQuery) []fleet.Command {
		l, err := s.Commands(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := list(store.CommandsQuery{Open: true, Unsent: true}); len(l) != 1 || l[0].ID != "a" || l[0].Verify(opsKey.Public().(ed25519.PublicKey)) != nil {
		t.Errorf("open %+v", l)
	}
	if err := s.CommandSent(t.Context(), "k-1", "a"); err != nil || len(list(store.CommandsQuery{Unsent: true})) != 1 {
		t.Errorf("sent: %v", err)
	}
	for _, step := range []struct{ say, want string }{
		{wire.ResultRunning, wire.ResultRunning}, {wire.ResultAccepted, wire.ResultRunning},
		{wire.ResultFailed, wire.ResultFailed}, {wire.ResultOK, wire.ResultFailed},
	} {
		r := wire.CommandResult{ID: "a", State: step.say, At: 1, Reason: "because", Detail: map[string]string{"n": "1"}}
		if err := s.CommandResult(t.Context(), "k-1", r); err != nil {
			t.Fatal(err)
		}
		if l := list(store.CommandsQuery{Device: "k-1"}); len(l) != 2 || l[1].State != step.want || l[1].Reason != "because" || l[1].Detail["n"] != "1" {
			t.Errorf("after %q: %+v", step.say, l)
		}
	}
	if l := list(store.CommandsQuery{}); l[0].Progress(now) != wire.ResultExpired || len(list(store.CommandsQuery{Open: true})) != 0 {
		t.Errorf("at the end: %+v", l)
	}
	if err := s.CommandResult(t.Context(), "k-1", wire.CommandResult{ID: "z", State: wire.ResultOK}); !errors.Is(err, store.ErrUnknownCommand) {
		t.Errorf("of no command: %v", err)
	}
}

func TestDesiredNumbersRise(t *testing.T) {
	s := open(t)
	set := func(number uint64) error {
		d := wire.Desired{Target: "g/first", Number: number, NotAfter: 1, Body: []byte("x")}
		d.Sign(opsKey)
		return s.SetDesired(t.Context(), d)
	}
	if err := errors.Join(set(1), set(3)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{1, 2, 3} {
		if err := set(n); !errors.Is(err, store.ErrOldNumber) {
			t.Errorf("number %d after 3: %v", n, err)
		}
	}
	l, err := s.DesiredStates(t.Context(), "", true)
	if err != nil || len(l) != 1 || l[0].Number != 3 {
		t.Fatalf("%+v, %v", l, err)
	}
	// An older one that was sent late does not count for the newest.
	if err := s.DesiredSent(t.Context(), "g/first", 1); err != nil {
		t.Fatal(err)
	}
	if l, err := s.DesiredStates(t.Context(), "g/first", true); err != nil || len(l) != 1 {
		t.Errorf("%+v, %v", l, err)
	}
	if err := s.DesiredSent(t.Context(), "g/first", 3); err != nil {
		t.Fatal(err)
	}
	if l, err := s.DesiredStates(t.Context(), "", true); err != nil || len(l) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
}
