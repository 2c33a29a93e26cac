package ledger_test

import (
	"testing"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// nation returns a directory with the country's and two cities' registries.
func nation(t testing.TB) (*ledgertest.Nation, *ledgertest.Registry, ledgertest.Issuer) {
	t.Helper()
	n := ledgertest.NewNation()
	n.AddRegistry("MA.156", "cn")
	city := n.AddRegistry("MA.156.1301", "sjz")
	n.AddRegistry("MA.156.1302", "ts")
	return n, city, n.AddIssuer(city, "ID.SJZ.EXAMPLE")
}

func TestView(t *testing.T) {
	n, city, key := nation(t)
	city.Records.Fill(700)
	v := n.View()
	if voids := v.Directory().Voids(); len(voids) != 0 {
		t.Fatalf("void entries: %v", voids)
	}
	k, state := v.Key(key.Index)
	if state != ledger.KeyLive || k.PrefixID.String() != "MA.156.1301" {
		t.Fatalf("key row: %v, state %d", k, state)
	}
	if _, state := v.Key(key.Index - 1); state != ledger.KeyNone {
		t.Errorf("registry row as key: state %d", state)
	}
	if _, state := v.Key(key.Index + 1); state != ledger.KeyBeyond {
		t.Errorf("key beyond the directory: state %d", state)
	}
	l := v.Log(k.Records)
	if l == nil || l.Size != 700 || l.Root != city.Records.Root(700) || !l.Time.Equal(n.Time) {
		t.Fatalf("records log: %+v", l)
	}
	if h, ok := l.OpenLeaf(600); !ok || h != ledger.LeafHash(city.Records.Entry(600)) {
		t.Error("leaf of the open tile is wrong")
	}
	if _, ok := l.OpenLeaf(511); ok {
		t.Error("a leaf of a full subtree is in the open tile")
	}
	sub, ok := l.Subtree(1)
	if !ok {
		t.Fatal("full subtree 1 is missing")
	}
	if got, ok := ledger.PathRoot(ledger.LeafHash(city.Records.Entry(300)), 300, city.Records.Path(300)); !ok || got != sub {
		t.Error("path does not lead to the strip")
	}
	if _, ok := l.Subtree(2); ok {
		t.Error("the open tile counts as a full subtree")
	}
	if heads := v.Logs(); len(heads) != 7 || heads[2].Short != "directory" {
		t.Errorf("heads: %v", heads)
	}
}

func TestViewStatus(t *testing.T) {
	n, city, _ := nation(t)
	n.SetStatus(city, 3, ledger.Revoked)
	n.SetStatus(city, 4, ledger.Suspended)
	n.SetStatus(city, 5, ledger.Suspended)
	n.SetStatus(city, 5, ledger.Restored)
	n.SetStatus(city, 3, ledger.Restored)
	n.SetStatus(city, 6, 77)
	v := n.View()
	want := map[uint64]ledger.Status{3: ledger.Revoked, 4: ledger.Suspended, 5: ledger.Good, 6: ledger.Suspended, 7: ledger.Good}
	for i, s := range want {
		if got := v.Status(city.Status.Short, i); got != s {
			t.Errorf("status of %d: %v, want %v", i, got, s)
		}
	}
}

// The path of a verdict through the view does not allocate.
func TestViewDoesNotAllocate(t *testing.T) {
	n, city, key := nation(t)
	city.Records.Fill(700)
	n.SetStatus(city, 3, ledger.Revoked)
	v := n.View()
	path := city.Records.Path(300)
	leaf := ledger.LeafHash(city.Records.Entry(300))
	if got := testing.AllocsPerRun(100, func() {
		k, _ := v.Key(key.Index)
		l := v.Log(k.Records)
		sub, _ := l.Subtree(1)
		root, _ := ledger.PathRoot(leaf, 300, path)
		_, ok := l.OpenLeaf(600)
		if root != sub || !ok || v.Status(k.Status, 3) != ledger.Revoked {
			t.Error("wrong answers")
		}
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
