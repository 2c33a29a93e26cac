package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"citygate/internal/softhsm"
	"citygate/trust/code"
)

// An office, a witness and a holder whose keys are on a PKCS #11 token.
func TestKeysOnAToken(t *testing.T) {
	t.Parallel()
	tokens := softhsm.Token(t, "citygate", "other")
	keys := &desk{t: t, dir: t.TempDir()}
	uri := tokens[0].String()
	vkey := strings.TrimSpace(keys.do("keygen", "--token", uri, "--name", "witness.example/w1", "--key", keys.path("w1.key")))
	witnessKey, err := os.ReadFile(keys.path("w1.key"))
	if err != nil || !strings.HasPrefix(string(witnessKey), "pkcs11:token=citygate;object=witness.example/w1;id=") {
		t.Fatalf("the witness's key file holds %q: %v", witnessKey, err)
	}
	d := newDeskWith(t, []string{string(witnessKey)})
	if d.witnesses[0].VerifierKey() != vkey {
		t.Errorf("keygen printed %q, the witness is %q", vkey, d.witnesses[0].VerifierKey())
	}
	d.found("--token", uri)
	holder := strings.TrimSpace(d.do("keygen", "--token", uri, "--holder", "--key", d.path("holder.key")))
	issued := decode(t, d.do("issue", "--json", "--dir", d.path("sjz"), "--id", "MA.156.1301.02/PASS.1", "--kind", "permit", "--holder", holder))
	shown := strings.TrimSpace(d.do("present", "--code", issued.Text, "--key", d.path("holder.key")))
	p, err := code.ParseText(shown)
	if err != nil || p.Presented == nil {
		t.Fatalf("presented %q: %v", shown, err)
	}
	claims, err := p.Code.Claims()
	if err != nil || !p.Presented.Verify(claims.Holder) {
		t.Errorf("the presented code's signature is wrong: %v", err)
	}
	if _, _, err := d.try("", "keygen", "--token", uri, "--holder", "--key", d.path("holder.key")); err == nil {
		t.Error("a key file was overwritten")
	}
	wrong := tokens[1]
	wrong.PINFile = d.path("pin")
	if err := os.WriteFile(wrong.PINFile, []byte("not-the-pin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = d.try("", append([]string{"init", "--dir", d.path("x"), "--prefix", "MA.156.1302", "--short", "x", "--host", "X.EXAMPLE", "--name", "en=X",
		"--token", wrong.String()}, d.flags...)...)
	var said bytes.Buffer
	if report(&said, err) != 1 || !strings.Contains(said.String(), "hint: name a file of mode 0600") || strings.Contains(said.String(), "not-the-pin") {
		t.Errorf("with a wrong PIN: %s", said.String())
	}
}
