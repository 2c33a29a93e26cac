package registry_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/cache"
	"citygate/trust/mirror"
	"citygate/trust/registry"
)

// A city goes over to other witnesses and log keys by a registry row. At no moment is there a checkpoint that a gateway which is up to date would not
// take, and one that slept takes the new ones.
func TestWitnessesAndLogKeysChange(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	national, _ := w.open("cn", options())
	city, stop := w.open("sjz", options())
	issue(t, city, lamp(1))
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := city.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	sleeper, awake := w.gateway("cn", "sjz"), w.gateway("cn", "sjz")
	src := mirror.HTTP{Base: w.serve("cn", "sjz")}

	e := w.prepared(w.hire("n1", "n2", "n3"))
	if _, err := city.Issue(t.Context(), []registry.Request{lamp(2)}); !errors.Is(err, registry.ErrChanged) {
		t.Errorf("an open registry goes on: %v", err)
	}
	stop()
	w.tell("sjz")
	w.published(awake, src, 257, lamp(2)) // prepared, not yet entered
	a, err := national.Allocate(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := national.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.published(awake, src, 258, lamp(3)) // entered, not yet accepted
	if err := registry.Accept(w.path("sjz"), a); err != nil {
		t.Fatal(err)
	}
	for i := range w.down {
		w.down[i].Store(true) // the old witnesses are gone; the directory's too, but it rests
		defer w.down[i].Store(false)
	}
	w.published(awake, src, 260, lamp(4), lamp(5))
	if _, err := sleeper.Sync(t.Context(), src); err != nil || sleeper.View().Log("sjz-records").Size != 260 {
		t.Errorf("the gateway that slept: %v", err)
	}
	i := w.answer(lamp(1).Identifier)
	if v := trust.Check(i.Text, sleeper.View(), trust.DefaultPolicy(), trust.Moment{Now: time.Now(), Synced: true}); v.Reason != trust.Valid {
		t.Errorf("the lamp: %s", v.Reason)
	}
	if cfg, err := registry.ReadConfig(w.path("sjz")); err != nil || cfg.Next != nil || cfg.LogKeys != 1 || cfg.Quorum != 3 {
		t.Errorf("configuration %+v, %v", cfg, err)
	}
}

// prepared prepares the city's change to three witnesses, all of whom must cosign, and to new log keys.
func (w *world) prepared(hired []registry.Witness) registry.Enrolment {
	t := w.t
	t.Helper()
	e, err := registry.Prepare(w.path("sjz"), hired, 3, true)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := registry.Prepare(w.path("sjz"), hired, 3, true); err != nil || string(again.Marshal()) != string(e.Marshal()) {
		t.Errorf("preparing again made another request: %v", err)
	}
	if _, err := registry.Prepare(w.path("sjz"), hired, 2, true); err == nil {
		t.Error("a second change was prepared")
	}
	if _, err := os.Stat(w.path("sjz/keys/sjz-records.1.skey")); err != nil {
		t.Error(err)
	}
	return e
}

// published opens the city, issues, publishes, and expects a gateway to take what is there.
func (w *world) published(gateway *cache.Cache, src mirror.Source, size uint64, requests ...registry.Request) {
	t := w.t
	t.Helper()
	city, stop := w.open("sjz", options())
	defer stop()
	issue(t, city, requests...)
	if _, err := city.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.Sync(t.Context(), src); err != nil {
		t.Error(err)
	}
	if got := gateway.View().Log("sjz-records").Size; got != size {
		t.Errorf("the gateway holds %d records, want %d", got, size)
	}
}

// answer opens the city for one answer.
func (w *world) answer(request string) registry.Issued {
	w.t.Helper()
	city, stop := w.open("sjz", options())
	defer stop()
	i, err := city.Answer(w.t.Context(), request)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

func TestChangesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.create("sjz", w.city())
	for what, prepare := range map[string]func() (registry.Enrolment, error){
		"nothing":             func() (registry.Enrolment, error) { return registry.Prepare(w.path("sjz"), w.keys, 2, false) },
		"no witness":          func() (registry.Enrolment, error) { return registry.Prepare(w.path("sjz"), nil, 1, false) },
		"quorum out of reach": func() (registry.Enrolment, error) { return registry.Prepare(w.path("sjz"), w.keys, 4, false) },
		"one URL for two": func() (registry.Enrolment, error) {
			return registry.Prepare(w.path("sjz"), []registry.Witness{{Key: w.keys[0].Key, URL: w.keys[1].URL}}, 1, false)
		},
	} {
		if _, err := prepare(); err == nil {
			t.Errorf("%s: prepared", what)
		}
	}
	if c, err := registry.ReadConfig(w.path("sjz")); err != nil || c.Next != nil {
		t.Errorf("a refusal left something behind: %v, %v", c.Next, err)
	}
}
