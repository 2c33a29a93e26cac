package trust_test

import (
	"crypto/rand"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"citygate/trust"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// TestSM2Issuer lets an issuer sign with SM2: only its key row says so.
func TestSM2Issuer(t *testing.T) {
	w := newWorld(t)
	priv, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub := append([]byte{4}, make([]byte, 64)...)
	priv.X.FillBytes(pub[1:33])
	priv.Y.FillBytes(pub[33:])
	row := &ledger.KeyRow{Prefix: "MA.156.1301", Key: pub, Alg: code.AlgSM2, Hosts: []string{host}, Records: "sjz-records", Status: "sjz-status"}
	index := w.Log(ledger.DirectoryEntry{Key: row}, w.SignersFor(row.Prefix)...)
	w.issuer["sm2"] = ledgertest.Issuer{Index: uint32(index), Row: row}

	s := w.scene("building")
	c := code.Code{Key: uint32(index), Body: w.record["building"].body, Index: w.record["building"].index}
	c.Path = w.sjz.Records.Path(c.Index)
	if c.Sig, err = code.Sign(priv, code.AlgSM2, c.Key, c.Body); err != nil {
		t.Fatal(err)
	}
	check := func(c code.Code) trust.Verdict {
		text, err := code.Text(host, c)
		if err != nil {
			t.Fatal(err)
		}
		return trust.Check(text, w.View(), s.policy, s.moment)
	}
	if v := check(c); v.Reason != trust.Valid || !v.SignatureGood {
		t.Errorf("signed with SM2: %s, signature good %v", v.Reason, v.SignatureGood)
	}
	c.Sig[20] ^= 1
	if v := check(c); v.Reason != trust.BadSignature {
		t.Errorf("forged: %s", v.Reason)
	}
}
