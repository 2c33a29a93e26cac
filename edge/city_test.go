package edge_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

var holderKey = ledgertest.Key("holder")

// city is a nation with one registry and a few sealed records, and the texts of their codes.
type city struct {
	*ledgertest.Nation
	view              *ledger.View
	lamp, other       string
	revoked, forged   string
	person, badPerson string
	staff, foreman    code.Code
	pass              code.Code // the person's, not presented
	personIndex       uint64
	personID          string
}

func newCity(t *testing.T) *city {
	t.Helper()
	n := ledgertest.NewNation()
	n.AddRegistry("MA.156", "cn")
	r := n.AddRegistry("MA.156.1301", "sjz")
	issuer := n.AddIssuer(r, host)
	c := &city{Nation: n, personID: "MA.156.1301.02/PASS.20261234567Q2F"}
	bodies := map[string][]byte{}
	index := map[string]uint64{}
	add := func(name string, personal bool, claims code.Claims) {
		body, err := code.EncodeBody(personal, claims)
		if err != nil {
			t.Fatal(err)
		}
		bodies[name], index[name] = body, r.Records.Append(code.EntryOf(body))
	}
	lamp := func(object string) code.Claims {
		return code.Claims{Nodes: "156.1301.01", Object: object, Kind: code.KindStreetAsset}
	}
	salt := sha256.Sum256([]byte("salt"))
	add("lamp", false, lamp("LAMP.000421"))
	add("other", false, lamp("LAMP.000422"))
	add("revoked", false, lamp("LAMP.000423"))
	add("person", true, code.Claims{Nodes: "156.1301.02", Object: "PASS.20261234567Q2F", Kind: code.KindPermit,
		Salt: salt[:16], Holder: holderKey.Public().(ed25519.PublicKey)})
	for name, nodes := range map[string]string{"staff": "156.1301.02", "foreman": "156.1301.01"} { // of the kiosk's own office, and of another
		add(name, true, code.Claims{Nodes: nodes, Object: "STAFF.0012", Kind: code.KindStaff, Salt: salt[:16], Holder: holderKey.Public().(ed25519.PublicKey)})
	}
	r.Records.Pad()
	n.SetStatus(r, index["revoked"], ledger.Revoked)
	sign := func(name, at string, spoil bool) code.Code {
		k := code.Code{Key: issuer.Index, Body: bodies[name], Index: index[at], Path: r.Records.Path(index[at])}
		var err error
		if k.Sig, err = code.Sign(issuer.Private, code.AlgEd25519, k.Key, k.Body); err != nil {
			t.Fatal(err)
		}
		if spoil {
			k.Sig[3] ^= 1
		}
		return k
	}
	text := func(k code.Code) string {
		s, err := code.Text(host, k)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	c.lamp, c.other, c.revoked = text(sign("lamp", "lamp", false)), text(sign("other", "other", false)), text(sign("revoked", "revoked", false))
	bad := sign("lamp", "lamp", true)
	c.forged = text(bad)
	c.pass = sign("person", "person", false)
	c.person = c.present(t, c.pass, 0)
	c.badPerson = c.present(t, sign("person", "person", true), 0)
	c.staff, c.foreman = sign("staff", "staff", false), sign("foreman", "foreman", false)
	c.personIndex = index["person"]
	c.view = n.View()
	return c
}

// present shows a holder's code after so many seconds of the test.
func (c *city) present(t *testing.T, k code.Code, after int64) string {
	t.Helper()
	return c.presentWith(t, k, after, "")
}

// presentWith is present with a nonce.
func (c *city) presentWith(t *testing.T, k code.Code, after int64, nonce string) string {
	t.Helper()
	p, err := code.Present(holderKey, k, c.start().Unix()+after, []byte(nonce))
	if err != nil {
		t.Fatal(err)
	}
	s, err := code.PresentedText(host, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start is the time at which tests begin.
func (c *city) start() time.Time { return c.Time.Add(time.Minute) }

func (c *city) View() *ledger.View { return c.view }
