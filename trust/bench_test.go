package trust_test

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"citygate/trust"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// benchTexts mints distinct sealed codes, and the view in which all are valid.
func benchTexts(b *testing.B, signed bool) ([]string, *ledger.View) {
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
	for _, signed := range []bool{false, true} {
		b.Run(map[bool]string{false: "sealed", true: "sealed-signed"}[signed], func(b *testing.B) {
			texts, v := benchTexts(b, signed)
			p := trust.DefaultPolicy()
			m := trust.Moment{Now: v.Log(ledger.DirectoryLog).Time, Synced: true}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if got := trust.Check(texts[i%len(texts)], v, p, m); got.Reason != trust.Valid {
					b.Fatal(got.Reason)
				}
				i++
			}
		})
	}
}

// BenchmarkEd25519 is the peer: one verification of a message of a code's size.
func BenchmarkEd25519(b *testing.B) {
	key := ledgertest.Key("peer")
	pub := key.Public().(ed25519.PublicKey)
	message := code.SigStructure(make([]byte, 60), 1, code.AlgEd25519)
	sig := ed25519.Sign(key, message)
	b.ReportAllocs()
	for b.Loop() {
		if !ed25519.Verify(pub, message, sig) {
			b.Fatal("refused")
		}
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
