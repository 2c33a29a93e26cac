package registry

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"citygate/internal/durable"
	"citygate/internal/keyfile"
	"golang.org/x/mod/sumdb/note"
)

// keyMode keeps secrets from every other user of the machine.
const keyMode = 0o600

// Names of key files that are not a log's.
const (
	allocationKey    = "allocation"
	firstIssuer      = "issuer"
	nextIssuer       = "issuer-next" // of a rotation that the directory has not entered yet
	directoryKeys    = 3             // institutes that hold a directory key
	defaultThreshold = 2             // of them that must sign a directory entry
)

func keyFile(dir, name string) string { return filepath.Join(dir, "keys", name+".skey") }

// IssuerKeyFile is where the registry in dir keeps its issuer key: an Ed25519 seed as 64 hex digits and a newline, mode 0600. It is
// keys/issuer.seed until the first rotation.
func IssuerKeyFile(dir string) string {
	c, err := ReadConfig(dir)
	if err != nil {
		c = Config{} // a registry that is being made
	}
	return c.issuerKeyFile(dir)
}

func (c Config) issuerKeyFile(dir string) string {
	if c.Issuer == "" {
		return seedFile(dir, firstIssuer)
	}
	return seedFile(dir, c.Issuer)
}

func seedFile(dir, name string) string { return filepath.Join(dir, "keys", name+".seed") }

// LoadIssuerKey reads an issuer key file. Errors never contain the key.
func LoadIssuerKey(path string) (ed25519.PrivateKey, error) {
	key, err := keyfile.ReadSeed(path)
	if err != nil {
		return nil, fmt.Errorf("read issuer key: %w", err)
	}
	return key, nil
}

// readSecret refuses a key that others may read.
func readSecret(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key %s is open to other users (mode %04o): set it to 0600", path, st.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	return b, nil
}

// makeIssuerKey makes an issuer key unless there is one of the name.
func makeIssuerKey(dir, name string) error {
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make issuer key: %w", err)
	}
	return keep(seedFile(dir, name), hex.EncodeToString(priv.Seed())+"\n")
}

// makeNoteKey makes an Ed25519 key in note form unless there is one.
func makeNoteKey(dir, file, name string) error {
	skey, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return fmt.Errorf("make key %s: %w", name, err)
	}
	return keep(keyFile(dir, file), skey+"\n")
}

// keep writes a key that is not there yet, so that creating again after a crash goes on with the keys that exist.
func keep(path, secret string) error {
	if err := durable.WriteNew(path, []byte(secret), keyMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// loadSigner reads a key in note form.
func loadSigner(dir, file string) (note.Signer, error) { return loadSignerFile(keyFile(dir, file)) }

func loadSignerFile(path string) (note.Signer, error) {
	b, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	s, err := note.NewSigner(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("key %s is not a signing key in note form", path)
	}
	return s, nil
}

// verifierKey reads a key in note form and gives its public half.
func verifierKey(dir, file string) (string, error) {
	b, err := readSecret(keyFile(dir, file))
	if err != nil {
		return "", err
	}
	bad := fmt.Errorf("key %s is not a signing key in note form", keyFile(dir, file))
	if _, err := note.NewSigner(strings.TrimSpace(string(b))); err != nil {
		return "", bad
	}
	f := strings.SplitN(strings.TrimSpace(string(b)), "+", 5) // PRIVATE, KEY, name, hash, base64 of type and seed
	seed, err := decodeKey(f[4])
	if err != nil {
		return "", bad
	}
	return note.NewEd25519VerifierKey(f[2], ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}
