package code

import (
	"fmt"
	"math"
	"strings"

	"citygate/trust/cityid"
)

// Claims is what an issuer says about one identifier. Zero values are absent
// claims: a number that is absent and one that is 0 would mean the same, so
// the encoding has no explicit 0, no empty text and no empty list.
type Claims struct {
	Nodes     string   // 1: node path without "MA.", such as "156.1301.01"; required
	Object    string   // 2: object, such as "LAMP.000421"
	Kind      uint64   // 3: one of the Kind constants
	NotAfter  int64    // 4: last second of validity, seconds since 1970
	NotBefore int64    // 5: first second of validity
	Issued    int64    // 6: second of issue
	Salt      []byte   // 7: 8..16 random octets, exactly 16 in a personal record
	Holder    []byte   // 8: the holder's Ed25519 public key, 32 octets
	Places    []string // 9: prefixes such as "MA.156.1301", at most 16
	Language  string   // 10: BCP 47 tag for the answer, such as "zh-CN"
}

// Claim keys of the map in a body.
const (
	claimNodes = 1 + iota
	claimObject
	claimKind
	claimNotAfter
	claimNotBefore
	claimIssued
	claimSalt
	claimHolder
	claimPlaces
	claimLanguage
)

// Limits on claims, in octets.
const (
	minSalt      = 8
	maxSalt      = 16
	personalSalt = 16
	holderSize   = 32
	maxTag       = 35 // of a language, RFC 5646 4.4.1
)

// ID returns the identifier that the claims name. Claims that came from a
// parser always name one.
func (c Claims) ID() (cityid.ID, error) { return cityid.FromClaims(c.Nodes, c.Object) }

// EncodeBody encodes claims as the body of a public or personal record. It
// refuses what parsers refuse, and beyond that identifiers with characters
// that this system does not issue.
func EncodeBody(personal bool, c Claims) ([]byte, error) {
	b := []byte{TypePublic}
	if personal {
		b[0] = TypePersonal
	}
	if !cityid.IssuedAlphabet(c.Nodes) || !cityid.IssuedAlphabet(c.Object) {
		return nil, fmt.Errorf("encode body: identifier has characters outside A-Z 0-9 . - /")
	}
	if c.NotAfter < 0 || c.NotBefore < 0 || c.Issued < 0 {
		return nil, fmt.Errorf("encode body: time before 1970")
	}
	b = appendClaims(b, c)
	if _, err := parseBody(b); err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	return b, nil
}

// appendClaims writes the claims that are present, in the order of their keys.
func appendClaims(b []byte, c Claims) []byte {
	head := len(b)
	b = append(b, majorMap<<5)
	key := func(k byte, present bool) bool {
		if present {
			b[head]++
			b = append(b, k)
		}
		return present
	}
	text := func(k byte, s string) {
		if key(k, s != "") {
			b = appendText(b, s)
		}
	}
	number := func(k byte, n uint64) {
		if key(k, n != 0) {
			b = appendUint(b, n)
		}
	}
	octets := func(k byte, s []byte) {
		if key(k, len(s) > 0) {
			b = appendBytes(b, s)
		}
	}
	text(claimNodes, c.Nodes)
	text(claimObject, c.Object)
	number(claimKind, c.Kind)
	number(claimNotAfter, uint64(c.NotAfter))
	number(claimNotBefore, uint64(c.NotBefore))
	number(claimIssued, uint64(c.Issued))
	octets(claimSalt, c.Salt)
	octets(claimHolder, c.Holder)
	if key(claimPlaces, len(c.Places) > 0) {
		b = appendHead(b, majorArray, uint64(len(c.Places)))
		for _, p := range c.Places {
			b = appendText(b, p)
		}
	}
	text(claimLanguage, c.Language)
	return b
}

// parseBody reads a body and holds it to every rule on claims. Texts of the
// result share one copy of the body, octets share the body itself.
func parseBody(body []byte) (Claims, error) {
	if len(body) < MinBody || len(body) > MaxBody {
		return Claims{}, malformed("size of the body")
	}
	if body[0] != TypePublic && body[0] != TypePersonal {
		return Claims{}, malformed("type of the body")
	}
	p := claimsParser{reader: reader{b: body[1:]}, all: string(body)}
	c := p.claims()
	if !p.done() {
		return Claims{}, malformed("claims are not canonical")
	}
	if body[0] == TypePersonal && len(c.Salt) != personalSalt {
		return Claims{}, malformed("personal record without a salt of 16 octets")
	}
	return c, c.check()
}

// claimsParser reads the map of claims. Its texts are parts of all, the one
// copy of the body, so that a parsed code costs one allocation for all.
type claimsParser struct {
	reader
	all string
}

func (p *claimsParser) claims() (c Claims) {
	last := uint64(0)
	for range p.pairs() {
		k := p.uint()
		if k <= last { // keys rise, so none comes twice
			p.fail()
		}
		last = k
		switch k {
		case claimNodes:
			c.Nodes = p.substring(cityid.MaxLength)
		case claimObject:
			c.Object = p.substring(cityid.MaxLength)
		case claimKind:
			c.Kind = p.positive()
		case claimNotAfter:
			c.NotAfter = p.seconds()
		case claimNotBefore:
			c.NotBefore = p.seconds()
		case claimIssued:
			c.Issued = p.seconds()
		case claimSalt:
			c.Salt = p.bytes(minSalt, maxSalt)
		case claimHolder:
			c.Holder = p.bytes(holderSize, holderSize)
		case claimPlaces:
			c.Places = p.places()
		case claimLanguage:
			c.Language = p.substring(maxTag)
		default:
			p.fail()
		}
	}
	return c
}

// substring reads a text and returns it as a part of p.all.
func (p *claimsParser) substring(high int) string {
	n := len(p.text(high))
	if p.bad {
		return ""
	}
	end := len(p.all) - len(p.b)
	return p.all[end-n : end]
}

func (p *claimsParser) positive() uint64 {
	n := p.uint()
	if n == 0 {
		p.fail()
	}
	return n
}

func (p *claimsParser) seconds() int64 {
	n := p.positive()
	if n > math.MaxInt64 {
		p.fail()
		return 0
	}
	return int64(n)
}

func (p *claimsParser) places() []string {
	n := p.array()
	if n == 0 {
		p.fail()
		return nil
	}
	places := make([]string, n)
	for i := range places {
		places[i] = p.substring(cityid.MaxLength)
	}
	return places
}

// languageTag holds a tag to the shape of BCP 47: subtags of 1..8 letters and
// digits, the first of letters only.
func languageTag(s string) bool {
	for i, subtag := range strings.Split(s, "-") {
		if len(subtag) < 1 || len(subtag) > 8 {
			return false
		}
		for _, c := range subtag {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			if !letter && (i == 0 || c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}

// check holds the rules on the claims' values.
func (c Claims) check() error {
	if err := cityid.CheckClaims(c.Nodes, c.Object); err != nil {
		return malformed("claims name no identifier")
	}
	for _, place := range c.Places {
		if _, err := cityid.ParsePrefix(place); err != nil {
			return malformed("place is not a prefix")
		}
	}
	if c.Language != "" && !languageTag(c.Language) {
		return malformed("language is not a BCP 47 tag")
	}
	return nil
}
