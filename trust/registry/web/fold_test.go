package web_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// trouble logs directory entries of which many must not be obeyed.
func (w *world) trouble() {
	institutes, prefix := ledgertest.Institutes(), "MA.156.1301.05"
	allocators, others := w.sjz.Allocators, w.Registries[2].Allocators
	row := func(change func(r *ledger.RegistryRow)) ledger.DirectoryEntry {
		r := *w.sjz.Row
		change(&r)
		return ledger.DirectoryEntry{Registry: &r}
	}
	named := func(name string) ledger.DirectoryEntry {
		return row(func(r *ledger.RegistryRow) { r.Names = map[string]string{"en": name} })
	}
	key := func(name, prefix, records, status string) ledger.DirectoryEntry {
		return ledger.DirectoryEntry{Key: &ledger.KeyRow{Prefix: prefix, Key: ledgertest.Key(name).Public().(ed25519.PublicKey), Alg: ledger.AlgEd25519,
			Hosts: []string{host}, Records: records, Status: status}}
	}
	w.Directory.Append(w.Directory.Entry(1)) // logged again
	w.Directory.Append([]byte("garbage"), nil, w.Directory.Entry(0)[:40])
	w.Log(named("one institute alone"), institutes[0])
	w.Log(named("an allocator"), allocators...)
	w.Log(named("good"), institutes[:2]...)
	w.Log(named("better"), institutes[1:]...)
	w.Log(row(func(r *ledger.RegistryRow) { r.Records.Short = "sjz-other" }), institutes...)
	w.Log(row(func(r *ledger.RegistryRow) { r.Prefix = "MA.156.1309" }), institutes...) // another's logs
	k := w.Log(key("bureau", prefix, "sjz-records", "sjz-status"), allocators...)
	w.Log(key("bureau", prefix, "sjz-records", "sjz-status"), allocators...)      // twice
	w.Log(key("bureau 2", prefix, "sjz-records", "sjz-status"), others...)        // by another city
	w.Log(key("bureau 3", prefix, "ts-records", "ts-status"), allocators...)      // at another city's logs
	w.Log(key("bureau 4", prefix, "sjz-records", "ts-status"), allocators...)     // at both
	w.Log(key(institutes[0], prefix, "sjz-records", "sjz-status"), allocators...) // a directory key
	w.Log(key("deep", "MA.156.1301.05.1", "sjz-records", "sjz-status"), allocators...)
	for _, size := range []uint64{500, 600, 300, 300, 301} {
		w.Log(ledger.DirectoryEntry{Withdrawal: &ledger.Withdrawal{Key: k, Size: size}}, allocators...)
	}
	w.Log(ledger.DirectoryEntry{Withdrawal: &ledger.Withdrawal{Key: k, Size: 1}}, others...)
	w.Log(ledger.DirectoryEntry{Withdrawal: &ledger.Withdrawal{Key: 99999, Size: 1}}, institutes...)

	next := w.Root
	next.DirectoryKeys = []string{ledgertest.VKey("institute-d.example"), ledgertest.VKey("institute-e.example")}
	turn := ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: w.Root, Root: next}}
	both := append(slices.Clone(institutes[:2]), "institute-d.example", "institute-e.example")
	w.Log(turn, institutes...)
	w.Log(turn, "institute-d.example", "institute-e.example")
	w.Log(named("before"), "institute-d.example", "institute-e.example")
	w.Log(turn, both...)
	w.Log(turn, both...) // does not follow any more
	w.Log(named("old institutes"), institutes...)
	w.Log(named("new institutes"), "institute-d.example", "institute-e.example")
}

// testFold: the page obeys the entries that package ledger obeys, and no other, at every size of the directory.
func (s *stage) testFold(t *testing.T) {
	page := s.testPage(t)
	w := s.world.Load()
	first := int(w.Directory.Size())
	w.trouble()
	var raws [][]byte
	for i := range w.Directory.Size() {
		raws = append(raws, w.Directory.Entry(i))
	}
	for size := first; size <= len(raws); size++ {
		d, err := ledger.FoldDirectory(w.Root, raws[:size])
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range size {
			k, _ := d.Key(uint32(i))
			if k == nil {
				want = append(want, "none")
				continue
			}
			want = append(want, fmt.Sprintf("%s %v %d", k.Prefix, k.Withdrawn, k.StandsUpTo))
		}
		for _, r := range d.Registries() {
			want = append(want, fmt.Sprintf("%s %s %s", r.Prefix, r.Records.Short, r.Names["en"]))
		}
		want = append(want, fmt.Sprintf("%d policies", len(d.Rotations())+1))
		in, err := json.Marshal([]any{w.Root, texts(raws[:size])})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		run(t, page, "fold", chromedp.Evaluate(fmt.Sprintf("fold(...%s)", in), &got, awaitPromise))
		if !slices.Equal(got, want) {
			t.Fatalf("after %d entries: %q, want %q", size, got, want)
		}
		if size == len(raws) {
			t.Logf("%d of %d entries are void: %v", len(d.Voids()), size, want[len(want)-5:])
		}
	}
}
