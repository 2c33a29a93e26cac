package main

import (
	"crypto/ed25519"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/trust/cache"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

const testHost = "ID.SJZ.EXAMPLE"

// officeHolder is whose codes the office's ticket and staff code are.
var officeHolder = ledgertest.Key("office holder")

// office is a nation with one registry, and the texts of some of its codes.
type office struct {
	*ledgertest.Nation
	text map[string]string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{Nation: ledgertest.NewNation(), text: map[string]string{"foreign": "https://shop.example/", "malformed": "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.1#" + strings.Repeat("1", 230)}}
	o.Time = time.Now().UTC().Truncate(time.Second)
	r := o.AddRegistry("MA.156.1301", "sjz")
	issuer := o.AddIssuer(r, testHost)
	bodies, index := map[string][]byte{}, map[string]uint64{}
	add := func(name string, c code.Claims) {
		body, err := code.EncodeBody(false, c)
		if err != nil {
			t.Fatal(err)
		}
		bodies[name], index[name] = body, r.Records.Append(code.EntryOf(body))
	}
	add("valid", code.Claims{Nodes: "156.1301.01", Object: "LAMP.000421", Kind: code.KindStreetAsset})
	add("revoked", code.Claims{Nodes: "156.1301.01", Object: "LAMP.000422", Kind: code.KindStreetAsset})
	add("expired", code.Claims{Nodes: "156.1301.01", Object: "LAMP.000423", Kind: code.KindStreetAsset, NotAfter: o.Time.Unix() - 60})
	add("elsewhere", code.Claims{Nodes: "156.1301.01", Object: "LAMP.000424", Kind: code.KindStreetAsset, Places: []string{"MA.156.1302"}})
	holder := officeHolder.Public().(ed25519.PublicKey)
	add("ticket", code.Claims{Nodes: "156.1301.02", Object: "TICKET.0007", Kind: code.KindTicket, Holder: holder})
	add("staff", code.Claims{Nodes: "156.1301.02", Object: "STAFF.0012", Kind: code.KindStaff, Holder: holder})
	r.Records.Pad()
	o.SetStatus(r, index["revoked"], ledger.Revoked)
	for name, body := range bodies {
		c := code.Code{Key: issuer.Index, Body: body, Index: index[name], Path: r.Records.Path(index[name])}
		if name == "ticket" || name == "staff" { // kinds of which every policy wants the signature
			var err error
			if c.Sig, err = code.Sign(issuer.Private, code.AlgEd25519, c.Key, c.Body); err != nil {
				t.Fatal(err)
			}
		}
		text, err := code.Text(testHost, c)
		if err != nil {
			t.Fatal(err)
		}
		o.text[name] = text
		if name == "valid" {
			o.text["mismatch"] = strings.Replace(text, "LAMP.000421", "LAMP.000429", 1)
			c.Index += 1 << 20
			if o.text["pending"], err = code.Text(testHost, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	return o
}

// ServeHTTP is an HTTP mirror of the office's logs.
func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	log, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	res, err := ledger.ParseResource(path)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	src := ledgertest.NewSource(o.Nation)
	var b []byte
	switch res.Kind {
	case ledger.ResourceCheckpoint:
		b, err = src.Checkpoint(r.Context(), log)
	case ledger.ResourceTile:
		b, err = src.Tile(r.Context(), log, res.Level, res.N, res.Width)
	case ledger.ResourceEntries:
		b, err = src.Entries(r.Context(), log, res.N, res.Width)
	default:
		err = os.ErrNotExist
	}
	if err != nil {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(b)
}

// database writes the trust database of a gateway that has everything.
func (o *office) database(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trust.db")
	c, err := cache.Open(path, cache.Options{Root: o.Root})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sync(t.Context(), ledgertest.NewSource(o.Nation)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
