package mirrored

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"citygate/internal/keyindex"
	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
)

// This file implements the monitor: it reads everything that registries have logged and finds what should not be there. Cosignatures say
// that a log grew; only a monitor says that its entries are right.

// A Finding is something in a log that its registry has to explain.
type Finding struct {
	// Kind is one of the constants below.
	Kind FindingKind
	// Log and Index say where it is; for a log as a whole Index is its size.
	Log   string
	Index uint64
	// Detail is for people.
	Detail string
}

// FindingKind names a sort of finding. The words are fixed.
type FindingKind string

// What a monitor finds.
const (
	// DoubleAllocation: an identifier has a second record while the first stands.
	DoubleAllocation FindingKind = "double-allocation"
	// OutsidePrefix: a record names an identifier that the log's registry does not hold.
	OutsidePrefix FindingKind = "outside-prefix"
	// BadEntry: an entry is neither record, commitment nor padding, or no status entry.
	BadEntry FindingKind = "bad-entry"
	// StatusForNoRecord: a status names an index that has no record.
	StatusForNoRecord FindingKind = "status-for-no-record"
	// UnknownStatus: gateways take the record for suspended.
	UnknownStatus FindingKind = "unknown-status"
	// WrongSnapshot: a snapshot in a status log says something else than the entries before it.
	WrongSnapshot FindingKind = "wrong-snapshot"
	// VoidEntry: a directory entry that gateways do not obey.
	VoidEntry FindingKind = "void-entry"
	// NotInBook: an entry that the registry's own book does not have. Somebody else holds its log key.
	NotInBook FindingKind = "not-in-book"
	// Stopped: the newest checkpoint is old.
	Stopped FindingKind = "stopped"
	// Fork: the log has shown two histories; the notes are in evidence/.
	Fork FindingKind = "fork"
)

// Watch says what Monitor looks for beyond what the logs themselves show.
type Watch struct {
	// Now is the time against which checkpoints are held; MaxAge how old one may be, 0 for 15 minutes.
	Now    time.Time
	MaxAge time.Duration
	// InBook compares an entry with the registry's own book; nil compares nothing. It is asked only for logs that Books names.
	InBook func(log string, index uint64, entry []byte) bool
	Books  []string
}

// defaultMaxAge leaves room for one missed round: logs are cosigned at least every 10 minutes.
const defaultMaxAge = 15 * time.Minute

// monitor is one pass over all logs.
type monitor struct {
	c        *Copy
	w        Watch
	d        *ledger.Directory
	seen     *keyindex.Index // where identifiers are: the record's index and the begin of its log
	logs     []recordsLog    // those that were read, by begin
	reading  uint64          // size of the log that is read
	findings []Finding
}

// recordsLog is a records log that the monitor reads.
type recordsLog struct {
	begin uint64 // how many entries the logs before it have
	copy  *logCopy
	size  uint64
	set   *ledger.StatusSet
}

// Monitor reads all that is copied and gives what it finds, by log and index. Sync reports forks as it meets them; Monitor reports those of
// the reports that it is given, and everything else from what is held. Identifiers are compared on the disk, in index/.
func (c *Copy) Monitor(reports []LogReport, w Watch) ([]Finding, error) {
	if w.MaxAge == 0 {
		w.MaxAge = defaultMaxAge
	}
	d, err := c.Directory()
	if err != nil {
		return nil, err
	}
	m := &monitor{c: c, w: w, d: d}
	forget, err := m.openSeen()
	if err != nil {
		return nil, err
	}
	defer forget()
	for _, r := range reports {
		if fork := (*ledger.ForkError)(nil); errors.As(r.Err, &fork) {
			m.find(Fork, r.Log, r.To, fork.Error())
		}
	}
	for _, v := range d.Voids() {
		m.find(VoidEntry, ledger.DirectoryLog, v.Index, v.Reason)
	}
	if err := m.directory(); err != nil {
		return nil, err
	}
	for _, row := range d.Registries() {
		if err := m.registry(row); err != nil {
			return nil, err
		}
	}
	return m.findings, nil
}

func (m *monitor) find(k FindingKind, log string, index uint64, detail string) {
	m.findings = append(m.findings, Finding{k, log, index, detail})
}

// entries shows every held entry of a log, and checks age and book on the way. It reports whether the log is held.
func (m *monitor) entries(short string, policies []ledger.LogPolicy, show func(i uint64, e []byte)) (uint64, bool, error) {
	l := m.c.log(short, policies)
	if !isFile(filepath.Join(l.dir, ledger.CheckpointPath)) {
		return 0, false, nil
	}
	held, err := l.load()
	if err != nil {
		return 0, false, err
	}
	m.reading = held.cp.Size
	if age := m.w.Now.Sub(held.cp.Time); age > m.w.MaxAge {
		m.find(Stopped, short, held.cp.Size, fmt.Sprintf("last cosigned %s ago", age.Round(time.Second)))
	}
	booked := m.w.InBook != nil && slices.Contains(m.w.Books, short)
	for n := uint64(0); n*ledger.TileWidth < held.cp.Size; n++ {
		entries, err := l.bundle(n, width(n, held.cp.Size))
		if err != nil {
			return 0, false, err
		}
		for i, e := range entries {
			at := n*ledger.TileWidth + uint64(i)
			if booked && !m.w.InBook(short, at, e) {
				m.find(NotInBook, short, at, "the registry's book has another row or none")
			}
			show(at, e)
		}
	}
	return held.cp.Size, true, nil
}

// directory looks at the directory's age and book; what its entries mean, Directory has judged.
func (m *monitor) directory() error {
	_, _, err := m.entries(ledger.DirectoryLog, m.d.Policies(ledger.DirectoryLog), func(uint64, []byte) {})
	return err
}

// registry reads a status log first, because a renewal is right only after the record before was revoked.
func (m *monitor) registry(row *ledger.RegistryRow) error {
	prefix, err := cityid.ParsePrefix(row.Prefix)
	if err != nil {
		return err
	}
	var raws [][]byte
	if _, _, err := m.entries(row.Status.Short, m.d.Policies(row.Status.Short), func(_ uint64, e []byte) { raws = append(raws, e) }); err != nil {
		return err
	}
	set := new(ledger.StatusSet).With(raws)
	m.begin(row.Records, set)
	empty := make(map[uint64]bool) // indices without a record: few, as a batch has at most 255
	var failed error
	size, held, err := m.entries(row.Records.Short, m.d.Policies(row.Records.Short), func(i uint64, e []byte) {
		is, err := m.record(prefix, i, e)
		if !is {
			empty[i] = true
		}
		failed = errors.Join(failed, err)
	})
	if err := errors.Join(err, failed); err != nil || !held {
		return err
	}
	snapshots := m.snapshots(row.Status.Short, raws)
	for i, raw := range raws {
		e, err := ledger.ParseStatusEntry(raw)
		switch {
		case err != nil && snapshots[i]:
		case err != nil:
			m.find(BadEntry, row.Status.Short, uint64(i), "not a status entry")
		case e.Index >= size || empty[e.Index]:
			m.find(StatusForNoRecord, row.Status.Short, uint64(i), fmt.Sprintf("index %d of %d has no record", e.Index, size))
		case e.Status != ledger.Revoked && e.Status != ledger.Suspended && e.Status != ledger.Restored:
			m.find(UnknownStatus, row.Status.Short, uint64(i), fmt.Sprintf("status %d of record %d", uint8(e.Status), e.Index))
		}
	}
	return nil
}

// snapshots compares each whole snapshot with the entries before it, and says which entries are parts of one. A snapshot that a crash has cut
// short is passed over by its readers too.
func (m *monitor) snapshots(log string, raws [][]byte) map[int]bool {
	found := make(map[int]bool)
	var fold *ledger.StatusSet
	folded := uint64(0)
	var parts []ledger.SnapshotPart
	for i, raw := range raws {
		p, err := ledger.ParseSnapshotPart(uint64(i), raw)
		if err != nil {
			parts = nil
			continue
		}
		found[i] = true
		if p.Part == 0 {
			parts = nil
		}
		if parts = append(parts, p); p.Part+1 != p.Parts {
			continue
		}
		fold, folded = fold.With(raws[folded:p.Size]), p.Size
		said, err := ledger.StatusesOf(parts)
		if err != nil || !slices.Equal(said.NotGood(), fold.NotGood()) {
			m.find(WrongSnapshot, log, p.Size, "the snapshot is not the fold of the entries before it")
		}
	}
	return found
}

// record judges one entry of a records log, and reports whether it is a record at all.
func (m *monitor) record(prefix cityid.Prefix, i uint64, e []byte) (bool, error) {
	switch {
	case string(e) == code.Padding:
		return false, nil
	case len(e) == 1+code.HashSize && e[0] == code.TypePersonal:
		return true, nil
	}
	log := m.logs[len(m.logs)-1].copy.short
	id, ok := public(e)
	if !ok {
		m.find(BadEntry, log, i, "neither record nor commitment nor padding")
		return false, nil
	}
	if !prefix.Covers(id) {
		m.find(OutsidePrefix, log, i, fmt.Sprintf("%s is not below %s", id, prefix))
	}
	return true, m.allocated(id, i, e)
}
