package store

import (
	"context"
	"fmt"
	"slices"
)

// Totals are figures over everything that is stored.
type Totals struct {
	// Numbers is the sum of all marks: events, and events given up.
	Numbers uint64
	// Epochs counts starts of daemons.
	Epochs int
	// Verdicts counts the scans by verdict, since the beginning.
	Verdicts map[string]int64
	// Findings counts the open findings by kind.
	Findings map[string]int64
}

// Totals reads the figures.
func (s *Store) Totals(ctx context.Context) (Totals, error) {
	t := Totals{Verdicts: make(map[string]int64), Findings: make(map[string]int64)}
	var sum int64
	if err := s.read.QueryRowContext(ctx, `SELECT COALESCE(SUM(mark - base), 0), COUNT(*) FROM epochs`).Scan(&sum, &t.Epochs); err != nil {
		return t, fmt.Errorf("sum marks: %w", err)
	}
	t.Numbers = uint64(sum)
	if err := s.group(ctx, t.Verdicts, `SELECT verdict, SUM(n) FROM counts GROUP BY verdict`); err != nil {
		return t, fmt.Errorf("sum verdicts: %w", err)
	}
	if err := s.group(ctx, t.Findings, `SELECT kind, COUNT(*) FROM findings WHERE resolved_us = 0 GROUP BY kind`); err != nil {
		return t, fmt.Errorf("count findings: %w", err)
	}
	return t, nil
}

func (s *Store) group(ctx context.Context, into map[string]int64, query string) error {
	rows, err := s.read.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var n int64
		if err := rows.Scan(&key, &n); err != nil {
			return err
		}
		into[key] = n
	}
	return rows.Err()
}

// Newest returns the records of all devices that were stored last, the newest
// first, at most n.
func (s *Store) Newest(ctx context.Context, n int) ([]Record, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT d.name, e.epoch FROM epochs e JOIN devices d ON d.id = e.device
		ORDER BY e.stored_us DESC, e.id DESC LIMIT $1`, n)
	if err != nil {
		return nil, fmt.Errorf("list newest epochs: %w", err)
	}
	defer rows.Close()
	var queries []EventsQuery
	for rows.Next() {
		q := EventsQuery{Newest: true, Limit: n}
		var epoch int64
		if err := rows.Scan(&q.Device, &epoch); err != nil {
			return nil, fmt.Errorf("list newest epochs: %w", err)
		}
		q.Epoch = uint64(epoch)
		queries = append(queries, q)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list newest epochs: %w", err)
	}
	var out []Record
	for _, q := range queries {
		err := s.Events(ctx, q, func(r Record) error {
			out = append(out, r)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b Record) int { return b.Stored.Compare(a.Stored) })
	return out[:min(n, len(out))], nil
}
