// Package statuslist writes what a status log says as a Token Status List (draft-ietf-oauth-status-list-20), for wallets and other people's
// verifiers that know nothing of ledgers. A record's index is its index in the records log:
//
//	status  ours       theirs
//	0       good       VALID
//	1       revoked    INVALID
//	2       suspended  SUSPENDED
//
// The list is signed by the registry's issuer key, in a CWT or a JWT. It says what the registry decided; unlike the log it proves to nobody that
// others are told the same.
package statuslist

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"citygate/internal/cose"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"github.com/fxamacker/cbor/v2"
)

// Media types of the two forms, and the types in their headers.
const (
	TypeCWT = "application/statuslist+cwt"
	TypeJWT = "application/statuslist+jwt"

	jwtType = "statuslist+jwt"
)

// Bits is how many bits each of our records takes.
const Bits = 2

// MaxRecords bounds a list: it takes a quarter of an octet for each record before it is compressed.
const MaxRecords = 1 << 30

// Token is a status list token before it is signed.
type Token struct {
	// URI is where the list will be served, the claim sub.
	URI string
	// Issued and Expires are the claims iat and exp, in whole seconds; a zero Expires leaves exp out.
	Issued, Expires time.Time
	// TTL is how long a copy may be used before it is fetched again, in whole seconds; 0 leaves the claim out.
	TTL time.Duration
	// Statuses has the records with indices below Size, at most MaxRecords.
	Statuses *ledger.StatusSet
	Size     uint64
}

// Claim keys of a CWT (RFC 8392; the draft, section 14.4).
const (
	claimSubject = 2
	claimExpires = 4
	claimIssued  = 6
	claimList    = 65533
	claimTTL     = 65534
)

// list is the status_list claim, in the draft's order of keys.
type list struct {
	Bits int    `cbor:"bits"`
	List []byte `cbor:"lst"`
}

// CWT gives the token as a tagged COSE_Sign1 with the algorithm of the issuer key, key, and index that of its row in the directory, which is the
// kid in 4 octets, big-endian.
func (t Token) CWT(key crypto.Signer, index uint32) ([]byte, error) {
	packed, err := t.list()
	if err != nil {
		return nil, err
	}
	alg, _, err := code.KeyOf(key.Public())
	if err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	claims := map[int64]any{claimSubject: t.URI, claimIssued: t.Issued.Unix()}
	if !t.Expires.IsZero() {
		claims[claimExpires] = t.Expires.Unix()
	}
	if t.TTL > 0 {
		claims[claimTTL] = int64(t.TTL / time.Second)
	}
	inner, err := cbor.Marshal(list{Bits, packed})
	if err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	claims[claimList] = cbor.RawMessage(inner)
	var s cose.Sign1
	if s.Payload, err = cose.Encode(claims); err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	kid := binary.BigEndian.AppendUint32(nil, index)
	if s.Protected, err = cose.Encode(map[int64]any{cose.Algorithm: alg, cose.KeyID: kid, cose.Type: TypeCWT}); err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	tbs, err := s.ToBeSigned(nil, s.Payload)
	if err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	if s.Signature, err = code.SignMessage(key, alg, tbs); err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	return s.Marshal()
}

// jwtClaims are the claims of a JWT, times in seconds.
type jwtClaims struct {
	Subject string `json:"sub"`
	Issued  int64  `json:"iat"`
	Expires int64  `json:"exp,omitempty"`
	TTL     int64  `json:"ttl,omitempty"`
	List    struct {
		Bits int    `json:"bits"`
		List string `json:"lst"`
	} `json:"status_list"`
}

// jwtAlgs are the algorithms' names in a JWS (RFC 9864, RFC 7518).
var jwtAlgs = map[int]string{code.AlgEd25519: "Ed25519", code.AlgES256: "ES256"}

// JWT gives the token as a JWS in compact form with Ed25519 or ES256. The kid is the decimal index of the issuer key's row.
func (t Token) JWT(key crypto.Signer, index uint32) (string, error) {
	packed, err := t.list()
	if err != nil {
		return "", err
	}
	c := jwtClaims{Subject: t.URI, Issued: t.Issued.Unix(), TTL: int64(t.TTL / time.Second)}
	if !t.Expires.IsZero() {
		c.Expires = t.Expires.Unix()
	}
	c.List.Bits, c.List.List = Bits, base64.RawURLEncoding.EncodeToString(packed)
	alg, _, err := code.KeyOf(key.Public())
	if err != nil || jwtAlgs[alg] == "" {
		return "", fmt.Errorf("status list: a JWT has no name for the algorithm of the issuer key (%d); write a CWT: %w", alg, code.ErrAlgorithm)
	}
	header := map[string]string{"alg": jwtAlgs[alg], "kid": strconv.FormatUint(uint64(index), 10), "typ": jwtType}
	var parts [2]string
	for i, v := range []any{header, c} {
		b, err := json.Marshal(v)
		if err != nil {
			return "", fmt.Errorf("status list: %w", err)
		}
		parts[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	signed := parts[0] + "." + parts[1]
	sig, err := code.SignMessage(key, alg, []byte(signed))
	if err != nil {
		return "", fmt.Errorf("status list: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

// list is the compressed octets of the list.
func (t Token) list() ([]byte, error) {
	if t.Size > MaxRecords {
		return nil, fmt.Errorf("status list: %d records, at most %d", t.Size, MaxRecords)
	}
	if t.URI == "" {
		return nil, errors.New("status list: no URI where it will be served")
	}
	return compress(Pack(Bits, t.Size, func(i uint64) byte { return byte(t.Statuses.Of(i)) }))
}

// Pack gives the uncompressed list of n statuses of 1, 2, 4 or 8 bits: the first one in the lowest bits of the first octet (the draft, section 4.1).
func Pack(bits int, n uint64, status func(i uint64) byte) []byte {
	each := uint64(8 / bits)
	packed := make([]byte, (n+each-1)/each)
	for i := range n {
		if s := status(i); s != 0 {
			packed[i/each] |= s & (1<<bits - 1) << (i % each * uint64(bits))
		}
	}
	return packed
}

// compress is DEFLATE in the ZLIB form at the highest level, as the draft recommends.
func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
