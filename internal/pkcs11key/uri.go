package pkcs11key

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// This file implements the part of PKCS #11 URIs (RFC 7512) that names one key pair on one token.

// Scheme begins every URI.
const Scheme = "pkcs11:"

// maxURI bounds what ParseURI reads, in bytes.
const maxURI = 2048

// A URI names a token, and a key pair on it.
type URI struct {
	Token  string // the token's label
	Serial string // its serial number; "" is any
	Object string // the key's label; "" names the token only
	ID     []byte // the key's CKA_ID; nil is any
	Module string // absolute path of the PKCS #11 library
	// PINFile is the absolute path of a file of mode 0600 with the user PIN on its first line. Without one the PIN is asked for on the
	// terminal.
	PINFile string
}

// IsURI says whether a text claims to be a PKCS #11 URI.
func IsURI(text string) bool { return strings.HasPrefix(text, Scheme) }

// ParseURI reads a URI. A PIN in it (pin-value) is refused: URIs stand in configurations and command lines. Attributes that would make another
// choice than this package does are refused as well. Errors do not repeat the text.
func ParseURI(text string) (URI, error) {
	rest, ok := strings.CutPrefix(text, Scheme)
	if !ok || len(text) > maxURI {
		return URI{}, errors.New("not a PKCS #11 URI such as pkcs11:token=NAME?module-path=/usr/lib/softhsm/libsofthsm2.so")
	}
	path, query, _ := strings.Cut(rest, "?")
	var u URI
	if err := eachAttribute(path, ";", u.setPath); err != nil {
		return URI{}, err
	}
	if err := eachAttribute(query, "&", u.setQuery); err != nil {
		return URI{}, err
	}
	switch {
	case u.Token == "":
		return URI{}, errors.New("PKCS #11 URI: no token=NAME")
	case !filepath.IsAbs(u.Module):
		return URI{}, errors.New("PKCS #11 URI: no module-path=/absolute/path of the token's library")
	case u.PINFile != "" && !filepath.IsAbs(u.PINFile):
		return URI{}, errors.New("PKCS #11 URI: pin-source is not file:/absolute/path")
	}
	return u, nil
}

// eachAttribute calls set with the name and the decoded value of each attribute; none may come twice.
func eachAttribute(text, separator string, set func(name, value string) error) error {
	seen := make(map[string]bool)
	for part := range strings.SplitSeq(text, separator) {
		if part == "" && text == "" {
			return nil
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok || seen[name] {
			return errors.New("PKCS #11 URI: an attribute without a value, or twice")
		}
		seen[name] = true
		value, err := url.PathUnescape(value)
		if err != nil || name != "id" && strings.ContainsRune(value, 0) {
			return fmt.Errorf("PKCS #11 URI: the value of %.20q is not percent-encoded", name)
		}
		if err := set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (u *URI) setPath(name, value string) error {
	switch name {
	case "token":
		u.Token = value
	case "serial":
		u.Serial = value
	case "object":
		u.Object = value
	case "id":
		u.ID = []byte(value)
	case "type":
		if value != "private" {
			return errors.New("PKCS #11 URI: type is not private")
		}
	default:
		return fmt.Errorf("PKCS #11 URI: unknown attribute %.20q", name)
	}
	return nil
}

func (u *URI) setQuery(name, value string) error {
	switch name {
	case "module-path":
		u.Module = value
	case "pin-source":
		u.PINFile = strings.TrimPrefix(strings.TrimPrefix(value, "file:"), "//")
	case "pin-value":
		return errors.New("PKCS #11 URI: a PIN does not belong into a URI; name a file with pin-source=file:/path")
	default:
		return fmt.Errorf("PKCS #11 URI: unknown attribute %.20q", name)
	}
	return nil
}

// String gives the URI's text, which holds no secret.
func (u URI) String() string {
	b := strings.Builder{}
	b.WriteString(Scheme + "token=" + escape(u.Token))
	for _, a := range []struct{ name, value string }{{"serial", u.Serial}, {"object", u.Object}, {"id", string(u.ID)}} {
		if a.value != "" {
			b.WriteString(";" + a.name + "=" + escape(a.value))
		}
	}
	b.WriteString("?module-path=" + escape(u.Module))
	if u.PINFile != "" {
		b.WriteString("&pin-source=file:" + escape(u.PINFile))
	}
	return b.String()
}

// escape leaves the unreserved characters of RFC 3986 and the slash, and encodes every other octet.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
