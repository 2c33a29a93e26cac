package registry

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"citygate/internal/durable"
	"citygate/internal/pkcs11key"
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

// readSecret reads a key file without the line's end, and refuses one that others may read.
func readSecret(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read key: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("key %s is open to other users (mode %04o): set it to 0600", path, st.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read key: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// makeNoteKey makes an Ed25519 key that signs notes unless there is one: on the token if the registry has one that knows Ed25519, else in a
// file in note form.
func (c Config) makeNoteKey(dir, file, name string) error {
	path := keyFile(dir, file)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if c.Token != "" && !c.NotesInFiles {
		uri, err := c.newTokenKey(name, algEd25519)
		if err != nil {
			return fmt.Errorf("make key %s: %w", name, err)
		}
		return keep(path, uri+"\n")
	}
	skey, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return fmt.Errorf("make key %s: %w", name, err)
	}
	return keep(path, skey+"\n")
}

// keep writes a key that is not there yet, so that creating again after a crash goes on with the keys that exist.
func keep(path, secret string) error {
	if err := durable.WriteNew(path, []byte(secret), keyMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// tokenSigner signs notes with a key on a token. The key's label is the signer's name.
type tokenSigner struct {
	note.Verifier // of the public half
	vkey          string
	key           crypto.Signer
}

func openTokenSigner(uri string) (tokenSigner, error) {
	u, err := pkcs11key.ParseURI(uri)
	if err != nil {
		return tokenSigner{}, err
	}
	key, err := pkcs11key.Open(u)
	if err != nil {
		return tokenSigner{}, err
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return tokenSigner{}, fmt.Errorf("key %q is not Ed25519, so it signs no notes", u.Object)
	}
	s := tokenSigner{key: key}
	if s.vkey, err = note.NewEd25519VerifierKey(u.Object, public); err != nil {
		return tokenSigner{}, err
	}
	s.Verifier, err = note.NewVerifier(s.vkey)
	return s, err
}

// Sign signs a note's text.
func (s tokenSigner) Sign(msg []byte) ([]byte, error) {
	return s.key.Sign(rand.Reader, msg, crypto.Hash(0))
}

// loadSigner reads a key in note form.
func loadSigner(dir, file string) (note.Signer, error) { return loadSignerFile(keyFile(dir, file)) }

func loadSignerFile(path string) (note.Signer, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	if pkcs11key.IsURI(text) {
		s, err := openTokenSigner(text)
		return s, wrapped("key "+path, err)
	}
	s, err := note.NewSigner(text)
	if err != nil {
		return nil, fmt.Errorf("key %s is not a signing key in note form", path)
	}
	return s, nil
}

// verifierKey reads a key in note form and gives its public half.
func verifierKey(dir, file string) (string, error) {
	text, err := readSecret(keyFile(dir, file))
	if err != nil {
		return "", err
	}
	if pkcs11key.IsURI(text) {
		s, err := openTokenSigner(text)
		return s.vkey, wrapped("key "+keyFile(dir, file), err)
	}
	bad := fmt.Errorf("key %s is not a signing key in note form", keyFile(dir, file))
	if _, err := note.NewSigner(text); err != nil {
		return "", bad
	}
	f := strings.SplitN(text, "+", 5) // PRIVATE, KEY, name, hash, base64 of type and seed
	seed, err := decodeKey(f[4])
	if err != nil {
		return "", bad
	}
	return note.NewEd25519VerifierKey(f[2], ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}
