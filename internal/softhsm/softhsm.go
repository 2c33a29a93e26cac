// Package softhsm makes PKCS #11 tokens for tests with SoftHSM 2 (Debian package softhsm2).
package softhsm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"citygate/internal/pkcs11key"
)

// PIN is the user PIN of every token here. It looks like no other text, so that a test can look for it where it must not be.
const PIN = "pin-4711-0815"

// modulePaths are where distributions put SoftHSM's library.
var modulePaths = []string{
	"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
	"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so",
}

// Token makes tokens with the given labels in folders of the test's own, and gives a URI for each, with a PIN file. The test is skipped where
// SoftHSM is missing. SoftHSM reads its configuration once for each process, so one test of a package calls this, once.
func Token(t *testing.T, labels ...string) []pkcs11key.URI {
	t.Helper()
	util, err := exec.LookPath("softhsm2-util")
	module := ""
	for _, p := range modulePaths {
		if _, err := os.Stat(p); err == nil {
			module = p
			break
		}
	}
	if err != nil || module == "" {
		t.Skip("SoftHSM is not installed (make deps-test, or the package softhsm2)")
	}
	dir := t.TempDir()
	tokens, conf, pin := filepath.Join(dir, "tokens"), filepath.Join(dir, "softhsm2.conf"), filepath.Join(dir, "pin")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{conf: "directories.tokendir = " + tokens + "\nlog.level = ERROR\n", pin: PIN + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// With cgo this reaches the library's getenv, and child processes. It stays, so that tests may run beside each other.
	if err := os.Setenv("SOFTHSM2_CONF", conf); err != nil {
		t.Fatal(err)
	}
	uris := make([]pkcs11key.URI, len(labels))
	for i, label := range labels {
		out, err := exec.Command(util, "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN).CombinedOutput()
		if err != nil {
			t.Fatalf("make token: %v: %s", err, out)
		}
		text := fmt.Sprintf("pkcs11:token=%s?module-path=%s&pin-source=file:%s", label, module, pin)
		if uris[i], err = pkcs11key.ParseURI(text); err != nil {
			t.Fatal(err)
		}
	}
	return uris
}
