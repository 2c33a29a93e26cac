package registry_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"citygate/trust"
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
	sleeper := w.gateway("cn", "sjz")
	awake := w.gateway("cn", "sjz")
	src := mirror.HTTP{Base: w.serve("cn", "sjz")}

	hired := w.hire("n1", "n2", "n3")
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
	if _, err := city.Issue(t.Context(), []registry.Request{lamp(2)}); !errors.Is(err, registry.ErrChanged) {
		t.Errorf("an open registry goes on: %v", err)
	}
	stop()
	w.tell("sjz")
	publish := func(requests ...registry.Request) {
		t.Helper()
		city, stop := w.open("sjz", options())
		defer stop()
		if len(requests) > 0 {
			issue(t, city, requests...)
		}
		if _, err := city.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := awake.Sync(t.Context(), src); err != nil {
			t.Error(err)
		}
		if got := awake.View().Log("sjz-records").Size; got < 256+uint64(len(requests)) {
			t.Errorf("the gateway holds %d records", got)
		}
	}
	publish(lamp(2)) // prepared, not yet entered
	a, err := national.Allocate(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := national.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(lamp(3)) // entered, not yet accepted
	if err := registry.Accept(w.path("sjz"), a); err != nil {
		t.Fatal(err)
	}
	for i := range w.down {
		w.down[i].Store(true) // the old witnesses are gone; the directory's too, but it rests
	}
	publish(lamp(4), lamp(5))
	if _, err := sleeper.Sync(t.Context(), src); err != nil {
		t.Error(err)
	}
	if got := sleeper.View().Log("sjz-records").Size; got != 260 {
		t.Errorf("the gateway that slept holds %d records", got)
	}
	i := w.answer(lamp(1).Identifier)
	if v := trust.Check(i.Text, sleeper.View(), trust.DefaultPolicy(), trust.Moment{Now: time.Now(), Synced: true}); v.Reason != trust.Valid {
		t.Errorf("the lamp: %s", v.Reason)
	}
	for i := range w.down {
		w.down[i].Store(false)
	}
	if cfg, err := registry.ReadConfig(w.path("sjz")); err != nil || cfg.Next != nil || cfg.LogKeys != 1 || cfg.Quorum != 3 {
		t.Errorf("configuration %+v, %v", cfg, err)
	}
	if _, err := os.Stat(w.path("sjz/keys/sjz-records.1.skey")); err != nil {
		t.Error(err)
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
