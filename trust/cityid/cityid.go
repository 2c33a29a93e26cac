// Package cityid names things: hierarchical identifiers under the issuing
// agency code MA (ISO/IEC 15459), their prefixes, and the rule by which
// prefixes are allocated.
//
// An identifier is a node path and, for a thing rather than an office, an
// object below it:
//
//	MA.156.1301                     the city of Shijiazhuang
//	MA.156.1301.01                  its urban-management bureau
//	MA.156.1301.01/LAMP.000421      one street lamp
//
// The first node is the country (ISO 3166-1 numeric), city nodes are 2, 4 or 6
// digits of GB/T 2260. The grammar is this project's profile of MA:
//
//	ma      = "MA." country *("." node) [ "/" object ["/"] ]
//	country = 3DIGIT
//	node    = 1*20(ALPHA / DIGIT)
//	object  = seg *("." seg) ;  seg = 1*40(ALPHA / DIGIT / "-" / "_")
//
// Identifiers are at most [MaxLength] octets and are compared byte by byte:
// leading zeros count, case counts, and so does a slash at the end. Check
// characters that some MA schemes carry are opaque here, because no public
// algorithm explains the published examples.
package cityid

import (
	"errors"
	"fmt"
	"strings"
)

// MaxLength is the longest identifier in octets, "MA." included.
const MaxLength = 128

// Limits on the parts of an identifier, in octets.
const (
	maxNode    = 20
	maxSegment = 40
)

const agency = "MA."

// ErrSyntax is wrapped by every error of this package that says that a string
// does not follow the grammar.
var ErrSyntax = errors.New("not an MA identifier")

// ID is one identifier. IDs are comparable with ==, which is the comparison
// byte by byte that the grammar asks for. The zero ID names nothing.
type ID struct {
	path string // without "MA.", so that it can be a part of a code's text
}

// Parse reads an identifier such as "MA.156.1301.01/LAMP.000421".
func Parse(s string) (ID, error) {
	path, ok := strings.CutPrefix(s, agency)
	if !ok {
		return ID{}, fmt.Errorf("%w: no %q in front", ErrSyntax, agency)
	}
	return FromPath(path)
}

// FromPath reads an identifier without its "MA.", which is the form that a
// code's text carries. The ID keeps a reference to path and allocates nothing.
func FromPath(path string) (ID, error) {
	nodes, object, hasObject := strings.Cut(path, "/")
	if hasObject && object == "" {
		return ID{}, fmt.Errorf("%w: slash without an object", ErrSyntax)
	}
	if err := CheckClaims(nodes, object); err != nil {
		return ID{}, err
	}
	return ID{path}, nil
}

// FromClaims joins the two claims of a code, the node path "156.1301.01" and
// the object "LAMP.000421", which is empty for a node. A slash that ends the
// identifier is the object's last octet.
func FromClaims(nodes, object string) (ID, error) {
	if err := CheckClaims(nodes, object); err != nil {
		return ID{}, err
	}
	if object == "" {
		return ID{nodes}, nil
	}
	return ID{nodes + "/" + object}, nil
}

// CheckClaims says why FromClaims would refuse the two claims, or nil. It
// allocates nothing where they are right.
func CheckClaims(nodes, object string) error {
	length := len(agency) + len(nodes)
	if object != "" {
		length += len("/") + len(object)
	}
	switch {
	case length > MaxLength:
		return fmt.Errorf("%w: longer than %d octets", ErrSyntax, MaxLength)
	case !validNodes(nodes):
		return fmt.Errorf("%w: bad node path", ErrSyntax)
	case object != "" && !validObject(object):
		return fmt.Errorf("%w: bad object", ErrSyntax)
	}
	return nil
}

// String returns the identifier as Parse reads it, or "" for the zero ID.
func (id ID) String() string {
	if id.path == "" {
		return ""
	}
	return agency + id.path
}

// IsZero says that the ID names nothing.
func (id ID) IsZero() bool { return id.path == "" }

// Path returns the identifier without its "MA.", as FromPath reads it.
func (id ID) Path() string { return id.path }

// Nodes returns the node path without "MA.", such as "156.1301.01".
func (id ID) Nodes() string {
	nodes, _, _ := strings.Cut(id.path, "/")
	return nodes
}

// Object returns what follows the node path's slash, such as "LAMP.000421",
// with the slash at the end where there is one. It is empty for a node.
func (id ID) Object() string {
	_, object, _ := strings.Cut(id.path, "/")
	return object
}

// Prefix returns the identifier's node path.
func (id ID) Prefix() Prefix { return Prefix{id.Nodes()} }

// Above returns the prefix that the identifier lies directly below: the node
// path of an object, the parent of a node. A country has none.
func (id ID) Above() (Prefix, bool) {
	if strings.IndexByte(id.path, '/') >= 0 {
		return id.Prefix(), true
	}
	return id.Prefix().Parent()
}

// IssuedAlphabet says whether s has only characters that codes of this system
// may use, A-Z 0-9 . - and /, so that it fits a QR alphanumeric segment.
func IssuedAlphabet(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		upper := c >= 'A' && c <= 'Z' || c >= '-' && c <= '9' // - . / 0-9 are neighbours in ASCII
		if !upper {
			return false
		}
	}
	return true
}

func validNodes(s string) bool {
	if len(s) < 3 || !digit(s[0]) || !digit(s[1]) || !digit(s[2]) {
		return false
	}
	return len(s) == 3 || s[3] == '.' && validDotted(s[4:], maxNode, false)
}

func validObject(s string) bool {
	return validDotted(strings.TrimSuffix(s, "/"), maxSegment, true)
}

// validDotted checks parts of 1..limit octets between dots.
func validDotted(s string, limit int, marks bool) bool {
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			if n == 0 {
				return false
			}
			n = 0
			continue
		}
		if n++; n > limit || !alphanumeric(c) && !(marks && (c == '-' || c == '_')) {
			return false
		}
	}
	return n > 0
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func alphanumeric(c byte) bool {
	return digit(c) || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
