package statuslist_test

import (
	"bytes"
	"compress/zlib"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"citygate/trust/ledger"
	"citygate/trust/registry/statuslist"
	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// vectors are facts of draft-ietf-oauth-status-list-20: the examples of section 4 and the lists of appendix C, as the CBOR of their status_list.
var vectors = []struct {
	what   string
	bits   int
	size   uint64
	status map[uint64]byte
	cbor   string
}{
	{"section 4, 1 bit", 1, 16, map[uint64]byte{0: 1, 3: 1, 4: 1, 5: 1, 7: 1, 8: 1, 9: 1, 13: 1, 15: 1}, "a2646269747301636c73744a78dadbb918000217015d"},
	{"section 4, 2 bits", 2, 12, map[uint64]byte{0: 1, 1: 2, 3: 3, 5: 1, 7: 1, 8: 1, 9: 2, 10: 3, 11: 3}, "a2646269747302636c73744b78da3be9f2130003df0207"},
	{"appendix C.1", 1, 1 << 20, map[uint64]byte{0: 1, 1993: 1, 25460: 1, 159495: 1, 495669: 1, 554353: 1, 645645: 1, 723232: 1, 854545: 1,
		934534: 1, 1000345: 1},
		"a2646269747301636c737458bd78daeddc010dc0200c0041a88249400ad2903e0f4b" +
			"ba00bd93f002beb7a2a2010000a91e09" + strings.Repeat("00", 15) + "80729604" + strings.Repeat("00", 40) +
			"5c6f4800000000000000fc2c240000000000000000000000be1b12" + strings.Repeat("00", 9) + "ecaa4b" + strings.Repeat("00", 16) +
			"9b0b09" + strings.Repeat("00", 9) + "38de9400000000000000002a30cc010000000080642f0bd8011b"},
}

func TestVectorsOfTheDraft(t *testing.T) {
	for _, v := range vectors {
		raw, err := hex.DecodeString(v.cbor)
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Bits int    `cbor:"bits"`
			List []byte `cbor:"lst"`
		}
		if err := cbor.Unmarshal(raw, &list); err != nil || list.Bits != v.bits {
			t.Fatalf("%s: %d bits, %v", v.what, list.Bits, err)
		}
		if got := statuslist.Pack(v.bits, v.size, func(i uint64) byte { return v.status[i] }); !bytes.Equal(got, inflate(t, list.List)) {
			t.Errorf("%s: another list", v.what)
		}
	}
}

func inflate(t *testing.T, b []byte) []byte {
	t.Helper()
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// token is a list of 1,000 records with three that are not good.
func token(t *testing.T) statuslist.Token {
	t.Helper()
	var entries [][]byte
	for i, s := range map[uint64]ledger.Status{3: ledger.Revoked, 4: ledger.Suspended, 999: ledger.Revoked} {
		e, err := ledger.StatusEntry{Index: i, Status: s}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return statuslist.Token{URI: "https://id.sjz.example/status", Issued: time.Unix(1_780_000_000, 0), Expires: time.Unix(1_780_086_400, 0),
		TTL: 10 * time.Minute, Statuses: new(ledger.StatusSet).With(entries), Size: 1000}
}

// want is what a reader finds in the list of token.
func want() []byte {
	b := make([]byte, 250)
	b[0], b[1], b[249] = 1<<6, 2, 1<<6
	return b
}

// renamed is go-cose's Ed25519 under the number of RFC 9864.
type renamed struct{ cose.Verifier }

func (renamed) Algorithm() cose.Algorithm { return -19 }

// go-cose checks the CWT, and a reader that follows the draft finds the claims.
func TestCWT(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	raw, err := token(t).CWT(key, 3)
	if err != nil {
		t.Fatal(err)
	}
	var m cose.Sign1Message
	if err := m.UnmarshalCBOR(raw); err != nil {
		t.Fatal(err)
	}
	v, err := cose.NewVerifier(cose.AlgorithmEdDSA, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(nil, renamed{v}); err != nil {
		t.Error(err)
	}
	if typ := m.Headers.Protected[int64(16)]; typ != "application/statuslist+cwt" {
		t.Errorf("type %v", typ)
	}
	var claims struct {
		Subject string `cbor:"2,keyasint"`
		Expires int64  `cbor:"4,keyasint"`
		Issued  int64  `cbor:"6,keyasint"`
		List    struct {
			Bits int    `cbor:"bits"`
			List []byte `cbor:"lst"`
		} `cbor:"65533,keyasint"`
		TTL int64 `cbor:"65534,keyasint"`
	}
	if err := cbor.Unmarshal(m.Payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Subject != "https://id.sjz.example/status" || claims.Issued != 1_780_000_000 || claims.Expires != 1_780_086_400 || claims.TTL != 600 ||
		claims.List.Bits != 2 || !bytes.Equal(inflate(t, claims.List.List), want()) {
		t.Errorf("claims %+v", claims)
	}
}

func TestJWT(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	text, err := token(t).JWT(key, 3)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(text, ".")
	var raw [3][]byte
	for i := range raw {
		if raw[i], err = base64.RawURLEncoding.DecodeString(parts[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(parts[0]+"."+parts[1]), raw[2]) {
		t.Error("the signature is wrong")
	}
	if h := string(raw[0]); h != `{"alg":"Ed25519","kid":"3","typ":"statuslist+jwt"}` {
		t.Errorf("header %s", h)
	}
	var claims struct {
		Sub           string
		Iat, Exp, TTL int64
		StatusList    struct {
			Bits int
			Lst  string
		} `json:"status_list"`
	}
	if err := json.Unmarshal(raw[1], &claims); err != nil {
		t.Fatal(err)
	}
	lst, err := base64.RawURLEncoding.DecodeString(claims.StatusList.Lst)
	if err != nil || claims.Iat != 1_780_000_000 || claims.TTL != 600 || !bytes.Equal(inflate(t, lst), want()) {
		t.Errorf("claims %+v, %v", claims, err)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	for _, bad := range []statuslist.Token{{Size: 1}, {URI: "x", Size: statuslist.MaxRecords + 1}} {
		if _, err := bad.CWT(key, 0); err == nil {
			t.Errorf("signed %+v", bad)
		}
		if _, err := bad.JWT(key, 0); err == nil {
			t.Errorf("signed %+v", bad)
		}
	}
}
