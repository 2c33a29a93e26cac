package mirrored_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
	"citygate/trust/registry/mirrored"
)

// body logs a public record with any claims.
func (w *world) body(c code.Claims) uint64 {
	w.t.Helper()
	b, err := code.EncodeBody(false, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.city.Records.Append(code.EntryOf(b))
}

// newClean is a world whose records log holds nothing that a monitor could object to.
func newClean(t *testing.T) *world {
	n := ledgertest.NewNation()
	w := &world{t: t, n: n, city: n.AddRegistry("MA.156.1301", "sjz"), dir: t.TempDir()}
	n.AddIssuer(w.city, "ID.SJZ.EXAMPLE")
	for i := range 300 {
		w.body(code.Claims{Nodes: "156.1301.01", Object: fmt.Sprintf("LAMP.%d", i), Issued: 1000})
	}
	personal, err := code.EncodeBody(true, code.Claims{Nodes: "156.1301.02", Object: "PASS.1", Salt: make([]byte, 16)})
	if err != nil {
		t.Fatal(err)
	}
	w.city.Records.Append(code.EntryOf(personal))
	w.city.Records.Pad()
	w.n.SetStatus(w.city, 5, ledger.Revoked)
	w.n.SetStatus(w.city, 300, ledger.Suspended)
	w.body(code.Claims{Nodes: "156.1301.01", Object: "LAMP.5", Issued: 2000, NotAfter: 3000}) // renewed after revocation
	w.body(code.Claims{Nodes: "156.1301.01", Object: "LAMP.5", Issued: 4000})                 // and after expiry
	w.src = ledgertest.NewSource(n)
	return w
}

func (w *world) monitor(watch mirrored.Watch) []mirrored.Finding {
	w.t.Helper()
	c := w.open(w.src)
	reports, err := c.Sync(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if watch.Now.IsZero() {
		watch.Now = w.n.Time.Add(time.Minute)
	}
	findings, err := c.Monitor(reports, watch)
	if err != nil {
		w.t.Fatal(err)
	}
	return findings
}

func TestMonitorFinds(t *testing.T) {
	for _, c := range []struct {
		what  string
		do    func(w *world) mirrored.Watch
		kinds []mirrored.FindingKind
	}{
		{"nothing in an honest ledger", func(w *world) mirrored.Watch { return mirrored.Watch{} }, nil},
		{"a second record of a standing identifier", func(w *world) mirrored.Watch {
			w.body(code.Claims{Nodes: "156.1301.01", Object: "LAMP.7", Issued: 9000})
			return mirrored.Watch{}
		}, []mirrored.FindingKind{mirrored.DoubleAllocation}},
		{"a record outside of the prefix, and the city's own node", func(w *world) mirrored.Watch {
			w.body(code.Claims{Nodes: "156.1302.01", Object: "LAMP.7"})
			w.body(code.Claims{Nodes: "156.1301"})
			return mirrored.Watch{}
		}, []mirrored.FindingKind{mirrored.OutsidePrefix, mirrored.OutsidePrefix}},
		{"entries that are nothing", func(w *world) mirrored.Watch {
			w.city.Records.Append([]byte("\x03what"), []byte("\x01\xa0"), []byte("\x02short"))
			w.city.Status.Append([]byte("status?"))
			return mirrored.Watch{}
		}, []mirrored.FindingKind{mirrored.BadEntry, mirrored.BadEntry, mirrored.BadEntry, mirrored.BadEntry}},
		{"statuses of padding and of nothing", func(w *world) mirrored.Watch {
			w.n.SetStatus(w.city, 400, ledger.Revoked)
			w.n.SetStatus(w.city, 9999, ledger.Suspended)
			return mirrored.Watch{}
		}, []mirrored.FindingKind{mirrored.StatusForNoRecord, mirrored.StatusForNoRecord}},
		{"an unknown status", func(w *world) mirrored.Watch {
			w.n.SetStatus(w.city, 9, 7)
			return mirrored.Watch{}
		}, []mirrored.FindingKind{mirrored.UnknownStatus}},
		{"a snapshot that hides a revocation", func(w *world) mirrored.Watch {
			for w.city.Status.Size() < ledger.SnapshotInterval {
				w.n.SetStatus(w.city, 4, ledger.Revoked)
			}
			entries, err := ledger.EncodeSnapshot(new(ledger.StatusSet), w.city.Status.Size())
			if err != nil {
				w.t.Fatal(err)
			}
			w.city.Status.Append(entries[0])
			return mirrored.Watch{}
		}, []mirrored.FindingKind{mirrored.WrongSnapshot}},
		{"a snapshot out of its place", func(w *world) mirrored.Watch {
			entries, err := ledger.EncodeSnapshot(new(ledger.StatusSet), ledger.SnapshotInterval)
			if err != nil {
				w.t.Fatal(err)
			}
			w.city.Status.Append(entries[0])
			return mirrored.Watch{}
		}, []mirrored.FindingKind{mirrored.BadEntry}},
		{"a directory entry that one institute alone signed", func(w *world) mirrored.Watch {
			key := ledgertest.Key("intruder").Public()
			w.n.Log(ledger.DirectoryEntry{Key: &ledger.KeyRow{Prefix: "MA.156.1301", Key: fmt.Append(nil, key)[:32], Alg: ledger.AlgEd25519,
				Hosts: []string{"X.EXAMPLE"}, Records: "sjz-records", Status: "sjz-status"}}, ledgertest.Institutes()[0])
			return mirrored.Watch{}
		}, []mirrored.FindingKind{mirrored.VoidEntry}},
		{"a record that is not in the issue book", func(w *world) mirrored.Watch {
			known := w.city.Records.Clone()
			w.body(code.Claims{Nodes: "156.1301.01", Object: "GHOST.1"})
			return mirrored.Watch{Books: []string{"sjz-records"}, InBook: func(_ string, i uint64, e []byte) bool {
				return i < known.Size() && string(known.Entry(i)) == string(e)
			}}
		}, []mirrored.FindingKind{mirrored.NotInBook}},
		{"logs that stopped", func(w *world) mirrored.Watch {
			return mirrored.Watch{Now: w.n.Time.Add(time.Hour)}
		}, []mirrored.FindingKind{mirrored.Stopped, mirrored.Stopped, mirrored.Stopped}},
	} {
		w := newClean(t)
		watch := c.do(w)
		found := w.monitor(watch)
		var kinds []mirrored.FindingKind
		for _, f := range found {
			kinds = append(kinds, f.Kind)
		}
		if !slices.Equal(kinds, c.kinds) {
			t.Errorf("%s: %+v", c.what, found)
		}
	}
}

func TestMonitorFindsTwoHistories(t *testing.T) {
	w := newClean(t)
	if found := w.monitor(mirrored.Watch{}); len(found) != 0 {
		t.Fatalf("found %+v", found)
	}
	fork := ledgertest.NewLog(w.city.Records.Short, w.city.Records.Origin, w.city.Records.Witnesses...)
	for i := range w.city.Records.Size() {
		fork.Append(append([]byte{3}, w.city.Records.Entry(i)...))
	}
	w.src.Replace(fork)
	if found := w.monitor(mirrored.Watch{}); len(found) != 1 || found[0].Kind != mirrored.Fork || found[0].Log != "sjz-records" {
		t.Errorf("found %+v", found)
	}
}
