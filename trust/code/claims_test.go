package code_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"citygate/trust/code"
)

// deterministic encodes with the peer codec.
func deterministic(t interface{ Fatal(...any) }, v any) []byte {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// body encodes a map of claims with the peer codec.
func body(t testing.TB, kind byte, claims map[any]any) []byte {
	return append([]byte{kind}, deterministic(t, claims)...)
}

func claimsOf(b []byte) (code.Claims, error) { return code.Code{Body: b}.Claims() }

func TestClaimsRoundTrip(t *testing.T) {
	for _, want := range []code.Claims{
		{Nodes: "156"},
		{Nodes: "156.1301"},
		lampClaims(),
		permitClaims(),
		{Nodes: "156.1301", Kind: math.MaxUint64, NotAfter: math.MaxInt64, NotBefore: 1, Issued: math.MaxInt64},
		{Nodes: "156.1301", Object: "73.10000000.6/", Language: "zh-Hans-CN"},
		{Nodes: "156.1301", Places: strings.Split(strings.Repeat("MA.156 ", 15)+"MA.156.1301", " ")},
	} {
		for _, personal := range []bool{false, true} {
			b, err := code.EncodeBody(personal, want)
			if personal && len(want.Salt) != 16 {
				if err == nil {
					t.Errorf("%+v encodes as a personal record without a salt of 16 octets", want)
				}
				continue
			}
			if err != nil {
				t.Errorf("%+v: %v", want, err)
				continue
			}
			got, err := claimsOf(b)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v comes back as %+v, %v", want, got, err)
			}
		}
	}
}

func TestPeerReadsClaims(t *testing.T) {
	c := permitClaims()
	ours, err := code.EncodeBody(true, c)
	if err != nil {
		t.Fatal(err)
	}
	peer := body(t, code.TypePersonal, map[any]any{
		1: c.Nodes, 2: c.Object, 3: c.Kind, 4: c.NotAfter, 5: c.NotBefore, 6: c.Issued,
		7: c.Salt, 8: c.Holder, 9: c.Places, 10: c.Language,
	})
	if !bytes.Equal(ours, peer) {
		t.Errorf("%x, peer %x", ours, peer)
	}
}

func TestClaimsRefuses(t *testing.T) {
	with := func(key, value any) map[any]any { return map[any]any{1: "156.1301", key: value} }
	deep := []any{[]any{[]any{[]any{[]any{}}}}}
	many := make([]string, 17)
	for i := range many {
		many[i] = "MA.156"
	}
	for name, claims := range map[string]any{
		"no nodes":           map[any]any{2: "LAMP.1"},
		"empty":              map[any]any{},
		"no map":             []any{"156.1301"},
		"nodes with MA.":     map[any]any{1: "MA.156.1301"},
		"nodes with object":  map[any]any{1: "156.1301/X"},
		"nodes as octets":    map[any]any{1: []byte("156.1301")},
		"object with slash":  with(2, "A/B"),
		"empty object":       with(2, ""),
		"object not UTF-8":   with(2, cbor.RawMessage{0x61, 0xff}),
		"kind of 0":          with(3, 0),
		"kind negative":      with(3, -1),
		"kind float":         with(3, 1.5),
		"kind big":           with(3, cbor.RawMessage{0xc2, 0x41, 1}),
		"not after 0":        with(4, 0),
		"not after 2^63":     with(4, uint64(1)<<63),
		"not before as text": with(5, "2026"),
		"issued as date":     with(6, cbor.Tag{Number: 1, Content: 1767225600}),
		"short salt":         with(7, make([]byte, 7)),
		"long salt":          with(7, make([]byte, 17)),
		"short holder":       with(8, make([]byte, 31)),
		"long holder":        with(8, make([]byte, 33)),
		"no places":          with(9, []string{}),
		"17 places":          with(9, many),
		"place not a prefix": with(9, []string{"MA.156/X"}),
		"place as text":      with(9, "MA.156"),
		"deep places":        with(9, deep),
		"empty language":     with(10, ""),
		"bad language":       with(10, "zh_CN"),
		"language of digits": with(10, "1-CN"),
		"long subtag":        with(10, "zh-123456789"),
		"open subtag":        with(10, "zh-"),
		"unknown claim":      with(11, 1),
		"claim 0":            with(0, 1),
		"claim -1":           with(-1, 1),
		"claim as text":      with("2", "X"),
		"null":               with(2, nil),
	} {
		b := append([]byte{code.TypePublic}, deterministic(t, claims)...)
		if got, err := claimsOf(b); !errors.Is(err, code.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestClaimsCanonical gives encodings that say the same as an accepted one.
func TestClaimsCanonical(t *testing.T) {
	good := []byte("\x01\xa2\x01\x63156\x03\x01")
	if c, err := claimsOf(good); err != nil || c.Nodes != "156" || c.Kind != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, b := range map[string]string{
		"keys swapped":      "\x01\xa2\x03\x01\x01\x63156",
		"key twice":         "\x01\xa3\x01\x63156\x03\x01\x03\x01",
		"long head of map":  "\x01\xb8\x02\x01\x63156\x03\x01",
		"long key":          "\x01\xa2\x18\x01\x63156\x03\x01",
		"long text":         "\x01\xa2\x01\x78\x03156\x03\x01",
		"long number":       "\x01\xa2\x01\x63156\x03\x18\x01",
		"16 bit number":     "\x01\xa2\x01\x63156\x03\x19\x00\x18",
		"32 bit number":     "\x01\xa2\x01\x63156\x03\x1a\x00\x00\x01\x00",
		"64 bit number":     "\x01\xa2\x01\x63156\x03\x1b\x00\x00\x00\x00\x01\x00\x00\x00",
		"reserved head":     "\x01\xa2\x01\x63156\x03\x1c",
		"indefinite map":    "\x01\xbf\x01\x63156\x03\x01\xff",
		"indefinite text":   "\x01\xa2\x01\x7f\x63156\xff\x03\x01",
		"tagged":            "\x01\xd9\xd9\xf7\xa2\x01\x63156\x03\x01",
		"octet behind":      "\x01\xa2\x01\x63156\x03\x01\x00",
		"one pair too many": "\x01\xa3\x01\x63156\x03\x01",
		"huge text":         "\x01\xa2\x01\x7b\xff\xff\xff\xff\xff\xff\xff\xff156",
		"huge map":          "\x01\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01\x63156",
	} {
		if c, err := claimsOf([]byte(b)); !errors.Is(err, code.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestEncodeBodyRefuses(t *testing.T) {
	for name, c := range map[string]code.Claims{
		"lower case nodes":  {Nodes: "156.abc"},
		"lower case object": {Nodes: "156", Object: "lamp"},
		"underscore":        {Nodes: "156", Object: "LAMP_1"},
		"negative time":     {Nodes: "156", NotAfter: -1},
		"no nodes":          {Object: "LAMP.1"},
		"too long":          {Nodes: "156", Places: []string{strings.Repeat("MA.156", 1) + strings.Repeat(".1", 60), strings.Repeat("MA.156", 1) + strings.Repeat(".1", 60)}},
		"short salt":        {Nodes: "156", Salt: []byte("1")},
		"short holder":      {Nodes: "156", Holder: []byte("1")},
		"bad place":         {Nodes: "156", Places: []string{"156"}},
	} {
		if b, err := code.EncodeBody(false, c); err == nil {
			t.Errorf("%s: %x", name, b)
		}
	}
}

// drawClaims draws claims that an issuer may make.
func drawClaims(t *rapid.T) code.Claims {
	times := rapid.Int64Range(0, 1<<40)
	c := code.Claims{
		Nodes:  rapid.StringMatching(`[0-9]{3}(\.[0-9A-Z]{1,5}){0,3}`).Draw(t, "nodes"),
		Object: rapid.StringMatching(`([0-9A-Z-]{1,9}(\.[0-9A-Z-]{1,9}){0,2}/?)?`).Draw(t, "object"),
		Kind:   rapid.Uint64().Draw(t, "kind"), NotAfter: times.Draw(t, "not after"),
		NotBefore: times.Draw(t, "not before"), Issued: times.Draw(t, "issued"),
		Places:   rapid.SliceOfN(rapid.StringMatching(`MA\.[0-9]{3}(\.[0-9]{1,5})?`), 0, 4).Draw(t, "places"),
		Language: rapid.SampledFrom([]string{"", "en", "zh-CN", "mn-Cyrl"}).Draw(t, "language"),
	}
	if len(c.Places) == 0 {
		c.Places = nil
	}
	if rapid.Bool().Draw(t, "salted") {
		c.Salt = rapid.SliceOfN(rapid.Byte(), 8, 16).Draw(t, "salt")
	}
	if rapid.Bool().Draw(t, "held") {
		c.Holder = rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "holder")
	}
	return c
}

func TestAnyClaimsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawClaims(t)
		b, err := code.EncodeBody(false, want)
		if err != nil {
			t.Skip("too long")
		}
		if got, err := claimsOf(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v comes back as %+v, %v", want, got, err)
		}
	})
}
