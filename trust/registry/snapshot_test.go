package registry_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"citygate/trust/registry"
	"citygate/trust/registry/mirrored"
)

// A registry puts snapshots into its status log. They say what the fold says, gateways pass over them, and the monitor finds nothing.
func TestSnapshots(t *testing.T) {
	w := newWorld(t)
	national, city := w.enrolled()
	issue(t, city, lamps(0, 5000)...)
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	var revoked []uint64
	for i := range uint64(4200) {
		revoked = append(revoked, i)
	}
	for _, c := range []struct {
		indices []uint64
		status  ledger.Status
		good    bool
	}{{[]uint64{4500, 4501}, ledger.Suspended, true}, {revoked, ledger.Revoked, true}, {[]uint64{4500, 4500}, ledger.Restored, true},
		{[]uint64{4600, 4999, 1}, ledger.Suspended, false}, {[]uint64{4600, 6000}, ledger.Revoked, false}} {
		if err := city.SetStatuses(t.Context(), c.indices, c.status); (err == nil) != c.good {
			t.Fatalf("%v of %d records: %v", c.status, len(c.indices), err)
		}
	}
	for _, r := range []*registry.Registry{national, city} {
		if heads, err := r.Publish(t.Context()); err != nil || r == city && heads[1].Size != 4204 {
			t.Fatalf("published %+v, %v", heads, err)
		}
	}
	view := w.gateway("cn", "sjz").View()
	for index, want := range map[uint64]trust.Reason{0: trust.Revoked, 4199: trust.Revoked, 4200: trust.Valid, 4500: trust.Valid, 4501: trust.Suspended} {
		i, err := city.Record(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		if v := trust.Check(i.Text, view, trust.DefaultPolicy(), trust.Moment{Now: time.Now(), Synced: true}); v.Reason != want {
			t.Errorf("record %d: %s, want %s", index, v.Reason, want)
		}
	}
	w.snapshotAt(4096)
	c, err := mirrored.Open(w.path("copy"), mirrored.Options{Root: w.gateway("cn", "sjz").View().Directory().Root(),
		Sources: []mirror.Source{mirror.HTTP{Base: w.serve("cn", "sjz")}}})
	if err != nil {
		t.Fatal(err)
	}
	reports, err := c.Sync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found, err := c.Monitor(reports, mirrored.Watch{Now: time.Now()}); err != nil || len(found) != 0 {
		t.Errorf("found %+v, %v", found, err)
	}
}

// snapshotAt reads a snapshot of one part and compares it with the fold of the entries before it.
func (w *world) snapshotAt(size uint64) {
	t := w.t
	t.Helper()
	public := mirror.Dir{Path: filepath.Join(w.path("sjz"), "public")}
	var before [][]byte
	read := func(n uint64, width int) [][]byte {
		raw, err := public.Entries(t.Context(), "sjz-status", n, width)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := ledger.ParseBundle(raw)
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	for n := range size / 256 {
		before = append(before, read(n, 256)...)
	}
	p, err := ledger.ParseSnapshotPart(size, read(size/256, 4204%256)[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := ledger.StatusesOf([]ledger.SnapshotPart{p})
	if err != nil || !slices.Equal(got.NotGood(), new(ledger.StatusSet).With(before).NotGood()) {
		t.Errorf("%d records, %v", len(got.NotGood()), err)
	}
}
