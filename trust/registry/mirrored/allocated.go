package mirrored

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"citygate/internal/durable"
	"citygate/internal/keyindex"
	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
)

// This file implements the monitor's look for identifiers that are allocated twice, in one log or in two. Where identifiers are is kept in an
// index on the disk for as long as the monitor reads, since a nation's do not fit into memory.

// openSeen begins the index. The function that it gives ends it.
func (m *monitor) openSeen() (forget func(), err error) {
	parent := filepath.Join(m.c.dir, "index")
	if err := durable.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	dir, err := os.MkdirTemp(parent, "monitor-")
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	if m.seen, err = keyindex.Open(filepath.Join(dir, "seen")); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("monitor: %w", err)
	}
	return func() { m.seen.Close(); os.RemoveAll(dir) }, nil
}

// begin says that the records of a log come now, and which of them are revoked.
func (m *monitor) begin(ref ledger.LogRef, set *ledger.StatusSet) {
	l := recordsLog{copy: m.c.log(ref.Short, nil), set: set}
	if n := len(m.logs); n > 0 {
		l.begin = m.logs[n-1].begin + m.logs[n-1].size
	}
	m.logs = append(m.logs, l)
}

// allocated judges record i of the log that is read, which names an identifier, against the identifier's record before.
func (m *monitor) allocated(id cityid.ID, i uint64, e []byte) error {
	now := &m.logs[len(m.logs)-1]
	now.size = m.reading
	claims, err := code.Code{Body: e}.Claims()
	if err != nil {
		return nil // public has read them
	}
	rows, err := m.seen.Rows(id.String())
	if err != nil {
		return err
	}
	for _, at := range rows {
		n := sort.Search(len(m.logs), func(k int) bool { return m.logs[k].begin > at }) - 1
		l, index := m.logs[n], at-m.logs[n].begin
		old, err := l.claims(id, index)
		if err != nil {
			return err
		}
		if old == nil {
			continue // of another identifier
		}
		if l.set.Of(index) != ledger.Revoked && (old.NotAfter == 0 || claims.Issued == 0 || claims.Issued <= old.NotAfter) {
			m.find(DoubleAllocation, now.copy.short, i, fmt.Sprintf("%s stands already at %s %d", id, l.copy.short, index))
		}
		break
	}
	m.seen.Put(id.String(), now.begin+i)
	if m.seen.Delta() >= keyindex.MaxDelta {
		return m.seen.Flush(nil)
	}
	return nil
}

// claims reads a record again, and gives nil if it names something else than id.
func (l recordsLog) claims(id cityid.ID, index uint64) (*code.Claims, error) {
	n := index / ledger.TileWidth
	entries, err := l.copy.bundle(n, width(n, l.size))
	if err != nil {
		return nil, err
	}
	claims, err := code.Code{Body: entries[index%ledger.TileWidth]}.Claims()
	if err != nil {
		return nil, nil
	}
	if got, err := claims.ID(); err != nil || got != id {
		return nil, nil
	}
	return &claims, nil
}
