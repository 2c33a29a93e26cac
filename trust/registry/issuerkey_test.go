package registry_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/internal/softhsm"
	"citygate/trust"
	"citygate/trust/code"
	"citygate/trust/registry"
	"citygate/trust/registry/witness"
)

// Keys on a token do all that keys in files do, and nothing that opens the token gets into a registry's folder.
func TestKeysOnAToken(t *testing.T) {
	t.Parallel()
	tokens := softhsm.Token(t, "citygate", "old")
	t.Run("all of them", func(t *testing.T) {
		w := newWorld(t)
		cn, sjz := w.national(), w.city()
		cn.Token, sjz.Token = tokens[0].String(), tokens[0].String()
		w.lifeWith(cn, sjz, code.AlgEd25519)
		w.onlyURIs("cn", 8, 0)  // three logs, allocation, three institutes, issuer
		w.onlyURIs("sjz", 5, 0) // two logs, allocation, two issuers
	})
	t.Run("issuer only, ES256", func(t *testing.T) {
		w := newWorld(t)
		sjz := w.city()
		sjz.Token, sjz.NotesInFiles, sjz.IssuerAlg = tokens[1].String(), true, "es256"
		w.lifeWith(w.national(), sjz, code.AlgES256)
		w.onlyURIs("sjz", 2, 3)
	})
	t.Run("refusals", func(t *testing.T) {
		w := newWorld(t)
		for what, change := range map[string]func(c *registry.Config){
			"a PIN in the URI":     func(c *registry.Config) { c.Token += "&pin-value=" + softhsm.PIN },
			"a key in the URI":     func(c *registry.Config) { c.Token = strings.Replace(c.Token, "?", ";object=x?", 1) },
			"SM2 on a token":       func(c *registry.Config) { c.IssuerAlg = "sm2" },
			"an unknown algorithm": func(c *registry.Config) { c.IssuerAlg = "rsa" },
			"no such token":        func(c *registry.Config) { c.Token = strings.Replace(c.Token, "citygate", "nobody", 1) },
		} {
			c := w.city()
			c.Token = tokens[0].String()
			change(&c)
			if err := registry.Create(w.path("x"), c); err == nil || strings.Contains(err.Error(), softhsm.PIN) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// Issuers whose law or hardware asks for another algorithm than Ed25519, with keys in files.
func TestIssuerAlgorithms(t *testing.T) {
	for alg, number := range map[string]int{"es256": code.AlgES256, "sm2": code.AlgSM2} {
		t.Run(alg, func(t *testing.T) {
			w := newWorld(t)
			c := w.city()
			c.IssuerAlg = alg
			w.lifeWith(w.national(), c, number)
		})
	}
}

// lifeWith takes a city through enrolment, issue, seal, rotation and issue again, and looks at its codes as a gateway.
func (w *world) lifeWith(cn, sjz registry.Config, alg int) {
	t := w.t
	t.Helper()
	w.foundWith(cn, sjz)
	national, _ := w.open("cn", options())
	city, _ := w.open("sjz", options())
	issue(t, city, lamp(0), registry.Request{Identifier: "MA.156.1301.02/PASS.1", Personal: true, Kind: code.KindCredential})
	w.rotate(national, city)
	issue(t, city, lamp(2))
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*registry.Registry{national, city} {
		if _, err := r.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	view := w.gateway("cn", "sjz").View()
	for request, key := range map[string]uint32{lamp(0).Identifier: 3, lamp(1).Identifier: 3, "MA.156.1301.02/PASS.1": 4, lamp(2).Identifier: 4} {
		i, err := city.Answer(t.Context(), request)
		if err != nil || i.Code.Key != key {
			t.Fatalf("%s: key row %d, want %d: %v", request, i.Code.Key, key, err)
		}
		row, _ := view.Key(key)
		v := trust.Check(i.Text, view, trust.DefaultPolicy(), trust.Moment{Now: time.Now(), Synced: true})
		if v.Reason != trust.Valid || !v.SignatureGood || row.Alg != alg {
			t.Errorf("%s: %s, signature good %v, algorithm %d", request, v.Reason, v.SignatureGood, row.Alg)
		}
	}
}

// onlyURIs counts the keys of a registry that are on a token and those that are not, and looks for the PIN in the whole folder.
func (w *world) onlyURIs(name string, onToken, inFiles int) {
	t := w.t
	t.Helper()
	err := filepath.WalkDir(w.path(name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(softhsm.PIN)) {
			t.Errorf("%s has the PIN", path)
		}
		if filepath.Base(filepath.Dir(path)) == "keys" {
			if bytes.HasPrefix(b, []byte("pkcs11:token=")) && bytes.Count(b, []byte("\n")) == 1 {
				onToken--
			} else {
				inFiles--
			}
		}
		return err
	})
	if err != nil || onToken != 0 || inFiles != 0 {
		t.Errorf("%s: %d keys on the token and %d in files are missing: %v", name, onToken, inFiles, err)
	}
}

// Every key file that is no key is refused, without its content.
func TestBadIssuerKeys(t *testing.T) {
	for _, text := range []string{
		"", "SECRET", "es256", "es256 SECRET", "es256 " + strings.Repeat("0", 64), "es256 " + strings.Repeat("f", 64), "sm2 " + strings.Repeat("f", 64),
		"sm2 " + strings.Repeat("0", 64), "rsa " + strings.Repeat("1", 64), "pkcs11:token=SECRET", "pkcs11:token=a?module-path=/nowhere&pin-value=SECRET",
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := registry.LoadIssuerKey(path); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := witness.VerifierKey(text); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q as a witness's: %v", text, err)
		}
	}
}
