package web_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/transparency-dev/formats/proof"

	"citygate/trust"
	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

const host = "ID.SJZ.EXAMPLE"

// world is a nation whose mirror serves the pages as well.
type world struct {
	*ledgertest.Nation
	t       testing.TB
	sjz     *ledgertest.Registry
	issuer  map[string]ledgertest.Issuer
	index   map[string]uint64
	body    map[string][]byte
	source  *ledgertest.Source
	p256    *ecdsa.PrivateKey
	root    []byte
	stopped atomic.Bool            // the mirror answers 503
	change  func(*proof.TLogProof) // what the resolver does to its answers
}

var holderKey = ledgertest.Key("holder")

func newWorld(t testing.TB) *world {
	t.Helper()
	n := ledgertest.NewNation()
	n.Time = time.Now().Truncate(time.Second)
	n.AddRegistry("MA.156", "cn")
	w := &world{Nation: n, t: t, issuer: map[string]ledgertest.Issuer{}, index: map[string]uint64{}, body: map[string][]byte{}}
	w.sjz = n.AddRegistry("MA.156.1301", "sjz")
	ts := n.AddRegistry("MA.156.1302", "ts")
	w.issuer["sjz"] = n.AddIssuer(w.sjz, host)
	w.issuer["ts"] = n.AddIssuer(ts, host)
	w.issuer["withdrawn"] = n.AddIssuer(w.sjz, "other.example", strings.ToLower(host))
	n.Withdraw(w.issuer["withdrawn"], 0)
	w.issuer["none"] = ledgertest.Issuer{Index: 0, Private: ledgertest.Key("none")}
	w.issuer["sm2"] = w.foreignKey(code.AlgSM2, sm2Public())
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := p256.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	w.p256, w.issuer["p256"] = p256, w.foreignKey(code.AlgES256, public)
	w.addRecords(n.Time.Unix())
	w.body["new"] = w.encode(false, lamp("LAMP.007777"))
	w.index["new"] = w.sjz.Records.Size()
	w.source, w.root = ledgertest.NewSource(n), n.Root.Marshal()
	return w
}

// addRecords issues three sealed subtrees and an open tile, and sets statuses.
func (w *world) addRecords(now int64) {
	w.add("lamp", false, lamp("LAMP.000421"))
	w.add("permit", true, permit())
	for name, change := range map[string]func(*code.Claims){
		"expired": func(c *code.Claims) { c.NotAfter = now - 60 },
		"early":   func(c *code.Claims) { c.NotBefore = now + 3600 },
		"ending":  func(c *code.Claims) { c.NotAfter = now + 86400 },
		"revoked": func(c *code.Claims) {}, "suspended": func(c *code.Claims) {}, "restored": func(c *code.Claims) {},
		"building": func(c *code.Claims) { c.Object, c.Kind = "DOOR.1", code.KindBuilding },
		"placed":   func(c *code.Claims) { c.Places = []string{"MA.156.1301.02"} },
	} {
		c := lamp("LAMP." + strings.ToUpper(name))
		change(&c)
		w.add(name, false, c)
	}
	w.sjz.Records.Fill(600)
	w.sjz.Records.Pad()
	w.add("open", false, lamp("LAMP.000900"))
	w.sjz.Records.Fill(8)
	for name, s := range map[string]ledger.Status{"revoked": ledger.Revoked, "suspended": ledger.Suspended, "restored": ledger.Suspended} {
		w.SetStatus(w.sjz, w.index[name], s)
	}
	w.SetStatus(w.sjz, w.index["restored"], ledger.Restored)
}

// foreignKey logs a key row of another algorithm than Ed25519.
func (w *world) foreignKey(alg int, public []byte) ledgertest.Issuer {
	row := &ledger.KeyRow{Prefix: "MA.156.1301", Key: public, Alg: alg, Hosts: []string{host}, Records: "sjz-records", Status: "sjz-status"}
	i := w.Log(ledger.DirectoryEntry{Key: row}, w.SignersFor(row.Prefix)...)
	return ledgertest.Issuer{Index: uint32(i), Private: ledgertest.Key("wrong"), Row: row}
}

// sm2Public is the public key of the example in GB/T 32918.5, A.2.
func sm2Public() []byte {
	b, err := hex.DecodeString("0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020" +
		"ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13")
	if err != nil {
		panic(err)
	}
	return b
}

func lamp(object string) code.Claims {
	return code.Claims{Nodes: "156.1301.01", Object: object, Kind: code.KindStreetAsset}
}

func permit() code.Claims {
	salt := sha256.Sum256([]byte("permit"))
	return code.Claims{Nodes: "156.1301.02", Object: "PERMIT.00017Q2F", Kind: code.KindPermit, Salt: salt[:16],
		Holder: holderKey.Public().(ed25519.PublicKey), Places: []string{"MA.156.1301.02"}}
}

func (w *world) encode(personal bool, c code.Claims) []byte {
	b, err := code.EncodeBody(personal, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) add(name string, personal bool, c code.Claims) {
	w.body[name] = w.encode(personal, c)
	w.index[name] = w.sjz.Records.Append(code.EntryOf(w.body[name]))
}

// code is the best code of a record that was added.
func (w *world) code(name, issuer string) code.Code {
	k := w.issuer[issuer]
	c := code.Code{Key: k.Index, Body: w.body[name], Index: w.index[name]}
	if c.Index < w.sjz.Records.Size()&^255 {
		c.Path = w.sjz.Records.Path(c.Index)
	}
	var signer crypto.Signer = k.Private
	alg := code.AlgEd25519
	if issuer == "p256" {
		signer, alg = w.p256, code.AlgES256
	}
	sig, err := code.Sign(signer, alg, k.Index, c.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	c.Sig = sig
	return c
}

func (w *world) text(c code.Code) string {
	s, err := code.Text(host, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) presented(c code.Code, at time.Time) string {
	p, err := code.Present(holderKey, c, at.Unix(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := code.PresentedText(host, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// gateway is the word that a gateway with the default policy says, standing where every code is valid.
func (w *world) gateway(text string) trust.Reason {
	return trust.Check(text, w.View(), trust.DefaultPolicy(), trust.Moment{Now: time.Now(), Synced: true, Place: w.place(w.t)}).Reason
}

// place is where a gateway of this world stands.
func (w *world) place(t testing.TB) cityid.ID {
	t.Helper()
	place, err := cityid.Parse("MA.156.1301.02/GATE.7")
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// mirror serves the nation's logs.
func (w *world) mirror(rw http.ResponseWriter, r *http.Request) {
	if w.stopped.Load() {
		http.Error(rw, "down", http.StatusServiceUnavailable)
		return
	}
	b, err := w.read(r.Context(), strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil {
		http.NotFound(rw, r)
		return
	}
	_, _ = rw.Write(b)
}

func (w *world) read(ctx context.Context, path string) ([]byte, error) {
	if path == "root.json" {
		return w.root, nil
	}
	if id, ok := strings.CutPrefix(path, "resolve/"); ok {
		return w.resolve(id)
	}
	log, rest, _ := strings.Cut(path, "/")
	res, err := ledger.ParseResource(rest)
	if err != nil {
		return nil, err
	}
	switch res.Kind {
	case ledger.ResourceCheckpoint:
		return w.source.Checkpoint(ctx, log)
	case ledger.ResourceTile:
		return w.source.Tile(ctx, log, res.Level, res.N, res.Width)
	case ledger.ResourceEntries:
		return w.source.Entries(ctx, log, res.N, res.Width)
	case ledger.ResourceRotation:
		return w.source.Rotation(ctx, int(res.N))
	}
	return nil, errors.New("no such resource")
}

// address is the URL that a phone opens for a text: browsers write the host small.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	u.Scheme, u.Host = "https", strings.ToLower(u.Host)
	return u.String()
}
