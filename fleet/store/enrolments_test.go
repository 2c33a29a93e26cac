package store_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
)

// request is the row of a device's first request.
func request(name, source string) fleet.Enrolment {
	id := sha256.Sum256([]byte(name))
	return fleet.Enrolment{ID: id[:], Code: fmt.Sprintf("%x", id[:8]), Request: []byte("request of " + name), Source: source}
}

func TestEnrolmentFromRequestToGrant(t *testing.T) {
	s := open(t)
	ask := func(e fleet.Enrolment) fleet.Enrolment {
		t.Helper()
		got, err := s.AskEnrolment(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	one, two := request("one", "10.0.0.1"), request("two", "10.0.0.2")
	if got := ask(one); got.State != fleet.EnrolmentWaiting || got.Code != one.Code || !bytes.Equal(got.Request, one.Request) || got.First.IsZero() {
		t.Fatalf("a new request is %+v", got)
	}
	ask(one)
	ask(two)
	if list, err := s.Enrolments(t.Context(), false); err != nil || len(list) != 2 {
		t.Fatalf("%d requests wait, %v; want 2", len(list), err)
	}

	d := newDevice("k-1", 1).row()
	if err := s.GrantEnrolment(t.Context(), "no such code", d, []byte("grant")); !errors.Is(err, fleet.ErrUnknownEnrolment) {
		t.Fatalf("grant of nothing: %v", err)
	}
	if _, err := s.Device(t.Context(), "k-1"); !errors.Is(err, fleet.ErrUnknownDevice) {
		t.Fatalf("the device of a grant that failed: %v", err)
	}
	if err := s.RefuseEnrolment(t.Context(), one.Code, "unknown hardware"); err != nil {
		t.Fatal(err)
	}
	if got := ask(one); got.State != fleet.EnrolmentRefused || got.Reason != "unknown hardware" {
		t.Fatalf("refused: %+v", got)
	}
	if err := s.GrantEnrolment(t.Context(), one.Code, d, []byte("grant")); err != nil {
		t.Fatal(err)
	}
	if got := ask(one); got.State != fleet.EnrolmentGranted || string(got.Grant) != "grant" || got.Device != "k-1" || got.Reason != "" || got.Decided.IsZero() {
		t.Fatalf("granted: %+v", got)
	}
	if err := s.RefuseEnrolment(t.Context(), one.Code, "late"); !errors.Is(err, fleet.ErrEnrolmentDecided) {
		t.Fatalf("refused after it was granted: %v", err)
	}
	if err := s.GrantEnrolment(t.Context(), two.Code, newDevice("k-1 again", 1).named("k-1"), []byte("grant")); !errors.Is(err, fleet.ErrDeviceExists) {
		t.Fatalf("one name for two devices: %v", err)
	}
	if got, err := s.Enrolment(t.Context(), two.Code); err != nil || got.State != fleet.EnrolmentWaiting {
		t.Fatalf("the request that could not be granted: %+v, %v", got, err)
	}
	if list, err := s.Enrolments(t.Context(), true); err != nil || len(list) != 2 {
		t.Fatalf("%d requests in all, %v; want 2", len(list), err)
	}
}

// named is the device's row under another name.
func (d *device) named(name string) fleet.Device {
	row := d.row()
	row.Name = name
	return row
}

func TestEnrolmentLimits(t *testing.T) {
	now := epochStart
	s, err := store.Open(database(t), store.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := range store.WaitingPerSource {
		if _, err := s.AskEnrolment(t.Context(), request(fmt.Sprint(n), "10.0.0.1")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.AskEnrolment(t.Context(), request("one more", "10.0.0.1")); !errors.Is(err, fleet.ErrEnrolmentsFull) {
		t.Fatalf("one more of this source: %v", err)
	}
	now = now.Add(2 * time.Minute)
	if _, err := s.AskEnrolment(t.Context(), request("0", "10.0.0.1")); err != nil {
		t.Fatalf("one that waits asks again: %v", err)
	}
	if _, err := s.AskEnrolment(t.Context(), request("other", "10.0.0.2")); err != nil {
		t.Fatalf("another source: %v", err)
	}
	now = now.Add(8 * 24 * time.Hour) // all have been silent for too long
	if _, err := s.AskEnrolment(t.Context(), request("one more", "10.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Enrolments(t.Context(), true); err != nil || len(list) != 1 {
		t.Fatalf("%d requests are left, %v; want 1", len(list), err)
	}
}
