package ledger

import (
	"fmt"
	"maps"
	"slices"

	"citygate/trust/cityid"
)

// This file implements the fold of the directory: which of its entries are
// obeyed, and what they say together.

// Directory is the fold of the first Size entries of the directory log. It never
// changes; With returns the fold of more. The log holds whatever its operator
// put in; an entry is obeyed only if the right keys signed it for this very
// place, and is void otherwise.
type Directory struct {
	root  RootPolicy   // in force after the last entry
	past  []RootPolicy // those before, oldest first
	size  uint64
	keys  []*IssuerKey              // by index of the entry, nil where there is no obeyed key row
	rows  map[string][]*RegistryRow // by prefix, oldest first
	logs  map[string]string         // short name -> prefix of the registry that has it
	names map[string]string         // origin -> short name
	roles map[string]role           // what a public key's bytes have been used for
	turns []uint64                  // indices of the obeyed rotations
	voids []Void
}

// role is what a public key serves for. An issuer key may have no other role.
type role uint8

const (
	roleIssuer role = 1 + iota
	roleOther
)

// Void is an entry that is not obeyed.
type Void struct {
	Index  uint64
	Reason string
}

// NewDirectory returns the fold of no entries under a root policy.
func NewDirectory(root RootPolicy) (*Directory, error) {
	if err := root.Validate(); err != nil {
		return nil, err
	}
	d := &Directory{
		root: root, rows: map[string][]*RegistryRow{}, logs: map[string]string{},
		names: map[string]string{root.Directory.Origin: DirectoryLog}, roles: map[string]role{},
	}
	d.claimRoot(root)
	return d, nil
}

// FoldDirectory returns the fold of the directory's first entries for a gateway
// that was configured with root, which may be the policy that some rotation
// among the entries brought: the rotation, signed by the threshold of root's own
// directory keys, names the policy before.
func FoldDirectory(root RootPolicy, raws [][]byte) (*Directory, error) {
	if err := root.Validate(); err != nil {
		return nil, err
	}
	first := root
	for i, raw := range slices.Backward(raws) {
		e, err := ParseDirectoryEntry(uint64(i), raw)
		if err != nil || e.Rotation == nil || !e.Rotation.Root.Equal(first) {
			continue
		}
		if e.signedBy(first.Directory.Origin, first.DirectoryKeys, first.DirectoryThreshold) == nil {
			first = e.Rotation.Previous
		}
	}
	for _, p := range []RootPolicy{first, root} {
		d, err := NewDirectory(p)
		if err != nil {
			return nil, err
		}
		// A chain that the old policies did not sign leads nowhere.
		if d = d.With(raws); p.Equal(root) || d.hadRoot(root) {
			return d, nil
		}
	}
	panic("unreachable: the loop ends with root itself")
}

// hadRoot says whether a policy is or was in force.
func (d *Directory) hadRoot(root RootPolicy) bool {
	return d.root.Equal(root) || slices.ContainsFunc(d.past, root.Equal)
}

// With returns the fold of d and the entries that follow its last one, in the
// log's order. It cannot fail: what is not obeyed is void, with a reason.
func (d *Directory) With(raws [][]byte) *Directory {
	n := &Directory{
		root: d.root, past: slices.Clone(d.past), size: d.size, keys: slices.Clone(d.keys), rows: maps.Clone(d.rows),
		logs: maps.Clone(d.logs), names: maps.Clone(d.names), roles: maps.Clone(d.roles),
		turns: slices.Clone(d.turns), voids: slices.Clone(d.voids),
	}
	for _, raw := range raws {
		n.keys = append(n.keys, nil)
		if err := n.obey(raw); err != nil {
			n.voids = append(n.voids, Void{n.size, err.Error()})
		}
		n.size++
	}
	return n
}

// obey takes the entry at index d.size into the fold, or says why not.
func (d *Directory) obey(raw []byte) error {
	e, err := ParseDirectoryEntry(d.size, raw)
	if err != nil {
		return err
	}
	switch e.Kind {
	case KindRegistry:
		return d.obeyRegistry(e)
	case KindKey:
		return d.obeyKey(e)
	case KindWithdrawal:
		return d.obeyWithdrawal(e)
	default:
		return d.obeyRotation(e)
	}
}

func (d *Directory) obeyRegistry(e DirectoryEntry) error {
	r := e.Registry
	if err := d.allocated(e, r.Prefix); err != nil {
		return err
	}
	for _, l := range []LogRef{r.Records, r.Status} {
		if p, ok := d.logs[l.Short]; ok && p != r.Prefix {
			return fmt.Errorf("log %s belongs to %s", l.Short, p)
		}
		if short, ok := d.names[l.Origin]; ok && short != l.Short {
			return fmt.Errorf("origin %s belongs to log %s", l.Origin, short)
		}
	}
	if old := d.Registry(r.Prefix); old != nil && (old.Records.Short != r.Records.Short || old.Records.Origin != r.Records.Origin ||
		old.Status.Short != r.Status.Short || old.Status.Origin != r.Status.Origin) {
		return fmt.Errorf("the row renames the logs of %s", r.Prefix)
	}
	if err := d.claim(r.AllocKeys, r.Records.Keys, r.Status.Keys, r.Witnesses); err != nil {
		return err
	}
	for _, l := range []LogRef{r.Records, r.Status} {
		d.logs[l.Short], d.names[l.Origin] = r.Prefix, l.Short
	}
	// A fold that shares the old slice must not see the new row.
	d.rows[r.Prefix] = append(slices.Clone(d.rows[r.Prefix]), r)
	return nil
}

func (d *Directory) obeyKey(e DirectoryEntry) error {
	r := e.Key
	if err := d.allocated(e, r.Prefix); err != nil {
		return err
	}
	switch d.roles[string(r.Key)] {
	case roleIssuer:
		return fmt.Errorf("the issuer key has a row already")
	case roleOther:
		return fmt.Errorf("the issuer key is another key of the ledger as well")
	}
	p, err := cityid.ParsePrefix(r.Prefix)
	if err != nil {
		return err
	}
	if !d.answersFor(p, r.Records, r.Status) {
		return fmt.Errorf("logs %s and %s answer for no prefix of %s", r.Records, r.Status, r.Prefix)
	}
	d.roles[string(r.Key)] = roleIssuer
	d.keys[d.size] = &IssuerKey{KeyRow: *r, PrefixID: p}
	return nil
}

// answersFor says whether the two logs are those of a registry at p or above.
func (d *Directory) answersFor(p cityid.Prefix, records, status string) bool {
	for ok := true; ok; p, ok = p.Parent() {
		if r := d.Registry(p.String()); r != nil && r.Records.Short == records && r.Status.Short == status {
			return true
		}
	}
	return false
}

func (d *Directory) obeyWithdrawal(e DirectoryEntry) error {
	w := e.Withdrawal
	if w.Key >= d.size || d.keys[w.Key] == nil {
		return fmt.Errorf("no key row at %d", w.Key)
	}
	k := *d.keys[w.Key]
	if err := d.allocated(e, k.Prefix); err != nil {
		return err
	}
	if k.Withdrawn && w.Size > k.StandsUpTo {
		return fmt.Errorf("key row %d was withdrawn at size %d", w.Key, k.StandsUpTo)
	}
	k.Withdrawn, k.StandsUpTo = true, w.Size
	d.keys[w.Key] = &k
	return nil
}

func (d *Directory) obeyRotation(e DirectoryEntry) error {
	r := e.Rotation
	if !r.Previous.Equal(d.root) {
		return fmt.Errorf("the rotation does not follow the policy in force")
	}
	if err := e.signedBy(d.root.Directory.Origin, d.root.DirectoryKeys, d.root.DirectoryThreshold); err != nil {
		return fmt.Errorf("under the old policy: %w", err)
	}
	if err := e.signedBy(d.root.Directory.Origin, r.Root.DirectoryKeys, r.Root.DirectoryThreshold); err != nil {
		return fmt.Errorf("under the new policy: %w", err)
	}
	if err := d.claim(r.Root.DirectoryKeys, r.Root.Directory.LogKeys, r.Root.Directory.Witnesses); err != nil {
		return err
	}
	d.past, d.root = append(d.past, d.root), r.Root
	d.turns = append(d.turns, d.size)
	return nil
}

// allocated checks that the entry is signed by whoever holds the prefix above:
// the institutes for a country and for what lies directly below it, the parent's
// allocation keys below that.
func (d *Directory) allocated(e DirectoryEntry, prefix string) error {
	p, err := cityid.ParsePrefix(prefix)
	if err != nil {
		return err
	}
	keys, threshold := d.root.DirectoryKeys, d.root.DirectoryThreshold
	if parent, ok := p.Parent(); ok && !parent.IsCountry() {
		row := d.Registry(parent.String())
		if row == nil {
			return fmt.Errorf("nobody holds %s, the prefix above %s", parent, prefix)
		}
		keys, threshold = row.AllocKeys, row.AllocThreshold
	}
	return e.signedBy(d.root.Directory.Origin, keys, threshold)
}

// signedBy checks that at least threshold of the keys signed the entry.
func (e DirectoryEntry) signedBy(origin string, texts []string, threshold int) error {
	keys, err := parseKeys(texts, MaxKeys, noteKey)
	if err != nil {
		return err
	}
	msg := signedEntry(origin, e.Index, e.Payload)
	good := 0
	for _, k := range keys {
		for _, s := range e.Signatures {
			if s.KeyID == k.verifier.KeyHash() && k.verifier.Verify(msg, s.Sig) {
				good++
				break
			}
		}
	}
	if good < threshold {
		return fmt.Errorf("%d valid signatures of the %d that are needed", good, threshold)
	}
	return nil
}

// claim notes that keys serve as something else than issuer keys, unless one
// of them is an issuer key already.
func (d *Directory) claim(lists ...[]string) error {
	var all []string
	for _, texts := range lists {
		for _, text := range texts {
			k, err := parseKey(text, anyKey)
			if err != nil {
				return err
			}
			if d.roles[k.material] == roleIssuer {
				return fmt.Errorf("key %s is an issuer key as well", k.name)
			}
			all = append(all, k.material)
		}
	}
	for _, material := range all {
		d.roles[material] = roleOther
	}
	return nil
}

func (d *Directory) claimRoot(root RootPolicy) {
	// An empty fold has no issuer key, so this cannot fail.
	_ = d.claim(root.DirectoryKeys, root.Directory.LogKeys, root.Directory.Witnesses)
}
