package enrolment_test

import (
	"bytes"
	"testing"

	"citygate/fleet/enrolment"
)

// What a request says cannot be changed anywhere: both of its keys have signed.
func TestRequestManglings(t *testing.T) {
	pin := enrolment.Pin{7}
	good := encoded(t, newDevice(t).request(t, pin))
	if _, err := enrolment.ParseRequest(pin, good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= bit
			if _, err := enrolment.ParseRequest(pin, bad); err == nil {
				t.Errorf("octet %d changed by %#x is accepted", i, bit)
			}
		}
		if _, err := enrolment.ParseRequest(pin, good[:i]); err == nil {
			t.Errorf("the first %d octets are accepted", i)
		}
	}
	if _, err := enrolment.ParseRequest(pin, append(good, 0)); err == nil {
		t.Error("a request with one octet more is accepted")
	}
}

// FuzzParse: what any of the three parsers accepts encodes to the same octets, and nothing panics.
func FuzzParse(f *testing.F) {
	pin := enrolment.Pin{7}
	a := authority(f)
	r := newDevice(f).request(f, pin)
	g, err := grant(f, a, r, "k-1").Encode()
	if err != nil {
		f.Fatal(err)
	}
	answer, err := enrolment.Answer{State: enrolment.Granted, Grant: g}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded(f, r))
	f.Add(g)
	f.Add(answer)
	f.Fuzz(func(t *testing.T, b []byte) {
		same := func(what string, again []byte, err error) {
			if err != nil || !bytes.Equal(again, b) {
				t.Errorf("%s %x is encoded as %x, %v", what, b, again, err)
			}
		}
		if r, err := enrolment.ParseRequest(pin, b); err == nil {
			again, err := r.Encode()
			same("request", again, err)
		}
		if g, err := enrolment.ParseGrant(b); err == nil {
			again, err := g.Encode()
			same("grant", again, err)
		}
		if a, err := enrolment.ParseAnswer(b); err == nil {
			again, err := a.Encode()
			same("answer", again, err)
		}
	})
}
