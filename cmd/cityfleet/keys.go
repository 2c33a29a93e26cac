package main

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"strings"

	"citygate/internal/durable"
	"citygate/internal/keyfile"
)

type keygenCommand struct {
	Name string `required:"" help:"The key's name, such as citygate.example/fleet."`
	Key  string `required:"" type:"path" help:"File for the secret seed, made with mode 0600; it must not exist."`
	Vkey string `type:"path" help:"File for the verifier key; it is printed as well. Gateways pin those of ack_key and of ops_key, in this order, as the lines of fleet_key."`
}

// Run makes a key pair and prints the public half.
func (cmd keygenCommand) Run(s *streams) error {
	vkey, err := keyfile.Make(cmd.Name, cmd.Key)
	if err != nil {
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

// parseVkey returns the Ed25519 public key in a vkey text, or in the file of
// that name.
func parseVkey(text string) (ed25519.PublicKey, error) {
	if _, err := os.Stat(text); err == nil {
		return keyfile.ReadVerifier(text)
	}
	return keyfile.ParseVerifier(strings.TrimSpace(text))
}
