package witness

// This file implements Ed25519 cosignatures, C2SP tlog-cosignature, cosignature/v1.

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Key types of C2SP signed-note.
const (
	algEd25519     = 0x01
	algCosignature = 0x04
)

type signer struct {
	name string
	priv ed25519.PrivateKey
}

// GenerateKey makes a witness key: the signing key, to be kept in a file of mode 0600, and the verifier key of type 0x04 that logs and
// gateways are configured with. The name is a schema-less URL such as "witness.example/w1": no space, no plus.
func GenerateKey(name string) (skey, vkey string, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make witness key: %w", err)
	}
	public := append([]byte{algCosignature}, pub...)
	vkey = vkeyText(name, public)
	private := append([]byte{algCosignature}, priv.Seed()...)
	skey = fmt.Sprintf("PRIVATE+KEY+%s+%x+%s", name, keyID(name, public), base64.StdEncoding.EncodeToString(private))
	if _, err := parseSigner(skey); err != nil {
		return "", "", err
	}
	return skey, vkey, nil
}

// parseSigner reads a signing key of type 0x01 or 0x04; the cosigning key of a type 0x01 one has the same secret and another key ID.
// Errors never contain the key.
func parseSigner(skey string) (signer, error) {
	bad := errors.New("witness key is not an Ed25519 signing key in note form (PRIVATE+KEY+name+hash+base64)")
	f := strings.SplitN(strings.TrimSpace(skey), "+", 5)
	if len(f) != 5 || f[0] != "PRIVATE" || f[1] != "KEY" || f[2] == "" || strings.ContainsAny(f[2], " \t\n+") {
		return signer{}, bad
	}
	key, err := base64.StdEncoding.Strict().DecodeString(f[4])
	if err != nil || len(key) != 1+ed25519.SeedSize || key[0] != algEd25519 && key[0] != algCosignature {
		return signer{}, bad
	}
	s := signer{name: f[2], priv: ed25519.NewKeyFromSeed(key[1:])}
	if f[3] != fmt.Sprintf("%x", keyID(s.name, append([]byte{key[0]}, s.priv.Public().(ed25519.PublicKey)...))) {
		return signer{}, bad
	}
	return s, nil
}

func (s signer) public() []byte {
	return append([]byte{algCosignature}, s.priv.Public().(ed25519.PublicKey)...)
}

func (s signer) verifierKey() string { return vkeyText(s.name, s.public()) }

// cosign gives the signature line for a checkpoint's text at a time, in whole seconds.
func (s signer) cosign(text []byte, at time.Time) ([]byte, error) {
	t := at.Unix()
	if t < 0 {
		return nil, errors.New("cosign: the clock is before 1970")
	}
	msg := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", t, text)
	sig := keyID(s.name, s.public())
	sig = binary.BigEndian.AppendUint64(sig, uint64(t))
	sig = append(sig, ed25519.Sign(s.priv, msg)...)
	return fmt.Appendf(nil, "— %s %s\n", s.name, base64.StdEncoding.EncodeToString(sig)), nil
}
