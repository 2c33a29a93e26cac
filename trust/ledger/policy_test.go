package ledger_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

func TestPolicyValidate(t *testing.T) {
	good, _ := testPolicy(2)
	vkey := func(name string, key []byte) string {
		v, err := note.NewEd25519VerifierKey(name, key)
		if err != nil {
			// x/mod takes no key of another length, so its form is written here.
			return fmt.Sprintf("%s+00000000+%s", name, base64.StdEncoding.EncodeToString(append([]byte{1}, key...)))
		}
		return v
	}
	identity := append([]byte{1}, make([]byte, 31)...)
	w := good.Witnesses
	for name, change := range map[string]func(*ledger.LogPolicy){
		"no origin":              func(p *ledger.LogPolicy) { p.Origin = "" },
		"origin with a space":    func(p *ledger.LogPolicy) { p.Origin = "a b" },
		"no log key":             func(p *ledger.LogPolicy) { p.LogKeys = nil },
		"log key of another":     func(p *ledger.LogPolicy) { p.LogKeys = []string{ledgertest.VKey("other")} },
		"small order log key":    func(p *ledger.LogPolicy) { p.LogKeys = []string{vkey(p.Origin, identity)} },
		"short log key":          func(p *ledger.LogPolicy) { p.LogKeys = []string{vkey(p.Origin, identity[:31])} },
		"quorum 0":               func(p *ledger.LogPolicy) { p.Quorum = 0 },
		"quorum beyond":          func(p *ledger.LogPolicy) { p.Quorum = 4 },
		"a witness twice":        func(p *ledger.LogPolicy) { p.Witnesses = []string{w[0], w[0]} },
		"a witness's key twice":  func(p *ledger.LogPolicy) { p.Witnesses = []string{w[0], vkey("x", pub(w[0]))} },
		"the log as witness":     func(p *ledger.LogPolicy) { p.Witnesses = append(slices.Clone(w), p.LogKeys[0]) },
		"small order witness":    func(p *ledger.LogPolicy) { p.Witnesses = []string{w[0], vkey("x", identity)} },
		"witness with wrong id":  func(p *ledger.LogPolicy) { p.Witnesses = []string{w[0], strings.Replace(w[1], "+", "+0", 1)} },
		"one witness, two types": func(p *ledger.LogPolicy) { v, _ := f_note.VKeyToCosignatureV1(w[0]); p.Witnesses = []string{w[0], v} },
	} {
		p := good
		change(&p)
		if err := p.Validate(); err == nil {
			t.Errorf("%s: valid", name)
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

// pub returns the key bytes of a vkey.
func pub(vkey string) []byte {
	parts := strings.SplitN(vkey, "+", 3)
	b, _ := base64.StdEncoding.DecodeString(parts[2])
	return b[1:]
}

func TestLogPolicyText(t *testing.T) {
	p, _ := testPolicy(2)
	got, err := ledger.ParseLogPolicy(p.Text())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Witnesses, p.Witnesses) || got.Quorum != 2 || got.Origin != p.Origin {
		t.Errorf("read back as %+v", got)
	}
	single := "log " + p.LogKeys[0] + " https://log.example\nwitness a " + p.Witnesses[0] + " https://w.example # ours\nquorum a\n"
	if got, err := ledger.ParseLogPolicy(single); err != nil || got.Quorum != 1 {
		t.Errorf("single witness: %+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "quorum none\nlog " + p.LogKeys[0], "nonsense", single + "quorum a\n", single + "witness a " + p.Witnesses[1],
		"log " + p.LogKeys[0] + "\ngroup g all a\nquorum g", strings.Replace(p.Text(), "group witnesses 2", "group witnesses 4", 1),
	} {
		if _, err := ledger.ParseLogPolicy(bad); err == nil {
			t.Errorf("accepted: %q", bad)
		}
	}
}

func FuzzParseLogPolicy(f *testing.F) {
	p, _ := testPolicy(2)
	f.Add(p.Text())
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ledger.ParseLogPolicy(text)
		if err != nil {
			return
		}
		if q, err := ledger.ParseLogPolicy(p.Text()); err != nil || q.Text() != p.Text() {
			t.Errorf("does not read its own text back: %v", err)
		}
	})
}

func FuzzParseRootPolicy(f *testing.F) {
	f.Add(ledgertest.NewNation().Root.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ledger.ParseRootPolicy(b)
		if err != nil {
			return
		}
		if q, err := ledger.ParseRootPolicy(p.Marshal()); err != nil || !q.Equal(p) {
			t.Errorf("does not read its own form back: %v", err)
		}
	})
}
