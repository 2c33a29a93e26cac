package cache_test

import (
	"slices"
	"testing"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// No changed bit and no missing byte of a bundle or a tile gets into the view.
func TestMangledBytesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.sync(t)
	w.city.Records.Fill(3)
	for range 3 {
		w.SetStatus(w.city, 1, ledger.Suspended)
	}
	w.Withdraw(w.key, 0)
	before := w.c.View()
	for _, tc := range []struct{ log, resource string }{
		{w.city.Records.Short, "tile/0/000.p/3"},
		{w.city.Status.Short, "tile/entries/000.p/3"},
		{ledger.DirectoryLog, "tile/entries/000.p/4"},
	} {
		var raw []byte
		for _, l := range w.Logs() {
			if l.Short == tc.log {
				raw = l.Checkpoint(w.Time)
			}
		}
		for i, whole := 0, 1; i < whole; i++ {
			for bit := range 9 { // the last one cuts off
				if whole > 200 && bit < 8 && bit != i%8 {
					continue // the directory checks signatures each time: one bit of each byte there
				}
				w.src.SetFault(func(_, resource string, b []byte) ([]byte, error) {
					if resource != tc.resource {
						return b, nil
					}
					if whole = len(b); bit == 8 {
						return b[:i], nil
					}
					b[i] ^= 1 << bit
					return b, nil
				})
				if err := w.c.Apply(t.Context(), tc.log, raw, w.src); err == nil {
					t.Fatalf("%s/%s with byte %d changed or cut off is taken", tc.log, tc.resource, i)
				}
			}
		}
	}
	if w.c.View() != before || len(w.c.Alarms()) != 0 {
		t.Errorf("the view changed, or alarms: %v", w.c.Alarms())
	}
	w.src.SetFault(nil)
	w.sync(t)
	w.same(t)
}

// A checkpoint serves one log of one directory only.
func TestMixAndMatch(t *testing.T) {
	w := newWorld(t)
	w.city.Records.Fill(5)
	w.sync(t)
	before := w.c.View()
	other := ledgertest.NewNation()
	other.Directory = ledgertest.NewLog(ledger.DirectoryLog, "elsewhere.example", ledgertest.Witnesses()...)
	other.Directory.Fill(500)
	for _, l := range w.Logs() {
		for _, from := range append(slices.Clone(w.Logs()), other.Directory) {
			if from == l {
				continue
			}
			if err := w.c.Apply(t.Context(), l.Short, from.Checkpoint(w.Time), w.src); err == nil {
				t.Errorf("log %s takes the checkpoint of %s", l.Short, from.Origin)
			}
		}
	}
	if w.c.View() != before {
		t.Error("the view changed")
	}
}
