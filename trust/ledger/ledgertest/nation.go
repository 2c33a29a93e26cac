package ledgertest

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// Witnesses are the names of the three witnesses; two of them are a quorum.
func Witnesses() []string {
	return []string{"witness-a.example", "witness-b.example", "witness-c.example"}
}

// Institutes are the names of the three directory keys; two of them sign.
func Institutes() []string {
	return []string{"institute-a.example", "institute-b.example", "institute-c.example"}
}

// vkeys returns the verifier keys of names.
func vkeys(names ...string) []string {
	var keys []string
	for _, n := range names {
		keys = append(keys, VKey(n))
	}
	return keys
}

// Nation is a directory and its registries.
type Nation struct {
	Root      ledger.RootPolicy
	Directory *Log
	// Registries are those that AddRegistry made, in order.
	Registries []*Registry
	// Time is when checkpoints are cosigned. A test may move it.
	Time time.Time
}

// NewNation returns an empty directory under a policy of two institutes of
// three and two witnesses of three. Its time is 2026-07-01T12:00:00Z.
func NewNation() *Nation {
	const origin = "directory.example"
	return &Nation{
		Root: ledger.RootPolicy{
			Directory: ledger.LogPolicy{
				Origin: origin, LogKeys: vkeys(origin), Witnesses: vkeys(Witnesses()...), Quorum: 2,
			},
			DirectoryKeys: vkeys(Institutes()...), DirectoryThreshold: 2,
		},
		Directory: NewLog(ledger.DirectoryLog, origin, Witnesses()...),
		Time:      time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
	}
}

// Registry is one registry of a Nation.
type Registry struct {
	Prefix  string
	Row     *ledger.RegistryRow
	Records *Log
	Status  *Log
	// Allocators are the names of its allocation keys.
	Allocators []string
}

// AddRegistry allocates a prefix to a registry whose logs are called
// short-records and short-status, signed by whoever holds the prefix above.
func (n *Nation) AddRegistry(prefix, short string) *Registry {
	r := &Registry{
		Prefix:     prefix,
		Records:    NewLog(short+"-records", short+".example/records", Witnesses()...),
		Status:     NewLog(short+"-status", short+".example/status", Witnesses()...),
		Allocators: []string{"alloc." + short + ".example"},
	}
	r.Row = &ledger.RegistryRow{
		Prefix: prefix, Names: map[string]string{"en": "Registry " + short},
		Records:   ledger.LogRef{Short: r.Records.Short, Origin: r.Records.Origin, Keys: vkeys(r.Records.Origin)},
		Status:    ledger.LogRef{Short: r.Status.Short, Origin: r.Status.Origin, Keys: vkeys(r.Status.Origin)},
		AllocKeys: vkeys(r.Allocators...), AllocThreshold: 1,
		Witnesses: vkeys(Witnesses()...), Quorum: 2, Mirrors: []string{},
	}
	n.Registries = append(n.Registries, r)
	n.Log(ledger.DirectoryEntry{Registry: r.Row}, n.SignersFor(prefix)...)
	return r
}

// SignersFor returns the names of the keys that may sign rows of a prefix.
func (n *Nation) SignersFor(prefix string) []string {
	p, err := cityid.ParsePrefix(prefix)
	must(err)
	parent, ok := p.Parent()
	if !ok || parent.IsCountry() {
		return Institutes()[:2]
	}
	for _, r := range n.Registries {
		if r.Prefix == parent.String() {
			return r.Allocators
		}
	}
	panic("ledgertest: nobody holds " + parent.String())
}

// Log signs a row for the next place in the directory, as the named keys, logs
// it and returns its index.
func (n *Nation) Log(e ledger.DirectoryEntry, signers ...string) uint64 {
	payload, err := ledger.EncodePayload(e)
	must(err)
	return n.LogPayload(payload, n.Directory.Size(), signers...)
}

// LogPayload logs a payload with signatures that name index, which is the entry's
// own only if the test wants it to be.
func (n *Nation) LogPayload(payload []byte, index uint64, signers ...string) uint64 {
	var sigs []ledger.Signature
	for _, s := range signers {
		sig, err := ledger.SignDirectoryEntry(Signer(s), n.Directory.Origin, index, payload)
		must(err)
		sigs = append(sigs, sig)
	}
	raw, err := ledger.EncodeDirectoryEntry(payload, sigs)
	must(err)
	return n.Directory.Append(raw)
}

// Issuer is an issuer key and its place in the directory.
type Issuer struct {
	Index   uint32
	Private ed25519.PrivateKey
	Row     *ledger.KeyRow
}

// AddIssuer logs a key row for the registry's own prefix. The key follows from
// the registry's and the host's names.
func (n *Nation) AddIssuer(r *Registry, hosts ...string) Issuer {
	return n.AddIssuerFor(r, r.Prefix, hosts...)
}

// AddIssuerFor logs a key row for a prefix at or below the registry's.
func (n *Nation) AddIssuerFor(r *Registry, prefix string, hosts ...string) Issuer {
	key := Key(fmt.Sprint("issuer ", prefix, hosts, n.Directory.Size()))
	row := &ledger.KeyRow{
		Prefix: prefix, Key: key.Public().(ed25519.PublicKey), Alg: ledger.AlgEd25519,
		Hosts: hosts, Records: r.Records.Short, Status: r.Status.Short,
	}
	i := n.Log(ledger.DirectoryEntry{Key: row}, n.SignersFor(prefix)...)
	return Issuer{Index: uint32(i), Private: key, Row: row}
}

// Withdraw ends a key row; sealed codes below size stand.
func (n *Nation) Withdraw(k Issuer, size uint64) uint64 {
	w := &ledger.Withdrawal{Key: uint64(k.Index), Size: size}
	return n.Log(ledger.DirectoryEntry{Withdrawal: w}, n.SignersFor(k.Row.Prefix)...)
}

// SetStatus logs a status entry at the nation's time.
func (n *Nation) SetStatus(r *Registry, index uint64, s ledger.Status) {
	raw, err := ledger.StatusEntry{Index: index, Status: s, Time: n.Time.Unix()}.Encode()
	must(err)
	r.Status.Append(raw)
}

// Logs returns all logs, the directory first.
func (n *Nation) Logs() []*Log {
	logs := []*Log{n.Directory}
	for _, r := range n.Registries {
		logs = append(logs, r.Records, r.Status)
	}
	return logs
}

// View returns the view of a gateway that has everything, at the nation's time.
func (n *Nation) View() *ledger.View { return n.ViewWith(nil) }

// ViewWith is View, but the checkpoints of the logs in times, by short name, are
// as old as it says; a log with the zero time is not held.
func (n *Nation) ViewWith(times map[string]time.Time) *ledger.View {
	dir, err := ledger.NewDirectory(n.Root)
	must(err)
	dir = dir.With(n.Directory.entries)
	var held []*ledger.LogView
	for _, l := range n.Logs() {
		at, ok := times[l.Short]
		if !ok {
			at = n.Time
		}
		if at.IsZero() {
			continue
		}
		policies := dir.Policies(l.Short)
		if len(policies) == 0 {
			continue // its row is void
		}
		cp, err := policies[0].Open(l.Checkpoint(at))
		must(err)
		tree, err := ledger.Grow(new(ledger.Tree), cp.Size, cp.Root, tiles{l})
		must(err)
		var statuses *ledger.StatusSet
		if dir.IsStatusLog(l.Short) {
			statuses = statuses.With(l.entries)
		}
		held = append(held, ledger.NewLogView(l.Short, cp, tree, statuses))
	}
	return ledger.NewView(dir, held...)
}

// tiles reads a log's own tiles.
type tiles struct{ l *Log }

func (t tiles) ReadTile(level int, n uint64, width int) ([]ledger.Hash, error) {
	b, err := t.l.Tile(level, n, width)
	if err != nil {
		return nil, err
	}
	return ledger.ParseTile(b)
}

func (t tiles) SaveTile(int, uint64, []ledger.Hash) {}

// Resign returns a note with the same text signed by other keys only: a log key
// that is not the log's, for tests of refusal.
func Resign(raw []byte, signers ...string) []byte {
	var text string
	for i := range raw {
		if i > 0 && raw[i] == '\n' && raw[i-1] == '\n' {
			text = string(raw[:i])
			break
		}
	}
	var ss []note.Signer
	for _, s := range signers {
		ss = append(ss, Signer(s))
	}
	out, err := note.Sign(&note.Note{Text: text}, ss...)
	must(err)
	return out
}
