package enrolment_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"citygate/fleet/enrolment"
)

var update = flag.Bool("update", false, "write testdata/vectors.txt anew")

const vectorsFile = "testdata/vectors.txt"

// TestVectors holds the formats to testdata/vectors.txt: lines "name hex" and "name text". ECDSA signatures are random, so
// the messages are read, not written: each must parse, encode to the same octets, and have the identity and the claim
// code beside it.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		text[name] = value
	}
	raw := func(name string) []byte {
		t.Helper()
		v, err := hex.DecodeString(text[name])
		if err != nil || len(v) == 0 {
			t.Fatalf("vector %s: %v", name, err)
		}
		return v
	}
	pin, err := enrolment.ParsePin(text["pin"])
	if err != nil {
		t.Fatal(err)
	}
	r, err := enrolment.ParseRequest(pin, raw("request"))
	if err != nil {
		t.Fatal(err)
	}
	id := r.Identity(pin)
	if !bytes.Equal(id[:], raw("identity")) || id.Code() != text["code"] {
		t.Errorf("identity %x and code %s, want %s and %s", id, id.Code(), text["identity"], text["code"])
	}
	if got := encoded(t, r); !bytes.Equal(got, raw("request")) {
		t.Errorf("request is %x again", got)
	}
	g, err := enrolment.ParseGrant(raw("grant"))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.For(r); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"waiting", "refused", "granted"} {
		a, err := enrolment.ParseAnswer(raw(name))
		if err != nil || a.State != name || name == "granted" && !bytes.Equal(a.Grant, raw("grant")) {
			t.Errorf("answer %s: %+v, %v", name, a, err)
			continue
		}
		if again, err := a.Encode(); err != nil || !bytes.Equal(again, raw(name)) {
			t.Errorf("answer %s is %x again, %v", name, again, err)
		}
	}
}

func writeVectors(t *testing.T) {
	t.Helper()
	a := authority(t)
	pin := enrolment.PinOf(a.Cert())
	r := newDevice(t).request(t, pin)
	g, err := grant(t, a, r, "k-1").Encode()
	if err != nil {
		t.Fatal(err)
	}
	id := r.Identity(pin)
	var b bytes.Buffer
	fmt.Fprintf(&b, "pin %s\nrequest %x\nidentity %x\ncode %s\ngrant %x\n", pin, encoded(t, r), id, id.Code(), g)
	for _, answer := range []enrolment.Answer{{State: enrolment.Waiting}, {State: enrolment.Refused, Reason: "not ordered"}, {State: enrolment.Granted, Grant: g}} {
		enc, err := answer.Encode()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %x\n", answer.State, enc)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorsFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
