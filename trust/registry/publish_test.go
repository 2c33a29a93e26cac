package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"citygate/trust/registry"
)

// eventually asks again until the answer is yes.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func published(t *testing.T, r *registry.Registry) []registry.Head {
	t.Helper()
	heads, err := r.Published(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return heads
}

func TestPublishCosignsAnewWithoutGrowth(t *testing.T) {
	w := newWorld(t)
	_, city := w.enrolled()
	issue(t, city, lamp(0))
	before, err := city.Publish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.later.Store(3600)
	after, err := city.Publish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range before {
		if after[i].Size != before[i].Size || after[i].Root != before[i].Root || after[i].Time.Sub(before[i].Time) < 3599*time.Second {
			t.Errorf("%s: %+v became %+v", before[i].Log, before[i], after[i])
		}
	}
}

func TestOpenRegistryKeepsCheckpointsNew(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	o := options()
	o.Recosign = 200 * time.Millisecond
	city, _ := w.open("sjz", o)
	before := published(t, city)
	w.later.Store(3600)
	eventually(t, "all logs cosigned anew", func() bool {
		for i, h := range published(t, city) {
			if h.Time.Sub(before[i].Time) < 3599*time.Second {
				return false
			}
		}
		return true
	})
}

// With one witness away everything goes on; with two, records are still decided and logged, and are published when a witness is back.
func TestWitnessesThatAreAway(t *testing.T) {
	w := newWorld(t)
	_, city := w.enrolled()
	w.down[0].Store(true)
	issue(t, city, lamp(0))
	if heads, err := city.Await(t.Context()); err != nil || heads[0].Size != 1 {
		t.Fatalf("with one witness away: %+v, %v", heads, err)
	}
	w.down[1].Store(true)
	if x := issue(t, city, lamp(1)); x[0].Index != 1 || x[0].Text == "" {
		t.Fatalf("with two witnesses away: %+v", x)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if heads, err := city.Await(ctx); err == nil {
		t.Fatalf("published without a quorum: %+v", heads)
	}
	if heads := published(t, city); heads[0].Size != 1 {
		t.Fatalf("published without a quorum: %+v", heads)
	}
	w.down[0].Store(false)
	if heads, err := city.Await(t.Context()); err != nil || heads[0].Size != 2 {
		t.Fatalf("with a witness back: %+v, %v", heads, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	o := options()
	o.Recosign = 200 * time.Millisecond
	city, _ := w.open("sjz", o)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := city.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestBeginningNeedsAQuorum(t *testing.T) {
	w := newWorld(t)
	if err := registry.Create(w.path("sjz"), w.city()); err != nil { // no witness is told its logs
		t.Fatal(err)
	}
	if r, err := registry.Open(t.Context(), w.path("sjz"), options()); !errors.Is(err, registry.ErrNotCosigned) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("opened %v, %v", r, err)
	}
	w.create("sjz", w.city())
	city, _ := w.open("sjz", options())
	if heads, err := city.Await(t.Context()); err != nil || heads[0].Size != 0 {
		t.Errorf("after the witnesses came: %+v, %v", heads, err)
	}
}
