package registry

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"citygate/internal/keyfile"
	"citygate/internal/pkcs11key"
	"citygate/trust/code"
	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"
)

// This file implements issuer keys. The file of one holds an Ed25519 seed as 64 hex digits; or the algorithm's name, a space, and a secret
// number as 64 hex digits; or the PKCS #11 URI of a key on a token. A newline follows.

// Names of the algorithms of issuer keys, for Config.IssuerAlg.
const (
	algEd25519 = "ed25519"
	algES256   = "es256"
	algSM2     = "sm2"
)

// scalarSize is the length of a secret number of P-256 and of SM2's curve, in bytes.
const scalarSize = 32

// IssuerKeyFile is where the registry in dir keeps its issuer key, mode 0600. It is keys/issuer.seed until the first rotation.
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

// LoadIssuerKey reads an issuer key file; the key may be on a token. Errors never contain the key.
func LoadIssuerKey(path string) (crypto.Signer, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	var key crypto.Signer
	if pkcs11key.IsURI(text) {
		key, err = openToken(text)
	} else if alg, number, ok := strings.Cut(text, " "); ok {
		key, err = parseScalar(alg, number)
	} else {
		key, err = keyfile.ReadSeed(path)
		return key, wrapped("read key", err)
	}
	return key, wrapped("read key "+path, err)
}

// wrapped says what failed, if something did.
func wrapped(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func openToken(text string) (crypto.Signer, error) {
	u, err := pkcs11key.ParseURI(text)
	if err != nil {
		return nil, err
	}
	return pkcs11key.Open(u)
}

func parseScalar(alg, number string) (crypto.Signer, error) {
	bad := fmt.Errorf("not a secret number of %d hexadecimal digits", 2*scalarSize)
	d, err := hex.DecodeString(number)
	if err != nil || len(d) != scalarSize {
		return nil, bad
	}
	switch alg {
	case algES256:
		if k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d); err == nil {
			return k, nil
		}
	case algSM2:
		if k, err := ecdh.P256().NewPrivateKey(d); err == nil {
			return sm2Key(d, k.PublicKey().Bytes()), nil
		}
	default:
		return nil, errors.New("unknown algorithm of an issuer key")
	}
	return nil, bad
}

// sm2Key puts together a key of the type that signs. public is an uncompressed point.
func sm2Key(d, public []byte) *sm2.PrivateKey {
	k := new(sm2.PrivateKey)
	k.Curve, k.D = sm2.P256(), new(big.Int).SetBytes(d)
	k.X, k.Y = new(big.Int).SetBytes(public[1:1+scalarSize]), new(big.Int).SetBytes(public[1+scalarSize:])
	return k
}

// makeIssuerKey makes an issuer key unless there is one of the name.
func (c Config) makeIssuerKey(dir, name string) error {
	path := seedFile(dir, name)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	secret, err := c.newIssuerKey()
	if err != nil {
		return fmt.Errorf("make issuer key: %w", err)
	}
	return keep(path, secret+"\n")
}

// newIssuerKey gives the text of a new key's file.
func (c Config) newIssuerKey() (string, error) {
	if c.Token != "" {
		return c.newTokenKey(c.origin(c.Short+"-issuer"), c.IssuerAlg)
	}
	switch c.IssuerAlg {
	case algES256:
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return "", err
		}
		d, err := k.Bytes()
		return algES256 + " " + hex.EncodeToString(d), err
	case algSM2:
		k, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			return "", err
		}
		return algSM2 + " " + hex.EncodeToString(k.D.FillBytes(make([]byte, scalarSize))), nil
	}
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	return hex.EncodeToString(priv.Seed()), err
}

// newTokenKey makes a key on the registry's token and gives its URI.
func (c Config) newTokenKey(label, alg string) (string, error) {
	u, err := pkcs11key.ParseURI(c.Token)
	if err != nil {
		return "", err
	}
	of := pkcs11key.Ed25519
	if alg == algES256 {
		of = pkcs11key.P256
	}
	u, err = pkcs11key.Generate(u, label, of)
	return u.String(), err
}

// checkKeys refuses a choice of keys that cannot be made.
func (c Config) checkKeys() error {
	switch c.IssuerAlg {
	case "", algEd25519, algES256:
	case algSM2:
		if c.Token != "" {
			return errors.New("an SM2 issuer key is a file's: PKCS #11 has no SM2")
		}
	default:
		return fmt.Errorf("unknown algorithm %q of the issuer key: ed25519, es256 and sm2 are known", c.IssuerAlg)
	}
	if c.Token == "" {
		return nil
	}
	u, err := pkcs11key.ParseURI(c.Token)
	if err != nil {
		return err
	}
	if u.Object != "" || u.ID != nil {
		return errors.New("PKCS #11 URI: the registry names its keys itself: leave out object and id")
	}
	return nil
}

// issuerKey is an issuer key in use.
type issuerKey struct {
	crypto.Signer
	alg    int
	public []byte
	index  uint32 // of its row in the directory
}

func newIssuer(key crypto.Signer, index uint32) (issuerKey, error) {
	alg, public, err := code.KeyOf(key.Public())
	return issuerKey{key, alg, public, index}, err
}

// sign gives a record its signature.
func (k issuerKey) sign(w *row) (err error) {
	w.Key = k.index
	w.Sig, err = code.Sign(k.Signer, k.alg, k.index, w.Body)
	return err
}
