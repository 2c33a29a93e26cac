package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"citygate/fleet"
)

// maxEvidence bounds what one finding keeps of a message.
const maxEvidence = 256 << 10

// Find stores a finding. Seen again under the same device, kind, subject, epoch
// and numbers, it counts up; a resolved gap opens again.
func (s *Store) Find(ctx context.Context, f fleet.Finding) error {
	err := s.inTx(ctx, []string{f.Device}, func(tx *sql.Tx) error {
		id, err := deviceID(ctx, tx, f.Device)
		if err != nil {
			return err
		}
		return s.addFinding(ctx, tx, id, f)
	})
	if err == nil {
		s.watch.send(Change{Device: f.Device, What: "findings"})
	}
	return err
}

func (s *Store) addFinding(ctx context.Context, tx *sql.Tx, device int64, f fleet.Finding) error {
	// A gap may come again, and a fork with a third chain is another one.
	const again = `findings.kind = 'gap' OR findings.kind = 'fork' AND findings.theirs <> excluded.theirs`
	now := micros(s.now())
	evidence := f.Evidence[:min(len(f.Evidence), maxEvidence)]
	_, err := tx.ExecContext(ctx, `INSERT INTO findings
		(device, kind, subject, epoch, first, last, detail, ours, theirs, evidence, first_us, last_us, times)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1)
		ON CONFLICT (device, kind, subject, epoch, first, last)
		DO UPDATE SET last_us = excluded.last_us, times = findings.times + 1,
			resolved_us = CASE WHEN `+again+` THEN 0 ELSE findings.resolved_us END,
			reason = CASE WHEN `+again+` THEN '' ELSE findings.reason END,
			theirs = excluded.theirs,
			evidence = CASE WHEN findings.theirs = excluded.theirs THEN findings.evidence ELSE excluded.evidence END`,
		device, string(f.Kind), f.Subject, int64(f.Epoch), int64(f.First), int64(f.Last), line(f.Detail),
		blob(f.Ours), blob(f.Theirs), blob(evidence), now, now)
	if err != nil {
		return fmt.Errorf("store finding %s: %w", f.Kind, err)
	}
	s.log.Warn("finding", "device", f.Device, "kind", string(f.Kind), "first", f.First, "last", f.Last, "detail", f.Detail)
	return nil
}

// resolveGaps closes gaps of an epoch whose last missing number is accounted for.
func (s *Store) resolveGaps(ctx context.Context, tx *sql.Tx, device int64, epoch, mark uint64) error {
	_, err := tx.ExecContext(ctx, `UPDATE findings SET resolved_us = $1, reason = 'accounted for'
		WHERE resolved_us = 0 AND device = $2 AND kind = 'gap' AND epoch = $3 AND last BETWEEN 1 AND $4`,
		micros(s.now()), device, int64(epoch), int64(mark))
	if err != nil {
		return fmt.Errorf("resolve gaps: %w", err)
	}
	return nil
}

// FindingsQuery narrows Findings; the zero value asks for the newest open ones.
type FindingsQuery struct {
	Device   string
	ID       int64
	Resolved bool // also those that ended
	Limit    int  // 0 means 500
}

// Findings lists findings, the most recently seen first. Evidence is filled in
// only when one finding is asked for by its ID.
func (s *Store) Findings(ctx context.Context, q FindingsQuery) ([]fleet.Finding, error) {
	return findings(ctx, s.read, q)
}

// querier is a pool, or a transaction of one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func findings(ctx context.Context, db querier, q FindingsQuery) ([]fleet.Finding, error) {
	where, args := []string{"1 = 1"}, []any{}
	add := func(clause string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf(clause, len(args)))
	}
	evidence := "substr(f.evidence, 1, 0)" // empty, in the words of both databases
	if q.ID != 0 {
		add("f.id = $%d", q.ID)
		evidence = "f.evidence"
	}
	if q.Device != "" {
		add("d.name = $%d", q.Device)
	}
	if !q.Resolved && q.ID == 0 {
		where = append(where, "f.resolved_us = 0")
	}
	if q.Limit <= 0 {
		q.Limit = 500
	}
	rows, err := db.QueryContext(ctx, `SELECT f.id, d.name, f.kind, f.subject, f.epoch, f.first, f.last, f.detail,
		f.ours, f.theirs, `+evidence+`, f.first_us, f.last_us, f.times, f.resolved_us, f.reason
		FROM findings f JOIN devices d ON d.id = f.device WHERE `+strings.Join(where, " AND ")+
		fmt.Sprintf(` ORDER BY f.last_us DESC, f.id DESC LIMIT %d`, q.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("list findings: %w", err)
	}
	defer rows.Close()
	var out []fleet.Finding
	for rows.Next() {
		f, err := scanFinding(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

func scanFinding(rows *sql.Rows) (fleet.Finding, error) {
	var f fleet.Finding
	var kind string
	var epoch, first, last, firstUS, lastUS, resolved int64
	err := rows.Scan(&f.ID, &f.Device, &kind, &f.Subject, &epoch, &first, &last, &f.Detail,
		&f.Ours, &f.Theirs, &f.Evidence, &firstUS, &lastUS, &f.Times, &resolved, &f.Reason)
	if err != nil {
		return f, fmt.Errorf("read finding: %w", err)
	}
	f.Kind, f.Epoch, f.First, f.Last = fleet.Kind(kind), uint64(epoch), uint64(first), uint64(last)
	f.FirstSeen, f.LastSeen, f.Resolved = fromMicros(firstUS), fromMicros(lastUS), fromMicros(resolved)
	return f, nil
}

var errNoReason = errors.New("a finding is closed only with a reason")

// Resolve closes a finding with a written reason.
func (s *Store) Resolve(ctx context.Context, id int64, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return errNoReason
	}
	res, err := s.write.ExecContext(ctx, `UPDATE findings SET resolved_us = $1, reason = $2 WHERE id = $3 AND resolved_us = 0`,
		micros(s.now()), line(reason), id)
	if err != nil {
		return fmt.Errorf("resolve finding %d: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("finding %d is not open", id), err)
	}
	return nil
}

// line makes text storable in both databases: PostgreSQL refuses what is not UTF-8,
// and the number 0.
func line(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?") }

// blob keeps databases from storing NULL for an empty value.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
