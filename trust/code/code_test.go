package code_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"citygate/trust/code"
)

func TestRoundTrip(t *testing.T) {
	for name, c := range samples(t) {
		back, err := code.Unmarshal(marshal(t, c))
		if err != nil || !back.Equal(c) {
			t.Errorf("%s: %v, %v", name, back, err)
		}
		parsed, err := code.ParseText(text(t, c))
		if err != nil || !parsed.Code.Equal(c) || parsed.Host != sampleHost || parsed.Presented != nil {
			t.Errorf("%s: text gives %+v, %v", name, parsed, err)
		}
		if !parsed.PathMatches() {
			t.Errorf("%s: path %q does not match", name, parsed.Path)
		}
		if want, _ := parsed.Claims.ID(); parsed.ID() != want || want.IsZero() {
			t.Errorf("%s: identifier %v, want %v", name, parsed.ID(), want)
		}
		again, err := parsed.Encode()
		if err != nil || again != text(t, c) {
			t.Errorf("%s: encodes again to %q, %v", name, again, err)
		}
	}
}

func TestDocumentedSizes(t *testing.T) {
	c := lampClaims()
	c.Object = "LAMP.000421.0001" // 56 octets of claims
	at := func(c code.Code) code.Code {
		c.Index = 4660
		return c
	}
	for _, want := range []struct {
		code code.Code
		size int
	}{
		{mint(t, false, c, false), 132},
		{mint(t, false, c, true), 390},
		{unsigned(mint(t, false, c, true)), 324},
	} {
		if got := len(marshal(t, at(want.code))); got != want.size {
			t.Errorf("%d octets with a body of %d, want %d", got, len(want.code.Body), want.size)
		}
	}
}

// TestManglings changes every bit and every length of every form of code. What
// is still accepted is another code, and encodes to just those bytes.
func TestManglings(t *testing.T) {
	for name, c := range samples(t) {
		good := marshal(t, c)
		for i := range good {
			if got, err := code.Unmarshal(good[:i]); err == nil {
				t.Fatalf("%s: the first %d octets are accepted: %v", name, i, got)
			}
			for bit := range 8 {
				bad := bytes.Clone(good)
				bad[i] ^= 1 << bit
				got, err := code.Unmarshal(bad)
				if err != nil {
					continue
				}
				if got.Equal(c) || !bytes.Equal(marshal(t, got), bad) {
					t.Fatalf("%s: octet %d, bit %d is malleable", name, i, bit)
				}
			}
		}
		if _, err := code.Unmarshal(append(good, 0)); !errors.Is(err, code.ErrMalformed) {
			t.Errorf("%s: octet behind the code: %v", name, err)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	c := mint(t, false, lampClaims(), true)
	body, path, sig := c.Body, c.Path, c.Sig
	array := func(items ...any) []byte { return append([]byte{code.Version1}, deterministic(t, items)...) }
	half := path[:len(path)/2]
	for name, b := range map[string][]byte{
		"nothing":                    {},
		"version alone":              {code.Version1},
		"no array":                   append([]byte{code.Version1}, deterministic(t, body)...),
		"3 items":                    array(7, body, 1),
		"6 items":                    array(7, body, 1, path, sig, 1),
		"fresh and unsigned":         array(7, body, 1, []byte{}),
		"half a path":                array(7, body, 1, half, sig),
		"path of 9":                  array(7, body, 1, append(path[:256:256], half[:32]...), sig),
		"key of 2^32":                array(uint64(1)<<32, body, 1, path, sig),
		"index of 2^48":              array(7, body, uint64(1)<<48, path, sig),
		"negative key":               array(-1, body, 1, path, sig),
		"text body":                  array(7, string(body), 1, path, sig),
		"null signature":             array(7, body, 1, path, nil),
		"empty signature":            array(7, body, 1, path, []byte{}),
		"short signature":            array(7, body, 1, path, sig[:63]),
		"long signature":             array(7, body, 1, path, append(sig[:64:64], 0)),
		"body of one octet":          array(7, []byte{1}, 1, path, sig),
		"unknown type":               array(7, append([]byte{3}, body[1:]...), 1, path, sig),
		"padding":                    array(7, append([]byte{0}, body[1:]...), 1, path, sig),
		"personal with a short salt": array(7, append([]byte{2}, body[1:]...), 1, path, sig),
		"indefinite array":           append(append([]byte{code.Version1, 0x9f}, deterministic(t, []any{7, body, 1, path, sig})[1:]...), 0xff),
		"tagged":                     append([]byte{code.Version1, 0xc1}, deterministic(t, []any{7, body, 1, path, sig})...),
		"key with a long head":       append([]byte{code.Version1, 0x85, 0x18, 7}, deterministic(t, []any{7, body, 1, path, sig})[2:]...),
	} {
		if _, err := code.Unmarshal(b); !errors.Is(err, code.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for v := range 256 {
		b := marshal(t, c)
		b[0] = byte(v)
		_, err := code.Unmarshal(b)
		newer := v >= 0xC3 && v <= 0xCF
		if errors.Is(err, code.ErrUnsupported) != newer || err == nil != (v == code.Version1) {
			t.Errorf("first octet %#x: %v", v, err)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	good := mint(t, false, lampClaims(), true)
	for name, change := range map[string]func(*code.Code){
		"index":              func(c *code.Code) { c.Index = code.MaxIndex },
		"path":               func(c *code.Code) { c.Path = c.Path[:32] },
		"signature":          func(c *code.Code) { c.Sig = c.Sig[:63] },
		"fresh and unsigned": func(c *code.Code) { c.Sig, c.Path = nil, nil },
		"body":               func(c *code.Code) { c.Body = c.Body[:len(c.Body)-1] },
		"size": func(c *code.Code) {
			claims := lampClaims()
			claims.Holder, claims.Places = make([]byte, 32), []string{"MA.156.1301.01", "MA.156.1301.02", "MA.156.1301.03", "MA.156.1301.04", "MA.156.1301.05.06078"}
			c.Body, _ = code.EncodeBody(false, claims) // in range by itself
			c.Index, c.Key = code.MaxIndex-1, math.MaxUint32
		},
	} {
		c := good
		change(&c)
		if b, err := c.Marshal(); err == nil {
			t.Errorf("%s: encoded %d octets", name, len(b))
		}
	}
}

// TestPeerReadsCodes holds the hand-written CBOR to an independent codec: what
// we write is what it writes, for any fields.
func TestPeerReadsCodes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body, err := code.EncodeBody(false, drawClaims(rt))
		if err != nil {
			rt.Skip("claims too long")
		}
		c := code.Code{
			Key: rapid.Uint32().Draw(rt, "key"), Body: body,
			Index: rapid.Uint64Max(code.MaxIndex-1).Draw(rt, "index"),
			Path:  samplePath(),
		}
		items := []any{c.Key, c.Body, c.Index, c.Path}
		if rapid.Bool().Draw(rt, "signed") {
			c.Sig = make([]byte, code.SigSize)
			items = append(items, c.Sig)
		}
		b, err := c.Marshal()
		if err != nil {
			rt.Skip("code too long")
		}
		if peer := deterministic(rt, items); !bytes.Equal(b[1:], peer) {
			rt.Fatalf("%x, peer %x", b[1:], peer)
		}
		if back, err := code.Unmarshal(b); err != nil || !back.Equal(c) {
			rt.Fatalf("comes back as %v, %v", back, err)
		}
	})
}
