//go:build cgo

package pkcs11key_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"citygate/internal/pkcs11key"
	"citygate/internal/softhsm"
	"golang.org/x/sys/unix"
)

func TestToken(t *testing.T) {
	tokens := softhsm.Token(t, "citygate", "locked")
	message := []byte("a message")
	digest := sha256.Sum256(message)
	t.Run("Ed25519", func(t *testing.T) {
		k := generate(t, tokens[0], pkcs11key.Ed25519)
		sig, err := k.Sign(rand.Reader, message, crypto.Hash(0))
		if err != nil || !ed25519.Verify(k.Public().(ed25519.PublicKey), message, sig) {
			t.Errorf("signature is wrong: %v", err)
		}
		if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err == nil {
			t.Error("a digest was signed as a message")
		}
	})
	t.Run("P256", func(t *testing.T) {
		k := generate(t, tokens[0], pkcs11key.P256)
		for range 20 { // short numbers come now and then
			sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
			if err != nil || !ecdsa.VerifyASN1(k.Public().(*ecdsa.PublicKey), digest[:], sig) {
				t.Fatalf("signature is wrong: %v", err)
			}
		}
		if _, err := k.Sign(rand.Reader, digest[:31], crypto.SHA256); err == nil {
			t.Error("a short digest was signed")
		}
	})
	t.Run("at once", func(t *testing.T) {
		k := generate(t, tokens[0], pkcs11key.Ed25519)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					sig, err := k.Sign(rand.Reader, message, crypto.Hash(0))
					if err != nil || !ed25519.Verify(k.Public().(ed25519.PublicKey), message, sig) {
						t.Errorf("signature is wrong: %v", err)
					}
				}
			})
		}
		wg.Wait()
	})
	t.Run("one label twice", func(t *testing.T) {
		a := made(t, tokens[0], "twice")
		b := made(t, tokens[0], "twice")
		ka, err1 := pkcs11key.Open(a)
		kb, err2 := pkcs11key.Open(b)
		if err := errors.Join(err1, err2); err != nil || ka.Public().(ed25519.PublicKey).Equal(kb.Public()) {
			t.Errorf("the pairs are not told apart: %v", err)
		}
		a.ID = nil
		if _, err := pkcs11key.Open(a); err == nil {
			t.Error("a label of two pairs was opened")
		}
	})
	t.Run("PIN typed", func(t *testing.T) { typed(t, tokens[0]) })
	t.Run("refusals", func(t *testing.T) { refusals(t, tokens) })
}

func generate(t *testing.T, u pkcs11key.URI, alg pkcs11key.Algorithm) crypto.Signer {
	t.Helper()
	u, err := pkcs11key.Generate(u, t.Name(), alg)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pkcs11key.ParseURI(u.String()) // as it comes back from a file
	if err != nil {
		t.Fatal(err)
	}
	k, err := pkcs11key.Open(again)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func made(t *testing.T, u pkcs11key.URI, label string) pkcs11key.URI {
	t.Helper()
	u, err := pkcs11key.Generate(u, label, pkcs11key.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func refusals(t *testing.T, tokens []pkcs11key.URI) {
	made(t, tokens[0], "there")
	write := func(text string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "pin")
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		change func(u *pkcs11key.URI)
		says   string
	}{
		"another token":   {func(u *pkcs11key.URI) { u.Token = "nobody" }, "no token"},
		"another serial":  {func(u *pkcs11key.URI) { u.Serial = "0" }, "no token"},
		"another key":     {func(u *pkcs11key.URI) { u.Object = "nothing" }, "no key"},
		"no key":          {func(u *pkcs11key.URI) { u.Object = "" }, "no object"},
		"another library": {func(u *pkcs11key.URI) { u.Module = "/nowhere/lib.so" }, "cannot be loaded"},
	} {
		u := tokens[0]
		u.Object = "there"
		c.change(&u)
		if _, err := pkcs11key.Open(u); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, pin := range map[string]string{
		"no PIN file": "/nowhere/pin", "open PIN file": write(softhsm.PIN, 0o644), "empty PIN": write("\n", 0o600), "wrong PIN": write("1234-wrong", 0o600),
	} {
		u := tokens[1]
		u.PINFile = pin
		for range 2 {
			_, err := pkcs11key.Generate(u, "x", pkcs11key.Ed25519)
			if !errors.Is(err, pkcs11key.ErrPIN) || strings.Contains(err.Error(), "1234") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// childURI tells a copy of the test process to make a key with a PIN that somebody types.
const childURI = "CITYGATE_PKCS11_CHILD"

func TestMain(m *testing.M) {
	if text := os.Getenv(childURI); text != "" {
		u, err := pkcs11key.ParseURI(text)
		if err == nil {
			_, err = pkcs11key.Generate(u, "typed", pkcs11key.Ed25519)
		}
		fmt.Println("made:", err)
		return
	}
	os.Exit(m.Run())
}

// typed gives a process a terminal of its own and types there.
func typed(t *testing.T, u pkcs11key.URI) {
	u.PINFile = ""
	for _, c := range []struct{ keys, says string }{
		{"wrong" + strings.Repeat("\x7f", 5) + softhsm.PIN + "\r", "made: <nil>"},
		{softhsm.PIN + "\x03", "none was typed"},
		{"\r", "1 to 256"},
	} {
		master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
		if err != nil {
			t.Skip("no pseudo-terminals here: ", err)
		}
		defer master.Close()
		n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
		if err := errors.Join(err, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)); err != nil {
			t.Fatal(err)
		}
		slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Skip("no pseudo-terminals here: ", err)
		}
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childURI+"="+u.String())
		child.Stdin, child.Stdout, child.Stderr = slave, slave, slave
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := errors.Join(child.Start(), slave.Close()); err != nil {
			t.Fatal(err)
		}
		var seen []byte
		asked := false
		for buf := make([]byte, 1024); ; {
			n, err := master.Read(buf)
			seen = append(seen, buf[:n]...)
			if !asked && bytes.Contains(seen, []byte(`PIN of token "citygate": `)) {
				asked = true
				if _, err := master.WriteString(c.keys); err != nil {
					t.Fatal(err)
				}
			}
			if err != nil { // EIO once the child is gone
				break
			}
		}
		child.Wait()
		if !bytes.Contains(seen, []byte(c.says)) || bytes.Contains(seen, []byte(softhsm.PIN)) {
			t.Errorf("%q: the terminal shows %q", c.keys, seen)
		}
	}
}
