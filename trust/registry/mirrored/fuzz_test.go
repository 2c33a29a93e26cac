package mirrored_test

import (
	"bytes"
	"testing"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"citygate/trust/cityid"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
	"citygate/trust/registry/mirrored"
)

// FuzzAnswer reads anything as a mirror's answer about a name: one answer is believed, as it was given, and nothing else. The checkpoint's
// signatures may come in another order.
func FuzzAnswer(f *testing.F) {
	n := ledgertest.NewNation()
	w := &world{n: n, city: n.AddRegistry("MA.156.1301", "sjz"), dir: f.TempDir()}
	w.src = ledgertest.NewSource(n)
	log := w.city.Records
	name, err := cityid.Parse("MA.156.1301.01/LAMP.1")
	if err != nil {
		f.Fatal(err)
	}
	for _, object := range []string{"LAMP.1", "LAMP.2", "LAMP.3"} {
		log.Append(recordEntry(f, object, ""))
	}
	good := proofOf(f, log, 0, n)
	f.Add(good)
	f.Add(proofOf(f, log, 1, n))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra AA==\nindex 0\n\n"))
	policy := ledger.LogPolicy{Origin: log.Origin, LogKeys: w.city.Row.Records.Keys, Witnesses: w.city.Row.Witnesses, Quorum: w.city.Row.Quorum}
	if _, err := mirrored.CheckAnswer(good, name, policy); err != nil {
		f.Fatal(err)
	}
	body, _, _ := bytes.Cut(good, []byte("\n— "))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := mirrored.CheckAnswer(b, name, policy)
		if err != nil {
			return
		}
		if before, _, _ := bytes.Cut(b, []byte("\n— ")); !bytes.Equal(before, body) || !bytes.Equal(r.Proof, b) || r.Index != 0 {
			t.Errorf("believed %q", b)
		}
	})
}

// proofOf writes the answer about an entry.
func proofOf(f *testing.F, log *ledgertest.Log, index uint64, n *ledgertest.Nation) []byte {
	f.Helper()
	path, err := tlog.ProveRecord(int64(log.Size()), int64(index), log)
	if err != nil {
		f.Fatal(err)
	}
	p := proof.TLogProof{ExtraData: log.Entry(index), Index: index, Checkpoint: log.Checkpoint(n.Time)}
	for _, h := range path {
		p.Hashes = append(p.Hashes, h)
	}
	return p.Marshal()
}
