package trust_test

import (
	"fmt"
	"testing"

	"citygate/trust"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// benchTexts mints distinct sealed codes, and the view in which all are valid.
func benchTexts(b testing.TB, signed bool) ([]string, *ledger.View) {
	b.Helper()
	n := ledgertest.NewNation()
	city := n.AddRegistry("MA.156.1301", "sjz")
	key := n.AddIssuer(city, host)
	codes := make([]code.Code, 1024)
	for i := range codes {
		claims := lamp(fmt.Sprintf("LAMP.%06d", i))
		claims.NotAfter, claims.Issued, claims.Salt = n.Time.Unix()+1e6, n.Time.Unix(), []byte("saltsalt")
		body, err := code.EncodeBody(false, claims)
		if err != nil {
			b.Fatal(err)
		}
		codes[i] = code.Code{Key: key.Index, Body: body, Index: city.Records.Append(code.EntryOf(body))}
	}
	texts := make([]string, len(codes))
	for i, c := range codes {
		c.Path = city.Records.Path(c.Index)
		var err error
		if signed {
			if c.Sig, err = code.Sign(key.Private, code.AlgEd25519, c.Key, c.Body); err != nil {
				b.Fatal(err)
			}
		}
		if texts[i], err = code.Text(host, c); err != nil {
			b.Fatal(err)
		}
	}
	n.SetStatus(city, 100000, ledger.Revoked)
	return texts, n.View()
}

// BenchmarkCheck is the whole verdict on distinct codes, from text.
func BenchmarkCheck(b *testing.B) {
	for name, signed := range map[string]bool{"sealed": false, "sealed-signed": true} {
		b.Run(name, func(b *testing.B) { bench(b, verdicts(b, signed)) })
	}
}

// BenchmarkEd25519 and BenchmarkHealth are the peers.
func BenchmarkEd25519(b *testing.B) { bench(b, ed25519Peer(b)) }
func BenchmarkHealth(b *testing.B)  { bench(b, healthPeer(b)) }

// BenchmarkStatus is one look at a city's statuses.
func BenchmarkStatus(b *testing.B) { bench(b, statuses(b)) }

func bench(b *testing.B, f func()) {
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
}

// BenchmarkForeign is what most 2D codes of a street cost.
func BenchmarkForeign(b *testing.B) {
	n := ledgertest.NewNation()
	v, p := n.View(), trust.DefaultPolicy()
	b.ReportAllocs()
	for b.Loop() {
		trust.Check("https://example.com/some/longer/path?with=a&query=1", v, p, trust.Moment{})
	}
}
