package registry_test

import (
	"crypto/ed25519"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/cache"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"citygate/trust/registry"
	flog "github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// gateway opens a trust database and fills it over HTTP from the registries' published trees.
func (w *world) gateway(dirs ...string) *cache.Cache {
	w.t.Helper()
	b, err := os.ReadFile(registry.RootPolicyFile(w.path("cn")))
	if err != nil {
		w.t.Fatal(err)
	}
	root, err := ledger.ParseRootPolicy(b)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := cache.Open(filepath.Join(w.t.TempDir(), "trust.db"), cache.Options{Root: root})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	if _, err := c.Sync(w.t.Context(), mirror.HTTP{Base: w.serve(dirs...)}); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// serve serves registries' published trees and gives the URL.
func (w *world) serve(dirs ...string) string {
	w.t.Helper()
	var folders []string
	for _, d := range dirs {
		folders = append(folders, w.path(d))
	}
	s := httptest.NewServer(registry.NewHandler(folders...))
	w.t.Cleanup(s.Close)
	return s.URL
}

// The whole way: what a registry issues, a gateway that follows its logs over HTTP answers with the right word.
func TestVerdictsOverWhatWasIssued(t *testing.T) {
	w := newWorld(t)
	national, city := w.enrolled()
	own := issue(t, national, registry.Request{Identifier: "MA.156.1301", Kind: code.KindOrganisation})
	issued := issue(t, city,
		lamp(0), lamp(1),
		registry.Request{Identifier: "MA.156.1301.01/NOTICE.1", Kind: code.KindDocument, NotAfter: time.Unix(1_700_000_000, 0)},
		registry.Request{Identifier: "MA.156.1301.02/PASS.1", Kind: code.KindCredential, Personal: true},
		lamp(2))
	for _, r := range []*registry.Registry{national, city} {
		if _, err := r.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for index, s := range map[uint64]ledger.Status{1: ledger.Revoked, 3: ledger.Suspended} {
		if err := city.SetStatus(t.Context(), index, s); err != nil {
			t.Fatal(err)
		}
	}
	fresh := issue(t, city, lamp(3))[0]
	for _, r := range []*registry.Registry{national, city} {
		if _, err := r.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	view := w.gateway("cn", "sjz").View()
	late := issue(t, city, lamp(4))[0]
	text := func(request string) string {
		i, err := city.Answer(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		return i.Text
	}
	capital, err := national.Record(t.Context(), own[0].Index)
	if err != nil {
		t.Fatal(err)
	}
	moment := trust.Moment{Now: time.Now(), Synced: true, Started: time.Now().Add(-time.Hour)}
	for _, c := range []struct {
		what, text string
		want       trust.Reason
	}{
		{"sealed", text(lamp(0).Identifier), trust.Valid},
		{"the city's own identifier", capital.Text, trust.Valid},
		{"personal", text("MA.156.1301.02/PASS.1"), trust.Valid},
		{"revoked", text(lamp(1).Identifier), trust.Revoked},
		{"expired", text("MA.156.1301.01/NOTICE.1"), trust.Expired},
		{"suspended", text(lamp(2).Identifier), trust.Suspended},
		{"fresh, published", fresh.Text, trust.Valid},
		{"fresh, not yet published", late.Text, trust.Pending},
		{"the fresh form of a sealed record", issued[0].Text, trust.Pending},
		{"forged with the issuer's key", w.forge(city, issued[0].Code), trust.NotInLedger},
		{"path changed", strings.Replace(fresh.Text, "LAMP.000003", "LAMP.000009", 1), trust.Mismatch},
	} {
		if v := trust.Check(c.text, view, trust.DefaultPolicy(), moment); v.Reason != c.want {
			t.Errorf("%s: %s, want %s", c.what, v.Reason, c.want)
		}
	}
}

// forge signs another record with a stolen issuer key and puts it at the index and path of a real one.
func (w *world) forge(city *registry.Registry, victim code.Code) string {
	w.t.Helper()
	key, err := registry.LoadIssuerKey(registry.IssuerKeyFile(w.path("sjz")))
	if err != nil {
		w.t.Fatal(err)
	}
	forged, err := city.Sealed(w.t.Context(), victim.Index)
	if err != nil {
		w.t.Fatal(err)
	}
	forged.Body, err = code.EncodeBody(false, code.Claims{Nodes: "156.1301.01", Object: "FORGED.1", Kind: code.KindDocument})
	if err != nil {
		w.t.Fatal(err)
	}
	if forged.Sig, err = code.Sign(key, code.AlgEd25519, forged.Key, forged.Body); err != nil {
		w.t.Fatal(err)
	}
	text, err := code.Text("ID.SJZ.EXAMPLE", forged)
	if err != nil || !code.VerifySig(key.Public().(ed25519.PublicKey), code.AlgEd25519, forged) {
		w.t.Fatal(err)
	}
	return text
}

// Other people's tools take our logs: transparency-dev/formats the checkpoints and cosignatures, Tessera's client the tiles over HTTP, its
// fsck every hash and entry.
func TestConformance(t *testing.T) {
	w := newWorld(t)
	_, city := w.enrolled()
	issue(t, city, lamps(0, 700)...)
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	issue(t, city, lamps(700, 710)...)
	heads, err := city.Publish(t.Context())
	if err != nil || heads[0].Size != 778 {
		t.Fatalf("published %+v, %v", heads, err)
	}
	base := w.serve("cn", "sjz")
	for _, name := range []string{"cn", "sjz"} {
		refs, err := registry.LogKeys(w.path(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range refs {
			w.conforms(base, ref)
		}
	}
}

func (w *world) conforms(base string, ref ledger.LogRef) {
	t := w.t
	t.Helper()
	u, err := url.Parse(base + "/" + ref.Short + "/")
	if err != nil {
		t.Fatal(err)
	}
	f, err := client.NewHTTPFetcher(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(ref.Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	raw, err := f.ReadCheckpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var witnesses []note.Verifier
	for _, k := range w.keys {
		x, err := fnote.NewVerifierForCosignatureV1(k.Key)
		if err != nil {
			t.Fatal(err)
		}
		witnesses = append(witnesses, x)
	}
	cp, rest, n, err := flog.ParseCheckpoint(raw, ref.Origin, v, witnesses...)
	if err != nil || len(rest) != 0 || len(n.Sigs) < 3 {
		t.Errorf("%s: formats: %v; extension %q, %d signatures", ref.Short, err, rest, len(n.Sigs))
		return
	}
	hash := func(bundle []byte) (hs [][]byte, err error) {
		var b api.EntryBundle
		if err := b.UnmarshalText(bundle); err != nil {
			return nil, err
		}
		for _, e := range b.Entries {
			hs = append(hs, rfc6962.DefaultHasher.HashLeaf(e))
		}
		return hs, nil
	}
	if cp.Size == 0 {
		return // fsck wants something to check
	}
	if err := fsck.New(ref.Origin, v, f, hash, fsck.Opts{N: 2}).Check(t.Context()); err != nil {
		t.Errorf("%s: fsck: %v", ref.Short, err)
	}
}
