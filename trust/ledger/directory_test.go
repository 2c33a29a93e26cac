package ledger_test

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// fold returns the directory of a gateway that has the whole log.
func fold(t testing.TB, n *ledgertest.Nation) *ledger.Directory {
	t.Helper()
	d, err := ledger.NewDirectory(n.Root)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n.Directory.Size() {
		d = d.With([][]byte{n.Directory.Entry(i)})
	}
	return d
}

// void checks that the directory's last entry is not obeyed, for a reason.
func void(t *testing.T, n *ledgertest.Nation, reason string) {
	t.Helper()
	voids := fold(t, n).Voids()
	last := n.Directory.Size() - 1
	for _, v := range voids {
		if v.Index == last {
			if !strings.Contains(v.Reason, reason) {
				t.Errorf("entry %d is void because %q, want %q", last, v.Reason, reason)
			}
			return
		}
	}
	t.Errorf("entry %d is obeyed, though %s", last, reason)
}

// row returns a registry row that differs from the registry's own.
func row(r *ledgertest.Registry, change func(*ledger.RegistryRow)) ledger.DirectoryEntry {
	c := *r.Row
	change(&c)
	return ledger.DirectoryEntry{Registry: &c}
}

func keyRow(r *ledgertest.Registry, change func(*ledger.KeyRow)) ledger.DirectoryEntry {
	k := &ledger.KeyRow{
		Prefix: r.Prefix, Key: ledgertest.Key("new issuer").Public().(ed25519.PublicKey), Alg: ledger.AlgEd25519,
		Hosts: []string{"ID.EXAMPLE"}, Records: r.Records.Short, Status: r.Status.Short,
	}
	change(k)
	return ledger.DirectoryEntry{Key: k}
}

// Changes to rows: none, and the prefix of a city's bureau.
func same(*ledger.RegistryRow) {}
func asIs(*ledger.KeyRow)      {}
func below(k *ledger.KeyRow)   { k.Prefix = "MA.156.1301.01" }

func TestDirectoryThresholds(t *testing.T) {
	inst := ledgertest.Institutes()
	t.Run("one institute alone", func(t *testing.T) {
		n, city, _ := nation(t)
		n.Log(row(city, same), inst[0])
		void(t, n, "signatures")
		n.Log(keyRow(city, asIs), inst[1])
		void(t, n, "signatures")
		n.Log(ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: n.Root, Root: n.Root}}, inst[2])
		void(t, n, "signatures")
	})
	t.Run("the log key alone", func(t *testing.T) {
		n, city, _ := nation(t)
		n.Log(row(city, same), n.Directory.Origin)
		void(t, n, "signatures")
		n.Log(row(city, same))
		void(t, n, "signatures")
	})
	t.Run("who may", func(t *testing.T) {
		n, city, _ := nation(t)
		i := n.Log(keyRow(city, below), city.Allocators...)
		bureau := n.AddRegistry("MA.156.1301.01", "sjz-um")
		desk := n.AddIssuerFor(bureau, "MA.156.1301.01.05", "ID.EXAMPLE")
		n.Log(row(city, same), inst[1], inst[2])
		d := fold(t, n)
		if v := d.Voids(); len(v) != 0 {
			t.Errorf("void: %v", v)
		}
		for _, k := range []uint32{uint32(i), desk.Index} {
			if _, state := d.Key(k); state != ledger.KeyLive {
				t.Errorf("key %d: state %d", k, state)
			}
		}
	})
}

// Nobody allocates beside or beyond what is directly below his own prefix.
func TestDirectoryPrefixes(t *testing.T) {
	inst := ledgertest.Institutes()
	t.Run("a city for another city", func(t *testing.T) {
		n, city, _ := nation(t)
		n.Log(keyRow(city, func(k *ledger.KeyRow) { k.Prefix = "MA.156.1302.01" }), city.Allocators...)
		void(t, n, "signatures")
		n.Log(keyRow(city, func(k *ledger.KeyRow) { k.Prefix = "MA.156.1302" }), city.Allocators...)
		void(t, n, "signatures")
		// Even its own prefix is for the institutes to give.
		n.Log(keyRow(city, asIs), city.Allocators...)
		void(t, n, "signatures")
	})
	t.Run("institutes below a city", func(t *testing.T) {
		n, city, _ := nation(t)
		n.Log(keyRow(city, below), inst...)
		void(t, n, "signatures")
	})
	t.Run("an issuer key allocates nothing", func(t *testing.T) {
		n, city, key := nation(t)
		payload, err := ledger.EncodePayload(keyRow(city, below))
		if err != nil {
			t.Fatal(err)
		}
		sig := ed25519.Sign(key.Private, payload)
		raw, err := ledger.EncodeDirectoryEntry(payload, []ledger.Signature{{KeyID: 1, Sig: sig}})
		if err != nil {
			t.Fatal(err)
		}
		n.Directory.Append(raw)
		void(t, n, "signatures")
	})
	t.Run("nobody holds the prefix above", func(t *testing.T) {
		n, city, _ := nation(t)
		n.Log(keyRow(city, func(k *ledger.KeyRow) { k.Prefix = "MA.156.1301.01.05" }), city.Allocators...)
		void(t, n, "nobody holds")
	})
}

func TestDirectoryRowsLoggedAgainAreVoid(t *testing.T) {
	n, city, key := nation(t)
	n.Withdraw(key, 300)
	d := fold(t, n)
	if k, state := d.Key(key.Index); state != ledger.KeyWithdrawn || k.StandsUpTo != 300 {
		t.Fatalf("withdrawn row: %+v, %d", k, state)
	}
	// The very bytes again: the signatures name another index.
	n.Directory.Append(n.Directory.Entry(uint64(key.Index)))
	void(t, n, "signatures")
	// The institutes sign the same key anew: it has had its row.
	n.Log(ledger.DirectoryEntry{Key: key.Row}, ledgertest.Institutes()...)
	void(t, n, "row already")
	// An old registry row, which would bring an old key back.
	n.Directory.Append(n.Directory.Entry(1))
	void(t, n, "signatures")
	// A withdrawal can reach further back, never forward.
	n.Withdraw(key, 400)
	void(t, n, "withdrawn at size 300")
	n.Withdraw(key, 200)
	if k, _ := fold(t, n).Key(key.Index); k.StandsUpTo != 200 {
		t.Errorf("stands up to %d", k.StandsUpTo)
	}
	w := &ledger.Withdrawal{Key: 0}
	n.Log(ledger.DirectoryEntry{Withdrawal: w}, ledgertest.Institutes()...)
	void(t, n, "no key row at 0")
	n.Log(ledger.DirectoryEntry{Withdrawal: &ledger.Withdrawal{Key: uint64(key.Index), Size: 1}}, city.Allocators...)
	void(t, n, "signatures")
}

func TestDirectoryKeysHaveOneRole(t *testing.T) {
	inst := ledgertest.Institutes()
	use := func(name string) func(*ledger.KeyRow) {
		return func(k *ledger.KeyRow) { k.Key = ledgertest.Key(name).Public().(ed25519.PublicKey) }
	}
	n, city, key := nation(t)
	for _, name := range []string{
		city.Records.Origin, city.Status.Origin, n.Directory.Origin, city.Allocators[0], inst[2], ledgertest.Witnesses()[0],
	} {
		n.Log(keyRow(city, use(name)), inst...)
		void(t, n, "another key of the ledger")
	}
	// And the other way round: a registry takes an issuer key as log key.
	v, err := noteKey(city.Records.Origin, key.Private)
	if err != nil {
		t.Fatal(err)
	}
	n.Log(row(city, func(r *ledger.RegistryRow) { r.Records.Keys = []string{v} }), inst...)
	void(t, n, "issuer key as well")
}

func TestDirectoryNamesStay(t *testing.T) {
	inst := ledgertest.Institutes()
	n, city, _ := nation(t)
	other := n.AddRegistry("MA.156.1303", "qhd")
	n.Log(row(city, func(r *ledger.RegistryRow) { r.Records = other.Row.Records }), inst...)
	void(t, n, "belongs to MA.156.1303")
	n.Log(row(city, func(r *ledger.RegistryRow) {
		r.Records.Origin, r.Records.Keys = other.Records.Origin, other.Row.Records.Keys
	}), inst...)
	void(t, n, "belongs to log")
	n.Log(row(city, func(r *ledger.RegistryRow) { r.Records.Short = "sjz-new" }), inst...)
	void(t, n, "")
	n.Log(row(city, func(r *ledger.RegistryRow) {
		r.Records.Origin, r.Records.Keys = n.Directory.Origin, []string{ledgertest.VKey(n.Directory.Origin)}
	}), inst...)
	void(t, n, "belongs to log directory")
	n.Log(keyRow(city, func(k *ledger.KeyRow) { k.Records, k.Status = other.Records.Short, other.Status.Short }), inst...)
	void(t, n, "answer for no prefix")
	n.Log(row(city, func(r *ledger.RegistryRow) { r.Names = map[string]string{"zh": "石家庄", "en": "Shijiazhuang"} }), inst...)
	d := fold(t, n)
	if got := d.Registry("MA.156.1301").Names["zh"]; got != "石家庄" {
		t.Errorf("the newest row says %q", got)
	}
	if ps := d.Policies("sjz-records"); len(ps) != 2 {
		t.Errorf("%d policies of a log with two rows", len(ps))
	}
}

func TestRotationNeedsBothThresholds(t *testing.T) {
	n, _, _ := nation(t)
	inst := ledgertest.Institutes()
	newKeys := []string{"institute-d.example", "institute-e.example", inst[2]}
	next := n.Root
	next.DirectoryKeys = []string{ledgertest.VKey(newKeys[0]), ledgertest.VKey(newKeys[1]), ledgertest.VKey(newKeys[2])}
	rotate := ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: n.Root, Root: next}}

	n.Log(rotate, inst...)
	void(t, n, "under the new policy")
	n.Log(rotate, newKeys...)
	void(t, n, "under the old policy")
	stale := n.Root
	stale.DirectoryThreshold = 3
	n.Log(ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: stale, Root: next}}, append(slices.Clone(newKeys), inst[:2]...)...)
	void(t, n, "policy in force")
}

// rotated returns a directory with a key row of either policy and a rotation
// between them, and the next policy.
func rotated(t *testing.T) (*ledgertest.Nation, ledgertest.Issuer, ledger.RootPolicy) {
	t.Helper()
	n, city, key := nation(t)
	inst, newKeys := ledgertest.Institutes(), []string{"institute-d.example", "institute-e.example"}
	next := n.Root
	next.DirectoryKeys = []string{ledgertest.VKey(newKeys[0]), ledgertest.VKey(newKeys[1])}
	at := n.Log(ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: n.Root, Root: next}}, append(newKeys, inst[:2]...)...)
	d := fold(t, n)
	if !d.Root().Equal(next) || !slices.Equal(d.Rotations(), []uint64{at}) {
		t.Fatalf("rotations %v, voids %v", d.Rotations(), d.Voids())
	}
	n.Log(keyRow(city, asIs), inst[0], inst[1])
	void(t, n, "signatures")
	n.Log(keyRow(city, asIs), newKeys...)
	return n, key, next
}

func TestFoldFromEitherPolicy(t *testing.T) {
	n, key, next := rotated(t)
	// A gateway that is configured with the new policy reads the same.
	var all [][]byte
	for i := range n.Directory.Size() {
		all = append(all, n.Directory.Entry(i))
	}
	for _, root := range []ledger.RootPolicy{n.Root, next} {
		d, err := ledger.FoldDirectory(root, all)
		if err != nil {
			t.Fatal(err)
		}
		if _, state := d.Key(key.Index); state != ledger.KeyLive {
			t.Errorf("from root with keys %v: state %d, voids %v", root.DirectoryKeys, state, d.Voids())
		}
		if _, state := d.Key(uint32(len(all) - 1)); state != ledger.KeyLive || !d.Root().Equal(next) {
			t.Error("the row after the rotation is not obeyed")
		}
	}
	// One that is configured with a stranger's policy obeys nothing.
	stranger := next
	stranger.DirectoryKeys = []string{ledgertest.VKey("stranger-a.example"), ledgertest.VKey("stranger-b.example")}
	ds, err := ledger.FoldDirectory(stranger, all)
	if err != nil {
		t.Fatal(err)
	}
	if len(ds.Voids()) != len(all) {
		t.Errorf("a stranger's policy obeys %d entries", len(all)-len(ds.Voids()))
	}
}

// A fold must not change one that it came from.
func TestDirectoryFoldsAreIndependent(t *testing.T) {
	n, city, key := nation(t)
	d := fold(t, n)
	before := d.Registry(city.Prefix)
	n.Log(row(city, func(r *ledger.RegistryRow) { r.Names = map[string]string{"en": "A"} }), ledgertest.Institutes()...)
	n.Withdraw(key, 1)
	last := n.Directory.Size()
	a := d.With([][]byte{n.Directory.Entry(last - 2), n.Directory.Entry(last - 1)})
	if d.Registry(city.Prefix) != before || d.Size() != last-2 {
		t.Error("the old fold has the new row")
	}
	if _, state := d.Key(key.Index); state != ledger.KeyLive {
		t.Error("the old fold has the withdrawal")
	}
	if _, state := a.Key(key.Index); state != ledger.KeyWithdrawn {
		t.Error("the new fold lacks the withdrawal")
	}
}
