package code

import (
	"fmt"
	"strings"

	"citygate/trust/cityid"
)

// Limits of the text, in characters.
const (
	MaxText   = 1700 // of a whole text
	MinDigits = 200  // fewer digits behind the "#" are no city code
	maxHost   = 253
	maxLabel  = 63
)

const (
	scheme       = "HTTPS://"
	personalPath = "/P" // stands in the path for a person's object
)

// Parsed is a parsed text: a C1, or the C1 inside a C2 together with its
// presentation. Its parts may share memory with the text.
type Parsed struct {
	Host      string // in capitals, as it stands in the text
	Path      string // without the slash in front
	Code      Code
	Claims    Claims
	Presented *Presented // nil unless a holder shows the code
}

// PathMatches says whether the path that a person can read is the one that the
// claims ask for.
func (t Parsed) PathMatches() bool {
	rest, ok := strings.CutPrefix(t.Path, t.Claims.Nodes)
	if !ok {
		return false
	}
	if t.Code.Personal() {
		return rest == personalPath
	}
	if t.Claims.Object == "" {
		return rest == ""
	}
	return len(rest) > 0 && rest[0] == '/' && rest[1:] == t.Claims.Object
}

// ID returns the identifier that the claims name.
func (t Parsed) ID() cityid.ID {
	if !t.Code.Personal() && t.PathMatches() {
		if id, err := cityid.FromPath(t.Path); err == nil {
			return id // shares the text's memory
		}
	}
	id, err := t.Claims.ID()
	if err != nil {
		return cityid.ID{}
	}
	return id
}

// Encode writes the text again. For one from ParseText the result is the
// text that was parsed.
func (t Parsed) Encode() (string, error) {
	if t.Presented != nil {
		return PresentedText(t.Host, *t.Presented)
	}
	return encodeText(t.Host, t.Path, t.Code.Marshal)
}

// TextPath is the path that the text of a record with these claims carries.
func TextPath(personal bool, c Claims) string {
	switch {
	case personal:
		return c.Nodes + personalPath
	case c.Object == "":
		return c.Nodes
	}
	return c.Nodes + "/" + c.Object
}

// Text returns the text of a code under one of its issuer's hosts, such as
// "ID.SJZ.EXAMPLE". It fails for a host or path that a QR alphanumeric segment
// cannot hold and for a code that readers would refuse.
func Text(host string, c Code) (string, error) {
	claims, err := c.Claims()
	if err != nil {
		return "", fmt.Errorf("encode text: %w", err)
	}
	return encodeText(host, TextPath(c.Personal(), claims), c.Marshal)
}

// PresentedText returns the text that a holder's screen shows.
func PresentedText(host string, p Presented) (string, error) {
	c, claims, err := unmarshal(p.Code)
	if err != nil {
		return "", fmt.Errorf("encode text: %w", err)
	}
	return encodeText(host, TextPath(c.Personal(), claims), p.Marshal)
}

func encodeText(host, path string, marshal func() ([]byte, error)) (string, error) {
	b, err := marshal()
	if err != nil {
		return "", err
	}
	digits := EncodeDigits(b)
	text := scheme + host + "/" + path + "#" + digits
	switch {
	case !validHost(host):
		return "", fmt.Errorf("encode text: host is not a DNS name in capitals")
	case !cityid.IssuedAlphabet(path):
		return "", fmt.Errorf("encode text: path has characters outside A-Z 0-9 . - /")
	case len(digits) < MinDigits:
		return "", fmt.Errorf("encode text: %d digits, at least %d", len(digits), MinDigits)
	case len(text) > MaxText:
		return "", fmt.Errorf("encode text: %d characters, at most %d", len(text), MaxText)
	}
	return text, nil
}

// ParseText reads what a scanner found. Its errors say how the verdict goes:
//
//   - ErrForeign: not "HTTPS://", a host in capitals, the path of an
//     identifier, "#" and MinDigits digits or more.
//   - ErrUnsupported: the first octet, which the first group of digits holds,
//     is C3..CF; whatever follows.
//   - ErrMalformed: everything else that is wrong.
//
// Whether path and claims agree is not looked at here; see PathMatches.
func ParseText(s string) (Parsed, error) {
	host, path, digits, ok := split(s)
	if !ok {
		return Parsed{}, &parseError{ErrForeign, "not the form of a text"}
	}
	if first, ok := decodeGroup(digits[:groupDigits]); ok && newerVersion(byte(first>>48)) {
		return Parsed{}, &parseError{ErrUnsupported, "newer version"}
	}
	if len(s) > MaxText {
		return Parsed{}, malformed("text is too long")
	}
	b, err := DecodeDigits(digits)
	if err != nil {
		return Parsed{}, err
	}
	t := Parsed{Host: host, Path: path}
	if b[0] == Version2 {
		p, err := UnmarshalPresented(b)
		if err != nil {
			return Parsed{}, err
		}
		t.Presented = &p
		b = p.Code
	}
	t.Code, t.Claims, err = unmarshal(b)
	if err != nil {
		return Parsed{}, err
	}
	return t, nil
}

// split takes a text apart if it has the form of a city code's.
func split(s string) (host, path, digits string, ok bool) {
	rest, ok := strings.CutPrefix(s, scheme)
	if !ok {
		return "", "", "", false
	}
	host, rest, ok = strings.Cut(rest, "/")
	if !ok || !validHost(host) {
		return "", "", "", false
	}
	path, digits, ok = strings.Cut(rest, "#")
	if !ok || len(digits) < MinDigits || !onlyDigits(digits) {
		return "", "", "", false
	}
	if _, err := cityid.FromPath(path); err != nil {
		return "", "", "", false
	}
	return host, path, digits, true
}

// validHost says whether s is a DNS name in capitals (RFC 1123, 2.1).
func validHost(s string) bool {
	if len(s) == 0 || len(s) > maxHost {
		return false
	}
	start := 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == '.' {
			label := s[start:i]
			if len(label) == 0 || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
				return false
			}
			start = i + 1
			continue
		}
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
