package ledger

import (
	"maps"
	"slices"
)

// This file implements what a folded directory answers.

// Root returns the root policy in force after the last entry.
func (d *Directory) Root() RootPolicy { return d.root }

// Size returns the number of entries folded.
func (d *Directory) Size() uint64 { return d.size }

// Rotations returns the indices of the obeyed rotations.
func (d *Directory) Rotations() []uint64 { return slices.Clone(d.turns) }

// Voids returns the entries that are not obeyed.
func (d *Directory) Voids() []Void { return slices.Clone(d.voids) }

// Key returns the key row at index i; the row is nil for KeyNone and KeyBeyond.
func (d *Directory) Key(i uint32) (*IssuerKey, KeyState) {
	if uint64(i) >= d.size {
		return nil, KeyBeyond
	}
	k := d.keys[i]
	switch {
	case k == nil:
		return nil, KeyNone
	case k.Withdrawn:
		return k, KeyWithdrawn
	}
	return k, KeyLive
}

// Registry returns the newest row of exactly this prefix, nil if there is none.
func (d *Directory) Registry(prefix string) *RegistryRow {
	rows := d.rows[prefix]
	if len(rows) == 0 {
		return nil
	}
	return rows[len(rows)-1]
}

// Registries returns the newest row of every prefix, sorted by prefix.
func (d *Directory) Registries() []*RegistryRow {
	var rows []*RegistryRow
	for _, p := range slices.Sorted(maps.Keys(d.rows)) {
		rows = append(rows, d.Registry(p))
	}
	return rows
}

// Policies returns the policies of the log with this short name, newest first;
// nil if there is no such log. Only the newest opens a new checkpoint; the older
// ones opened those that are already held.
func (d *Directory) Policies(short string) []LogPolicy {
	var ps []LogPolicy
	if short == DirectoryLog {
		ps = append(ps, d.root.Directory)
		for _, p := range slices.Backward(d.past) {
			ps = append(ps, p.Directory)
		}
		return ps
	}
	for _, r := range slices.Backward(d.rows[d.logs[short]]) {
		switch short {
		case r.Records.Short:
			ps = append(ps, r.Policy(r.Records))
		case r.Status.Short:
			ps = append(ps, r.Policy(r.Status))
		}
	}
	return ps
}

// IsStatusLog says whether short is the status log of a registry.
func (d *Directory) IsStatusLog(short string) bool {
	r := d.Registry(d.logs[short])
	return r != nil && r.Status.Short == short
}
