//go:build !cgo

package pkcs11key

import (
	"crypto"
	"errors"
)

var errNoCgo = errors.New("this program was built without cgo, so it reaches no PKCS #11 token")

// Open fails: this build reaches no token.
func Open(URI) (crypto.Signer, error) { return nil, errNoCgo }

// Generate fails: this build reaches no token.
func Generate(URI, string, Algorithm) (URI, error) { return URI{}, errNoCgo }
