package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"citygate/internal/durable"
)

type keygenCommand struct {
	Name string `required:"" help:"The key's name, such as citygate.example/fleet."`
	Key  string `required:"" type:"path" help:"File for the secret seed, made with mode 0600; it must not exist."`
	Vkey string `type:"path" help:"File for the verifier key, which gateways pin as fleet_key; it is printed as well."`
}

// Run makes a key pair and prints the public half.
func (cmd keygenCommand) Run(s *streams) error {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	vkey, err := note.NewEd25519VerifierKey(cmd.Name, pub)
	if err != nil {
		return fmt.Errorf("name %q cannot name a key: %w", cmd.Name, err)
	}
	if err := durable.WriteNew(cmd.Key, []byte(hex.EncodeToString(priv.Seed())+"\n"), 0o600); err != nil {
		return err
	}
	if cmd.Vkey != "" {
		if err := durable.WriteFile(cmd.Vkey, []byte(vkey+"\n"), 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(s.out, vkey)
	return err
}

// readSeed reads an Ed25519 seed of 64 hex digits from a file that only its
// owner may read.
func readSeed(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others (chmod 600 %s)", path, path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is not a seed of %d hex digits (cityfleet keygen makes one)", path, 2*ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// parseVkey returns the Ed25519 public key in a vkey text, or in the file of
// that name.
func parseVkey(text string) (ed25519.PublicKey, error) {
	if raw, err := os.ReadFile(text); err == nil {
		text = string(raw)
	}
	text = strings.TrimSpace(text)
	if _, err := note.NewVerifier(text); err != nil {
		return nil, errors.New("not a verifier key (want NAME+HASH+KEY, or a file that holds one)")
	}
	_, rest, _ := strings.Cut(text, "+")
	_, data, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return nil, errors.New("not an Ed25519 verifier key")
	}
	return ed25519.PublicKey(raw[1:]), nil
}
