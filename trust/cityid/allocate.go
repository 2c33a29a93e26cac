package cityid

import (
	"errors"
	"fmt"
)

// This file implements the unified rule of allocation: only the holder of a
// prefix allocates directly below it; no identifier is allocated twice; an
// allocation of a prefix names the keys and the logs that answer for it.

// The reasons why an allocation breaks the rule.
var (
	// ErrTaken says that the identifier was allocated before.
	ErrTaken = errors.New("identifier is allocated already")
	// ErrNotHolder says that somebody else holds the place above.
	ErrNotHolder = errors.New("allocated by an office that does not hold the prefix above")
	// ErrNoHolder says that nobody holds the place above yet.
	ErrNoHolder = errors.New("nobody holds the prefix above")
	// ErrNoAnswer says that an allocated prefix names no keys or no logs.
	ErrNoAnswer = errors.New("prefix is allocated without keys and logs that answer for it")
)

// Allocation is one public record of an allocation.
type Allocation struct {
	// ID is what is allocated: a thing, or a node.
	ID ID
	// By is the prefix whose holder allocated it. It is zero for a country,
	// which the root of trust names.
	By Prefix
	// Delegated says that the node ID becomes a prefix with a holder of its
	// own, which only the holder of the prefix directly above can make it. A
	// node that is not delegated is only a name: things below it are
	// allocated by the holder above.
	Delegated bool
	// Keys and Logs answer for a delegated prefix. They are the names under
	// which its row in the directory lists them.
	Keys, Logs []string
}

// Allocations is what was allocated so far. The zero value is empty.
type Allocations struct {
	taken map[ID]bool // true for a delegated prefix
}

// Check says why a would break the rule after all earlier allocations, or nil.
// Errors wrap ErrTaken, ErrNotHolder, ErrNoHolder, ErrNoAnswer or ErrSyntax.
func (s *Allocations) Check(a Allocation) error {
	if a.ID.IsZero() || a.Delegated && a.ID.Object() != "" {
		return fmt.Errorf("allocate %s: %w: not a node that can be delegated", a.ID, ErrSyntax)
	}
	if _, ok := s.taken[a.ID]; ok {
		return fmt.Errorf("allocate %s: %w", a.ID, ErrTaken)
	}
	if a.Delegated && (len(a.Keys) == 0 || len(a.Logs) == 0) {
		return fmt.Errorf("allocate %s: %w", a.ID, ErrNoAnswer)
	}
	holder, ok := s.Holder(a.ID)
	if above, _ := a.ID.Above(); a.Delegated && holder != above {
		ok = false // a chain of prefixes has no gaps: each row is signed by its parent's
	}
	switch {
	case !ok:
		return fmt.Errorf("allocate %s: %w", a.ID, ErrNoHolder)
	case holder != a.By:
		return fmt.Errorf("allocate %s by %s: %w", a.ID, a.By, ErrNotHolder)
	}
	return nil
}

// Allocate adds a if it keeps the rule, and otherwise changes nothing.
func (s *Allocations) Allocate(a Allocation) error {
	if err := s.Check(a); err != nil {
		return err
	}
	if s.taken == nil {
		s.taken = make(map[ID]bool)
	}
	s.taken[a.ID] = a.Delegated
	return nil
}

// Holder returns the prefix whose holder may allocate id: the nearest delegated
// prefix above it. It is the zero prefix for a country. A country holds only
// what lies directly below it, so that below a node that it named without
// delegating it there is no holder.
func (s *Allocations) Holder(id ID) (Prefix, bool) {
	p, ok := id.Above()
	if !ok {
		return Prefix{}, !id.IsZero()
	}
	for ; ok; p, ok = p.Parent() {
		if s.taken[p.ID()] {
			return p, p.Covers(id)
		}
	}
	return Prefix{}, false
}

// Finding is a record that breaks the rule.
type Finding struct {
	Index int // of the record
	Err   error
}

// Audit reads public records in the order of their log and returns those that
// break the rule. Such a record allocates nothing, so that one of them does
// not make the honest ones after it look wrong.
func Audit(records []Allocation) []Finding {
	var s Allocations
	var found []Finding
	for i, a := range records {
		if err := s.Allocate(a); err != nil {
			found = append(found, Finding{i, err})
		}
	}
	return found
}
