package witness

// This file implements Ed25519 cosignatures, C2SP tlog-cosignature, cosignature/v1.

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"citygate/internal/pkcs11key"
)

// Key types of C2SP signed-note.
const (
	algEd25519     = 0x01
	algCosignature = 0x04
)

type signer struct {
	name   string
	priv   crypto.Signer
	public []byte // of type 0x04
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

// parseSigner reads a signing key of type 0x01 or 0x04, or the PKCS #11 URI of an Ed25519 key whose label is the witness's name; the cosigning key of a type 0x01 one has the same secret and another key ID.
// Errors never contain the key.
func parseSigner(skey string) (signer, error) {
	if skey = strings.TrimSpace(skey); pkcs11key.IsURI(skey) {
		return tokenSigner(skey)
	}
	bad := errors.New("witness key is not an Ed25519 signing key in note form (PRIVATE+KEY+name+hash+base64)")
	f := strings.SplitN(skey, "+", 5)
	if len(f) != 5 || f[0] != "PRIVATE" || f[1] != "KEY" || f[2] == "" || strings.ContainsAny(f[2], " \t\n+") {
		return signer{}, bad
	}
	key, err := base64.StdEncoding.Strict().DecodeString(f[4])
	if err != nil || len(key) != 1+ed25519.SeedSize || key[0] != algEd25519 && key[0] != algCosignature {
		return signer{}, bad
	}
	priv := ed25519.NewKeyFromSeed(key[1:])
	public := priv.Public().(ed25519.PublicKey)
	if f[3] != fmt.Sprintf("%x", keyID(f[2], append([]byte{key[0]}, public...))) {
		return signer{}, bad
	}
	return newSigner(f[2], priv, public), nil
}

// VerifierKey gives the verifier key, of type 0x04, of a signing key as New takes it.
func VerifierKey(skey string) (string, error) {
	s, err := parseSigner(skey)
	if err != nil {
		return "", err
	}
	return s.verifierKey(), nil
}

func newSigner(name string, priv crypto.Signer, public ed25519.PublicKey) signer {
	return signer{name, priv, append([]byte{algCosignature}, public...)}
}

func tokenSigner(uri string) (signer, error) {
	u, err := pkcs11key.ParseURI(uri)
	if err != nil {
		return signer{}, fmt.Errorf("witness key: %w", err)
	}
	key, err := pkcs11key.Open(u)
	if err != nil {
		return signer{}, fmt.Errorf("witness key: %w", err)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok || u.Object == "" || strings.ContainsAny(u.Object, " \t\n+") {
		return signer{}, fmt.Errorf("witness key: %q on the token is not an Ed25519 key with a witness's name", u.Object)
	}
	return newSigner(u.Object, key, public), nil
}

func (s signer) verifierKey() string { return vkeyText(s.name, s.public) }

// cosign gives the signature line for a checkpoint's text at a time, in whole seconds.
func (s signer) cosign(text []byte, at time.Time) ([]byte, error) {
	t := at.Unix()
	if t < 0 {
		return nil, errors.New("cosign: the clock is before 1970")
	}
	msg := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", t, text)
	made, err := s.priv.Sign(rand.Reader, msg, crypto.Hash(0))
	if err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	sig := keyID(s.name, s.public)
	sig = binary.BigEndian.AppendUint64(sig, uint64(t))
	sig = append(sig, made...)
	return fmt.Appendf(nil, "— %s %s\n", s.name, base64.StdEncoding.EncodeToString(sig)), nil
}
