package cityid

import (
	"fmt"
	"strings"
)

// Prefix is a node path such as "MA.156.1301": what an office allocates under.
// Prefixes are comparable with ==. The zero Prefix covers nothing.
type Prefix struct {
	nodes string // without "MA."
}

// ParsePrefix reads a node path such as "MA.156" or "MA.156.1301.01".
func ParsePrefix(s string) (Prefix, error) {
	id, err := Parse(s)
	if err != nil {
		return Prefix{}, err
	}
	if strings.IndexByte(id.path, '/') >= 0 {
		return Prefix{}, fmt.Errorf("%w: a prefix has no object", ErrSyntax)
	}
	return Prefix{id.path}, nil
}

// String returns the prefix as ParsePrefix reads it, or "" for the zero one.
func (p Prefix) String() string {
	if p.nodes == "" {
		return ""
	}
	return agency + p.nodes
}

// IsZero says that the prefix names nothing.
func (p Prefix) IsZero() bool { return p.nodes == "" }

// ID returns the identifier that names the prefix's own node.
func (p Prefix) ID() ID { return ID{p.nodes} }

// IsCountry says whether the prefix is a country's, such as "MA.156".
func (p Prefix) IsCountry() bool {
	return p.nodes != "" && strings.IndexByte(p.nodes, '.') < 0
}

// Parent returns the prefix one node above. A country has none.
func (p Prefix) Parent() (Prefix, bool) {
	dot := strings.LastIndexByte(p.nodes, '.')
	if dot < 0 {
		return Prefix{}, false
	}
	return Prefix{p.nodes[:dot]}, true
}

// Covers says whether an issuer key of this prefix may speak for id: id lies
// below the prefix, and directly below it where the prefix is a country. The
// prefix's own node is not covered: its name comes from the office above. So
// MA.156 covers MA.156.1301 and MA.156/X, but not MA.156.1301.01; and
// MA.156.1301 covers MA.156.1301.01/LAMP.000421, but not MA.156.1301.
func (p Prefix) Covers(id ID) bool {
	above, ok := id.Above()
	if !ok || p.nodes == "" {
		return false
	}
	if p.IsCountry() {
		return above == p
	}
	return p.CoversPrefix(above)
}

// CoversPrefix says whether other is this prefix or lies anywhere below it.
func (p Prefix) CoversPrefix(other Prefix) bool {
	return p.nodes != "" && within(p.nodes, other.nodes)
}

// Contains says whether id is this prefix's own node or lies anywhere below
// it: plain containment in the hierarchy, as places are compared, whatever the
// prefix's keys may issue.
func (p Prefix) Contains(id ID) bool {
	return p.nodes != "" && within(p.nodes, id.Nodes())
}

// within says whether the node path nodes begins with all nodes of prefix.
func within(prefix, nodes string) bool {
	return strings.HasPrefix(nodes, prefix) &&
		(len(nodes) == len(prefix) || nodes[len(prefix)] == '.')
}
