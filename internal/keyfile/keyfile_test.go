package keyfile_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/internal/keyfile"
)

func TestPair(t *testing.T) {
	seed := filepath.Join(t.TempDir(), "key")
	text, err := keyfile.Make("citygate.example/fleet", seed)
	if err != nil {
		t.Fatal(err)
	}
	priv, err := keyfile.ReadSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := keyfile.ParseVerifier(text)
	if err != nil {
		t.Fatal(err)
	}
	if !pub.Equal(priv.Public()) {
		t.Error("the two halves do not belong together")
	}
	file := filepath.Join(t.TempDir(), "vkey")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if again, err := keyfile.ReadVerifier(file); err != nil || !again.Equal(pub) {
		t.Errorf("from the file: %v", err)
	}
	if _, err := keyfile.Make("citygate.example/fleet", seed); err == nil {
		t.Error("a key that exists was overwritten")
	}
}

func TestSeveralVerifiers(t *testing.T) {
	dir := t.TempDir()
	var texts []string
	for _, name := range []string{"citygate.example/fleet", "citygate.example/ops"} {
		text, err := keyfile.Make(name, filepath.Join(dir, filepath.Base(name)))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	for _, c := range []struct {
		name, text string
		want       int // keys, 0 for an error
	}{
		{"one", texts[0], 1},
		{"two", "# pinned\n\n" + texts[0] + "\n" + texts[1] + "\n", 2},
		{"none", "# nothing\n", 0},
		{"one of them broken", texts[0] + "\n" + texts[1][:20] + "\n", 0},
	} {
		file := filepath.Join(dir, "pins")
		if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		keys, err := keyfile.ReadVerifiers(file)
		if len(keys) != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%s: %d keys, %v", c.name, len(keys), err)
		}
		for i, k := range keys {
			if one, err := keyfile.ParseVerifier(texts[i]); err != nil || !one.Equal(k) {
				t.Errorf("%s: key %d is another: %v", c.name, i, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	secret := strings.Repeat("5a", ed25519.SeedSize)
	for _, c := range []struct{ name, path string }{
		{"missing", filepath.Join(dir, "nothing")},
		{"open to others", write("open", secret, 0o644)},
		{"short", write("short", secret[:62], 0o600)},
		{"no hex", write("nohex", "zz"+secret[2:], 0o600)},
		{"large", write("large", strings.Repeat(secret, 100), 0o600)},
		{"empty", write("empty", "", 0o600)},
	} {
		_, err := keyfile.ReadSeed(c.path)
		if err == nil {
			t.Errorf("%s: accepted", c.name)
		} else if strings.Contains(err.Error(), secret[:16]) {
			t.Errorf("%s: the error tells the secret", c.name)
		}
		if _, err := keyfile.ReadVerifier(c.path); err == nil {
			t.Errorf("%s: accepted as a verifier key", c.name)
		}
	}
}

func FuzzParseVerifier(f *testing.F) {
	f.Add("citygate.example/fleet+00000000+AQ==")
	f.Fuzz(func(t *testing.T, s string) {
		if key, err := keyfile.ParseVerifier(s); err == nil && len(key) != ed25519.PublicKeySize {
			t.Errorf("a key of %d bytes", len(key))
		}
	})
}
