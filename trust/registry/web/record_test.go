package web_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/chromedp/chromedp"

	"citygate/trust/code"
)

// resolve answers for an identifier as a resolver does.
func (w *world) resolve(id string) ([]byte, error) {
	log := w.sjz.Records
	for i := range log.Size() {
		entry := log.Entry(i)
		claims, err := code.Code{Body: entry}.Claims()
		if err != nil || entry[0] != code.TypePublic {
			continue
		}
		if have, err := claims.ID(); err != nil || have.String() != id {
			continue
		}
		path, err := tlog.ProveRecord(int64(log.Size()), int64(i), log)
		if err != nil {
			return nil, err
		}
		p := proof.TLogProof{Index: i, Checkpoint: log.Checkpoint(w.Time), ExtraData: entry}
		for _, h := range path {
			p.Hashes = append(p.Hashes, h)
		}
		if w.change != nil {
			w.change(&p)
		}
		return p.Marshal(), nil
	}
	return nil, errors.New("no record")
}

// testRecord opens addresses without a code: the ledger's record is shown where it can be proved, and nothing else is.
func (s *stage) testRecord(t *testing.T) {
	w := s.set(newWorld(t))
	phone := tab(t, s.ctx, "zh-CN")
	const site = "https://id.sjz.example/"
	var facts string
	visit(t, phone, site)
	for path, want := range map[string]string{"156.1301.01/LAMP.000421": "在用", "156.1301.01/LAMP.REVOKED": "已作废", "156.1301.01/LAMP.SUSPENDED": "暂停使用",
		"156.1301.01/LAMP.000900": "在用"} {
		if got := next(t, phone, site+path); got != "record" {
			t.Errorf("%s: %s", path, got)
		}
		run(t, phone, "facts", chromedp.Text("#facts", &facts))
		if !bytes.Contains([]byte(facts), []byte(want)) {
			t.Errorf("%s: facts %q, want %s", path, facts, want)
		}
		bothLanguages(t, phone, "record-"+path[len("156.1301.01/"):])
	}
	for _, path := range []string{"156.1301.01/LAMP.404", "156.1301.02/P", "156.1301.02/PERMIT.00017Q2F", "", "156.1303/X"} {
		if got := next(t, phone, site+path); got != "empty" {
			t.Errorf("%q: %s", path, got)
		}
	}
	other, err := w.resolve("MA.156.1301.01/LAMP.ENDING")
	if err != nil {
		t.Fatal(err)
	}
	var p proof.TLogProof
	if err := p.Unmarshal(other); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*proof.TLogProof){
		"another record":          func(q *proof.TLogProof) { *q = p },
		"another index":           func(q *proof.TLogProof) { q.Index++ },
		"a hash less":             func(q *proof.TLogProof) { q.Hashes = q.Hashes[1:] },
		"a hash more":             func(q *proof.TLogProof) { q.Hashes = append(q.Hashes, q.Hashes[0]) },
		"a bit of a hash":         func(q *proof.TLogProof) { q.Hashes[3][3] ^= 1 },
		"a bit of the entry":      func(q *proof.TLogProof) { q.ExtraData = append([]byte{}, q.ExtraData...); q.ExtraData[9] ^= 1 },
		"a bit of the checkpoint": func(q *proof.TLogProof) { q.Checkpoint[len(q.Checkpoint)-9] ^= 1 },
		"the status log's head":   func(q *proof.TLogProof) { q.Checkpoint = w.sjz.Status.Checkpoint(w.Time) },
		"no quorum":               func(q *proof.TLogProof) { q.Checkpoint = w.sjz.Records.CheckpointOf(w.sjz.Records.Size(), w.Time) },
		"an index beyond":         func(q *proof.TLogProof) { q.Index = w.sjz.Records.Size() },
	} {
		w.change = change
		if got := next(t, phone, site+"156.1301.01/LAMP.000421"); got != "empty" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
