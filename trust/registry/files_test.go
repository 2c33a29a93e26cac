package registry_test

import (
	"bytes"
	"testing"

	"citygate/trust/registry"
	"citygate/trust/registry/mirrored"
)

// FuzzOfficeFiles reads anything as a file between offices. What is taken is written again and read as the same, and nothing panics that looks at it.
func FuzzOfficeFiles(f *testing.F) {
	f.Add([]byte(`{"version":1,"origin":"directory.example","index":3,"payload":"ggOiAQECGQEA"}`))
	f.Add([]byte(`{"version":1,"enrolment":{"version":1,"issuer_key":"AA==","proofs":["AA=="]},"rows":[{"version":1}]}`))
	f.Add([]byte(`{"version":1,"prefix":"MA.156.1301","names":{"en":"x"},"allocation_keys":["a+b+c"],"issuer_key":"AA==","proofs":["AA==","AA=="]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := registry.ParseProposal(b); err == nil {
			again, err := registry.ParseProposal(p.Marshal())
			if err != nil || !bytes.Equal(again.Marshal(), p.Marshal()) {
				t.Errorf("proposal %s became %s", p.Marshal(), again.Marshal())
			}
		}
		if s, err := registry.ParseSignedAllocation(b); err == nil {
			again, err := registry.ParseSignedAllocation(s.Marshal())
			if err != nil || !bytes.Equal(again.Marshal(), s.Marshal()) {
				t.Errorf("signed allocation %s became %s", s.Marshal(), again.Marshal())
			}
		}
		if e, err := registry.ParseEnrolment(b); err == nil {
			if e.Verify() == nil {
				t.Errorf("keys proved by a guess: %s", b)
			}
		}
		if _, err := mirrored.CheckReceipt(b, []byte{0}, nil); err == nil {
			t.Errorf("a receipt without a key: %x", b)
		}
	})
}
