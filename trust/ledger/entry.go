package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// This file implements the entries of the directory log.

// DirectoryLog is the short name of the directory log, everywhere.
const DirectoryLog = "directory"

// MaxEntry is the longest directory entry in bytes.
const MaxEntry = 16 << 10

// Kind says what a directory entry is.
type Kind uint8

// The kinds of directory entries, as they stand in the payload.
const (
	KindRegistry   Kind = 1
	KindKey        Kind = 2
	KindWithdrawal Kind = 3
	KindRotation   Kind = 4
)

// LogRef names one log of a registry.
type LogRef struct {
	// Short is the name in paths, topics and key rows: [a-z0-9_-]{1,64}.
	Short string `cbor:"1,keyasint"`
	// Origin is the first line of the log's checkpoints.
	Origin string `cbor:"2,keyasint"`
	// Keys are the log's Ed25519 keys as vkeys named Origin.
	Keys []string `cbor:"3,keyasint"`
}

// RegistryRow says who holds a prefix. The newest obeyed row of a prefix holds;
// short names and origins of the logs stay what the first row said.
type RegistryRow struct {
	Prefix         string            `cbor:"1,keyasint"`
	Names          map[string]string `cbor:"2,keyasint"` // BCP 47 language to name
	Records        LogRef            `cbor:"3,keyasint"`
	Status         LogRef            `cbor:"4,keyasint"`
	AllocKeys      []string          `cbor:"5,keyasint"` // Ed25519 vkeys
	AllocThreshold int               `cbor:"6,keyasint"`
	Witnesses      []string          `cbor:"7,keyasint"` // as in LogPolicy, for both logs
	Quorum         int               `cbor:"8,keyasint"`
	Mirrors        []string          `cbor:"9,keyasint"` // base URLs
}

// Policy returns the policy of one of the row's two logs.
func (r *RegistryRow) Policy(l LogRef) LogPolicy {
	return LogPolicy{Origin: l.Origin, LogKeys: l.Keys, Witnesses: r.Witnesses, Quorum: r.Quorum}
}

// KeyRow names one issuer key and the logs that answer for its codes. It never
// changes; only a withdrawal ends it.
type KeyRow struct {
	Prefix  string   `cbor:"1,keyasint"`
	Key     []byte   `cbor:"2,keyasint"`
	Alg     int      `cbor:"3,keyasint"` // COSE number: AlgEd25519, AlgES256 or another
	Hosts   []string `cbor:"4,keyasint"` // of the codes' texts, compared without case
	Records string   `cbor:"5,keyasint"` // short names
	Status  string   `cbor:"6,keyasint"`
}

// Withdrawal ends the key row at index Key of the directory. Sealed codes whose
// index in the records log is below Size stand.
type Withdrawal struct {
	Key  uint64 `cbor:"1,keyasint"`
	Size uint64 `cbor:"2,keyasint"`
}

// Rotation replaces the root policy. It needs the threshold of the previous
// policy's directory keys and that of the new one's. Because it names Previous,
// a gateway that starts from the new policy also knows who signed what lies
// before the rotation.
type Rotation struct {
	Previous RootPolicy `cbor:"1,keyasint"`
	Root     RootPolicy `cbor:"2,keyasint"`
}

// Signature is one signature on a directory entry.
type Signature struct {
	_     struct{} `cbor:",toarray"`
	KeyID uint32   // the signer's key ID of C2SP signed-note
	Sig   []byte   // Ed25519, 64 bytes
}

// DirectoryEntry is a parsed directory entry: exactly one of the four rows is
// set. Parsing proves nothing about its signatures; Directory.With does.
type DirectoryEntry struct {
	Index      uint64
	Kind       Kind
	Registry   *RegistryRow
	Key        *KeyRow
	Withdrawal *Withdrawal
	Rotation   *Rotation

	Payload    []byte // what the signatures cover, besides origin and index
	Signatures []Signature
}

// SignDirectoryEntry signs the payload of a directory entry for its place in the
// log with this origin. The signer is an Ed25519 note signer; other types give
// signatures that no directory takes.
func SignDirectoryEntry(s note.Signer, origin string, index uint64, payload []byte) (Signature, error) {
	sig, err := s.Sign(signedEntry(origin, index, payload))
	if err != nil {
		return Signature{}, fmt.Errorf("sign directory entry %d as %s: %w", index, s.Name(), err)
	}
	return Signature{KeyID: s.KeyHash(), Sig: sig}, nil
}

// signedEntry returns the bytes that a directory signature covers.
func signedEntry(origin string, index uint64, payload []byte) []byte {
	msg := append([]byte("citygate/v1 directory\x00"), origin...)
	msg = append(msg, 0)
	msg = binary.BigEndian.AppendUint64(msg, index)
	return append(msg, payload...)
}

// keyID is the key ID of C2SP signed-note: the first bytes of
// SHA-256(name || 0A || type || key).
func keyID(name string, data []byte) [4]byte {
	sum := sha256.Sum256(append([]byte(name+"\n"), data...))
	return [4]byte(sum[:4])
}
