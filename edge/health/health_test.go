package health_test

import (
	"regexp"
	"testing"
	"time"

	"citygate/edge/health"
)

var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

func codes(list []health.Active) (out []string) {
	for _, a := range list {
		out = append(out, a.Code)
	}
	return out
}

func TestConditionStandsAfterItsDelay(t *testing.T) {
	tr := health.New()
	tr.Raise(health.ClockUnsynced, "", start)
	if got := tr.Active(start.Add(119 * time.Second)); len(got) != 0 {
		t.Errorf("stands too early: %v", codes(got))
	}
	tr.Raise(health.ClockUnsynced, "again", start.Add(time.Minute)) // does not begin anew
	got := tr.Active(start.Add(2 * time.Minute))
	if len(got) != 1 || got[0].Detail != "again" || !got[0].Since.Equal(start) {
		t.Errorf("active = %+v", got)
	}
	if !health.Ready(got) {
		t.Error("a warning makes the gateway unready")
	}
	tr.Clear(health.ClockUnsynced)
	tr.Raise(health.ClockUnsynced, "", start.Add(3*time.Minute))
	if got := tr.Active(start.Add(4 * time.Minute)); len(got) != 0 {
		t.Errorf("a break did not begin the delay anew: %v", codes(got))
	}
}

func TestWorstFirstAndReady(t *testing.T) {
	tr := health.New()
	tr.Set(health.CameraEnded, true, "", start)
	tr.Set(health.Waiting, true, "", start)
	tr.Set(health.CameraMissing, true, "no such file", start)
	got := tr.Active(start)
	if len(got) != 3 || got[0].Code != health.CameraMissing || got[2].Code != health.CameraEnded {
		t.Errorf("order = %v", codes(got))
	}
	if health.Ready(got) {
		t.Error("ready without a camera")
	}
	tr.Set(health.CameraMissing, false, "", start)
	if !health.Ready(tr.Active(start)) {
		t.Error("not ready though the camera is back")
	}
}

func TestChanges(t *testing.T) {
	tr := health.New()
	tr.Raise(health.Waiting, "", start)
	before := tr.Active(start)
	tr.Clear(health.Waiting)
	tr.Raise(health.Storage, "", start)
	got := health.Changes(before, tr.Active(start))
	if len(got) != 2 || got[0].Code != health.Storage || !got[0].Raised || got[1].Code != health.Waiting || got[1].Raised {
		t.Errorf("changes = %+v", got)
	}
	if got := health.Changes(before, before); got != nil {
		t.Errorf("no change gives %+v", got)
	}
}

func TestListIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range health.Conditions() {
		if !regexp.MustCompile(`^[a-z0-9-]{1,64}$`).MatchString(c.Code) || seen[c.Code] {
			t.Errorf("code %q is malformed or stands twice", c.Code)
		}
		seen[c.Code] = true
		if c.Title == "" || c.Hint == "" {
			t.Errorf("%s lacks a title or a hint", c.Code)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown code was taken")
		}
	}()
	health.New().Raise("unknown", "", start)
}
