// Package keyfile reads and makes the Ed25519 keys that the programs keep in files: a secret as its seed, 64 hexadecimal
// digits and a newline, in a file that only its owner may read; a public key as the verifier key text of C2SP
// signed-note, name+id+base64(01 || key).
//
// No error of this package contains any part of a secret.
package keyfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"citygate/internal/durable"
)

// maxFile bounds what is read of a key file, in bytes.
const maxFile = 4096

// algEd25519 is the type octet of an Ed25519 verifier key.
const algEd25519 = 1

// ReadSeed reads a secret key. A file that others may read is refused, since the key in it may not be secret any more.
func ReadSeed(path string) (ed25519.PrivateKey, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode %04o lets others read a private key (chmod 600 %s)", path, st.Mode().Perm(), path)
	}
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(text)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s: not a seed of %d hexadecimal digits", path, 2*ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// ReadVerifier reads a public key from a file.
func ReadVerifier(path string) (ed25519.PublicKey, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	key, err := ParseVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// ReadVerifiers reads several public keys from a file, one a line, in their order. Empty lines and lines that begin with
// # are skipped; a file without a key is an error.
func ReadVerifiers(path string) ([]ed25519.PublicKey, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	var keys []ed25519.PublicKey
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, err := ParseVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("%s: key %d: %w", path, len(keys)+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: no key in it", path)
	}
	return keys, nil
}

// ParseVerifier reads a public key's text.
func ParseVerifier(text string) (ed25519.PublicKey, error) {
	if _, err := note.NewVerifier(text); err != nil {
		return nil, errors.New("not a verifier key (want NAME+ID+KEY)")
	}
	// A verifier key has three parts, as NewVerifier has checked; the last one may hold plus signs itself.
	key, err := base64.StdEncoding.DecodeString(strings.SplitN(text, "+", 3)[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != algEd25519 {
		return nil, errors.New("not an Ed25519 verifier key")
	}
	return ed25519.PublicKey(key[1:]), nil
}

// Make makes a key pair: the seed in a new file, which must not exist, and the verifier key text as the result. The name
// is a schema-less URL such as "citygate.example/fleet".
func Make(name, seedFile string) (verifier string, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	if verifier, err = note.NewEd25519VerifierKey(name, pub); err != nil {
		return "", fmt.Errorf("name %q cannot name a key: %w", name, err)
	}
	return verifier, durable.WriteNew(seedFile, []byte(hex.EncodeToString(priv.Seed())+"\n"), 0o600)
}

func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", fmt.Errorf("%s: larger than %d bytes, so no key", path, maxFile)
	}
	return strings.TrimSpace(string(b)), nil
}
