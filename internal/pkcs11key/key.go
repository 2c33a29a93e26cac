// Package pkcs11key holds private keys on PKCS #11 tokens: hardware security modules, smart cards, SoftHSM. A key is named by a URI
// (RFC 7512), is made on the token, never leaves it, and signs as a [crypto.Signer]:
//
//	u, err := pkcs11key.ParseURI("pkcs11:token=citygate?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/citygate/pin")
//	u, err = pkcs11key.Generate(u, "ID.EXAMPLE/issuer", pkcs11key.Ed25519)   // u now names the key pair too
//	key, err := pkcs11key.Open(u)
//
// The user PIN comes from a file that only its owner may read, or from the terminal, where it is asked for once for each process; it is in no
// environment variable, argument, error or log. A public key is read without the PIN. A PIN that the token refuses is not tried again in
// the process's life, since a few wrong ones lock a token.
//
// PKCS #11 has one state for each library and process, so libraries, sessions and log-ins are kept for the process's life: they are this
// package's only variables.
package pkcs11key

import "errors"

// Algorithm is what a key pair is for.
type Algorithm int

// The algorithms. Ed25519 needs a token with CKM_EDDSA (PKCS #11 3.0).
const (
	Ed25519 Algorithm = iota
	P256
)

// ErrNoEd25519 says that a token makes no Ed25519 keys.
var ErrNoEd25519 = errors.New("the token has no Ed25519 (CKM_EDDSA)")

// ErrPIN says that there is no PIN, or not the right one.
var ErrPIN = errors.New("no good PIN for the token")
