package control_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"citygate/edge/control"
	"citygate/sync/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway is a daemon's life with a Control; its fields outlive that life.
type gateway struct {
	t      *testing.T
	file   string
	synced bool

	mu      sync.Mutex // guards all below
	told    []string   // "id state"
	last    wire.CommandResult
	done    []string // actions that were begun
	applied []string
	fail    error
}

func newGateway(t *testing.T) *gateway {
	return &gateway{t: t, file: filepath.Join(t.TempDir(), "control.json"), synced: true}
}

// live starts the daemon and returns its Control and what ends it.
func (g *gateway) live() (*control.Control, func()) {
	g.t.Helper()
	act := func(name string) control.Action {
		return func(_ context.Context, args map[string]string) (map[string]string, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.done = append(g.done, name+args["n"])
			return map[string]string{"did": name}, g.fail
		}
	}
	c, err := control.New(control.Options{
		File:    g.file,
		Actions: map[string]control.Action{"reload": act("reload"), "restart": act("restart")},
		Apply: func(_ context.Context, held control.Held) control.Applied {
			g.mu.Lock()
			defer g.mu.Unlock()
			own, ring := held["d/k-1"], held["g/first"]
			g.applied = append(g.applied, string(ring.Body)+" "+string(own.Body))
			a := control.Applied{Own: own.Number, Ring: "first", RingNumber: ring.Number}
			if strings.HasPrefix(string(own.Body), "bad") {
				a.Drift = map[string]string{"theme": "no\nsuch theme"}
			}
			return a
		},
		Result: func(r wire.CommandResult) bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.told, g.last = append(g.told, r.ID+" "+r.State), r
			if _, err := r.Encode(); err != nil {
				g.t.Errorf("a result that cannot be sent: %v", err)
			}
			return true
		},
		Synced: func() bool { return g.synced },
	})
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.Run(ctx) })
	synctest.Wait()
	return c, func() { cancel(); wg.Wait() }
}

// expect waits until nothing moves and compares what was told since the last call.
func (g *gateway) expect(want ...string) {
	g.t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Equal(g.told, want) {
		g.t.Errorf("told %q, want %q", g.told, want)
	}
	g.told = nil
}

func command(id, name string, left time.Duration) wire.Command {
	return wire.Command{ID: id, Name: name, NotAfter: time.Now().Add(left).Unix(), Args: map[string]string{"n": id}}
}

// A command is done once, however often it comes, also across restarts.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		c, end := g.live()
		for range 3 {
			c.Command(command("1", "reload", time.Hour))
			synctest.Wait()
		}
		g.expect("1 accepted", "1 running", "1 ok", "1 ok", "1 ok")
		if g.last.Detail["did"] != "reload" {
			t.Errorf("details %v", g.last.Detail)
		}
		end()
		c, end = g.live()
		g.expect("1 ok") // told again: the last life may not have sent it
		c.Command(command("1", "reload", time.Hour))
		g.expect("1 ok")
		g.fail = errors.New("no\nroom")
		c.Command(command("2", "reload", time.Hour))
		g.expect("2 accepted", "2 running", "2 failed")
		if g.last.Reason != "no room" || !slices.Equal(g.done, []string{"reload1", "reload2"}) {
			t.Errorf("%+v, done %q", g.last, g.done)
		}
		end()
	})
}

// A restart is ok once the daemon runs again; anything else that was under way
// when the daemon ended has failed, and is not begun again.
func TestAcrossTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		c, end := g.live()
		g.fail = control.ErrEnding
		c.Command(command("1", "restart", time.Hour))
		g.expect("1 accepted", "1 running", "1 running")
		end()
		raw, err := os.ReadFile(g.file)
		if err != nil {
			t.Fatal(err)
		}
		_, end = g.live()
		g.expect("1 ok")
		end()
		cut := strings.Replace(string(raw), `"ending":true`, `"ending":false`, 1) // killed while it ran
		if err := os.WriteFile(g.file, []byte(cut), 0o600); err != nil {
			t.Fatal(err)
		}
		c, end = g.live()
		g.expect("1 failed")
		c.Command(command("1", "restart", time.Hour))
		g.expect("1 failed")
		if len(g.done) != 1 {
			t.Errorf("done %q", g.done)
		}
		end()
	})
}

func TestNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		c, end := g.live()
		c.Command(command("1", "reload", -time.Second))
		c.Command(command("2", "dance", time.Hour))
		g.synced = false
		c.Command(command("3", "reload", time.Hour))
		g.synced = true
		if err := os.Remove(filepath.Dir(g.file)); err == nil { // the disk cannot be written
			t.Error("the file should be there")
		}
		if err := os.RemoveAll(filepath.Dir(g.file)); err != nil {
			t.Fatal(err)
		}
		c.Command(command("4", "reload", time.Hour))
		g.expect("1 expired", "2 rejected", "3 rejected", "4 rejected")
		if len(g.done) != 0 {
			t.Errorf("done %q", g.done)
		}
		end()
	})
}

// Numbers only rise, and what cannot be applied is told as drift, also after a
// restart.
func TestDesired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		c, end := g.live()
		set := func(target string, number uint64, body string, left time.Duration) {
			c.Desired(wire.Desired{Target: target, Number: number, NotAfter: time.Now().Add(left).Unix(), Body: []byte(body)})
			synctest.Wait()
		}
		expect := func(own, ring uint64, drift ...string) {
			t.Helper()
			a := c.Status()
			if keys := slices.Sorted(maps.Keys(a.Drift)); a.Own != own || a.RingNumber != ring || !slices.Equal(keys, drift) {
				t.Errorf("%+v, want %d, %d, %q", a, own, ring, drift)
			}
		}
		expect(0, 0)
		set("g/first", 5, "ring5", time.Hour)
		set("g/first", 5, "other5", time.Hour)
		set("g/first", 4, "ring4", time.Hour)
		expect(0, 5)
		set("d/k-1", 2, "bad2", time.Hour)
		set("g/first", 6, "ring6", time.Hour)
		set("d/k-1", 3, "own3", -time.Second)
		expect(2, 6, "desired", "theme")
		if a := c.Status(); a.Drift["desired"] != "it came after its time" || a.Drift["theme"] != "no such theme" {
			t.Errorf("drift %v", a.Drift)
		}
		end()
		c, end = g.live()
		expect(2, 6, "theme")
		set("d/k-1", 3, "own3", time.Hour)
		expect(3, 6)
		if want := []string{" ", "ring5 ", "ring5 bad2", "ring6 bad2", "ring6 bad2", "ring6 own3"}; !slices.Equal(g.applied, want) {
			t.Errorf("applied %q, want %q", g.applied, want)
		}
		end()
	})
}

// What is remembered is bounded; a damaged file is not taken for an empty one.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		c, end := g.live()
		for i := range 3 {
			c.Command(command(string(rune('a'+i)), "reload", time.Hour))
		}
		synctest.Wait()
		time.Sleep(26 * time.Hour) // the bubble's clock
		c.Command(command("z", "reload", time.Hour))
		synctest.Wait()
		end()
		raw, err := os.ReadFile(g.file)
		if err != nil || strings.Contains(string(raw), `"a"`) || !strings.Contains(string(raw), `"z"`) {
			t.Errorf("remembered %s, %v", raw, err)
		}
		if err := os.WriteFile(g.file, raw[:len(raw)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := control.New(control.Options{File: g.file}); err == nil {
			t.Error("a damaged file was taken")
		}
	})
}
