package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
)

// Enrolment is what a registry asks the holder of the prefix above to put into the directory: its row and its issuer key. It is a JSON file
// without secrets.
type Enrolment struct {
	Version   int               `json:"version"`
	Prefix    string            `json:"prefix"`
	Names     map[string]string `json:"names"`
	Records   Log               `json:"records"`
	Status    Log               `json:"status"`
	AllocKeys []string          `json:"allocation_keys"`
	Threshold int               `json:"allocation_threshold"`
	Witnesses []string          `json:"witnesses"`
	Quorum    int               `json:"quorum"`
	Mirrors   []string          `json:"mirrors,omitempty"`
	IssuerKey []byte            `json:"issuer_key"`           // as the directory has it
	IssuerAlg int               `json:"issuer_alg,omitempty"` // its COSE number; absent is Ed25519
	Hosts     []string          `json:"hosts"`
	// Proofs show that the sender holds the keys: see Verify.
	Proofs [][]byte `json:"proofs,omitempty"`
}

// Log is a log in an Enrolment.
type Log struct {
	Short  string   `json:"short"`
	Origin string   `json:"origin"`
	Keys   []string `json:"keys"`
}

// Allocation says where in the directory an enrolment's rows are. Key is what the registry needs to issue.
type Allocation struct {
	Version   int    `json:"version"`
	Prefix    string `json:"prefix"`
	Registry  uint64 `json:"registry"` // index of the registry row
	Key       uint32 `json:"key"`      // index of the key row
	IssuerKey []byte `json:"issuer_key"`
	Row       []byte `json:"row"` // SHA-256 of the registry row's payload
}

// ParseEnrolment reads the JSON form of an enrolment, strictly.
func ParseEnrolment(b []byte) (Enrolment, error) {
	var e Enrolment
	if err := strict(b, &e); err != nil {
		return Enrolment{}, fmt.Errorf("enrolment request: %w", err)
	}
	if e.Version != configVersion {
		return Enrolment{}, fmt.Errorf("enrolment request has version %d, this program reads %d", e.Version, configVersion)
	}
	return e, nil
}

// ParseAllocation reads the JSON form of an allocation, strictly.
func ParseAllocation(b []byte) (Allocation, error) {
	var a Allocation
	if err := strict(b, &a); err != nil {
		return Allocation{}, fmt.Errorf("allocation: %w", err)
	}
	if a.Version != configVersion {
		return Allocation{}, fmt.Errorf("allocation has version %d, this program reads %d", a.Version, configVersion)
	}
	return a, nil
}

// Marshal gives the JSON form of an enrolment.
func (e Enrolment) Marshal() []byte { return indented(e) }

// Marshal gives the JSON form of an allocation.
func (a Allocation) Marshal() []byte { return indented(a) }

// Enrol gives the enrolment request of the registry in dir. It needs no open registry.
func Enrol(dir string) (Enrolment, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return Enrolment{}, err
	}
	return c.enrol(dir, c.issuerKeyFile(dir))
}

// enrol asks for the row of the issuer key in a file.
func (c Config) enrol(dir, keyFile string) (Enrolment, error) {
	issuer, err := LoadIssuerKey(keyFile)
	if err != nil {
		return Enrolment{}, err
	}
	alloc, err := verifierKey(dir, allocationKey)
	if err != nil {
		return Enrolment{}, err
	}
	stages := c.stages()
	s := stages[len(stages)-1]
	e := Enrolment{
		Version: configVersion, Prefix: c.Prefix, Names: c.Names, AllocKeys: []string{alloc}, Threshold: 1, Witnesses: s.witnessKeys(),
		Quorum: s.Quorum, Mirrors: c.Mirrors, Hosts: c.Hosts,
	}
	var alg int
	if alg, e.IssuerKey, err = code.KeyOf(issuer.Public()); err != nil {
		return Enrolment{}, err
	}
	if alg != code.AlgEd25519 {
		e.IssuerAlg = alg
	}
	for log, to := range map[string]*Log{c.RecordsLog(): &e.Records, c.StatusLog(): &e.Status} {
		ref, err := c.logRef(dir, log, s)
		if err != nil {
			return Enrolment{}, err
		}
		*to = Log(ref)
	}
	return e, e.prove(dir, c, s, issuer)
}

// alg is the issuer key's algorithm.
func (e Enrolment) alg() int {
	if e.IssuerAlg == 0 {
		return code.AlgEd25519
	}
	return e.IssuerAlg
}

// rows gives the directory's rows of an enrolment.
func (e Enrolment) rows() (*ledger.RegistryRow, *ledger.KeyRow) {
	return &ledger.RegistryRow{
			Prefix: e.Prefix, Names: e.Names, Records: ledger.LogRef(e.Records), Status: ledger.LogRef(e.Status), AllocKeys: e.AllocKeys,
			AllocThreshold: e.Threshold, Witnesses: e.Witnesses, Quorum: e.Quorum, Mirrors: e.Mirrors,
		}, &ledger.KeyRow{
			Prefix: e.Prefix, Key: e.IssuerKey, Alg: e.alg(), Hosts: e.Hosts, Records: e.Records.Short, Status: e.Status.Short,
		}
}

// rowHash is SHA-256 of the registry row's payload.
func (e Enrolment) rowHash() ([]byte, error) {
	row, _ := e.rows()
	payload, err := ledger.EncodePayload(ledger.DirectoryEntry{Registry: row})
	sum := sha256.Sum256(payload)
	return sum[:], err
}

// visitDirectory folds a row of the directory's book.
func (r *Registry) visitDirectory(w row) error {
	r.fold = r.fold.With([][]byte{w.Entry})
	return nil
}

// Allocate puts an enrolment into the directory: a registry row, unless the newest one of the prefix is the same, and a key row, unless the
// issuer key has one. Each entry is signed by the threshold of the directory keys for its own index. An entry that gateways would not obey is
// refused and not logged. Only the national registry allocates, its own prefix and what lies directly below it; what lies below a city, the
// city signs: AllocateBelow.
func (r *Registry) Allocate(ctx context.Context, e Enrolment) (Allocation, error) {
	p, err := cityid.ParsePrefix(e.Prefix)
	if err != nil {
		return Allocation{}, fmt.Errorf("allocate: %w", err)
	}
	parent, ok := p.Parent()
	switch {
	case p == r.prefix, ok && parent == r.prefix:
		return r.allocate(ctx, e, func(e ledger.DirectoryEntry) (uint64, error) { return r.logEntry(ctx, e) })
	case ok && r.prefix.CoversPrefix(p) && r.directory != nil:
		return Allocation{}, fmt.Errorf("allocate %s: the allocation key of %s signs that: %w", p, parent, ErrSignAgain)
	}
	return Allocation{}, fmt.Errorf("allocate: %s does not lie directly below %s", p, r.prefix)
}

// allocate enters what is not there yet.
func (r *Registry) allocate(ctx context.Context, e Enrolment, enter func(ledger.DirectoryEntry) (uint64, error)) (Allocation, error) {
	if r.directory == nil {
		return Allocation{}, errors.New("allocate: only the national registry runs the directory")
	}
	if err := e.Verify(); err != nil {
		return Allocation{}, fmt.Errorf("allocate: %w", err)
	}
	row, err := e.rowHash()
	if err != nil {
		return Allocation{}, fmt.Errorf("allocate: %w", err)
	}
	a := Allocation{Version: configVersion, Prefix: e.Prefix, IssuerKey: e.IssuerKey, Row: row}
	err = r.exclusive(ctx, func() error {
		registry, key := e.rows()
		if a.Registry, err = r.allocateRegistry(registry, enter); err != nil {
			return err
		}
		index, err := r.allocateKey(key, enter)
		a.Key = uint32(index)
		return err
	})
	if err != nil {
		return Allocation{}, fmt.Errorf("allocate %s: %w", e.Prefix, err)
	}
	return a, nil
}

func (r *Registry) allocateRegistry(row *ledger.RegistryRow, enter func(ledger.DirectoryEntry) (uint64, error)) (uint64, error) {
	if old := r.fold.Registry(row.Prefix); old != nil {
		a, err1 := ledger.EncodePayload(ledger.DirectoryEntry{Registry: old})
		b, err2 := ledger.EncodePayload(ledger.DirectoryEntry{Registry: row})
		if err := errors.Join(err1, err2); err != nil {
			return 0, err
		}
		if bytes.Equal(a, b) {
			return r.findEntry(func(e ledger.DirectoryEntry) bool { return bytes.Equal(e.Payload, b) })
		}
	}
	return enter(ledger.DirectoryEntry{Registry: row})
}

func (r *Registry) allocateKey(row *ledger.KeyRow, enter func(ledger.DirectoryEntry) (uint64, error)) (uint64, error) {
	for i := range r.fold.Size() {
		k, _ := r.fold.Key(uint32(i))
		if k != nil && bytes.Equal(k.Key, row.Key) {
			if k.Prefix != row.Prefix || k.Alg != row.Alg || !slices.Equal(k.Hosts, row.Hosts) || k.Records != row.Records {
				return 0, fmt.Errorf("the issuer key has another row, at %d; a row never changes: make a new key", i)
			}
			return i, nil
		}
	}
	return enter(ledger.DirectoryEntry{Key: row})
}

// findEntry gives the index of the newest entry that fits.
func (r *Registry) findEntry(fits func(ledger.DirectoryEntry) bool) (uint64, error) {
	for i := r.directory.book.len(); i > 0; i-- {
		w, err := r.directory.book.row(i - 1)
		if err != nil {
			return 0, err
		}
		if e, err := ledger.ParseDirectoryEntry(i-1, w.Entry); err == nil && fits(e) {
			return i - 1, nil
		}
	}
	return 0, errors.New("the directory's book lacks an entry of its own fold")
}

// EnrolSelf allocates the national registry's own row and key, and accepts them.
func (r *Registry) EnrolSelf(ctx context.Context) (Allocation, error) {
	e, err := Enrol(r.dir)
	if err != nil {
		return Allocation{}, err
	}
	a, err := r.Allocate(ctx, e)
	if err != nil {
		return Allocation{}, err
	}
	return a, Accept(r.dir, a)
}
