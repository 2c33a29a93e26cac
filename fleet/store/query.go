package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"citygate/fleet"
	"citygate/sync/wire"
)

// Gateways returns all that is known of every gateway, by name.
func (s *Store) Gateways(ctx context.Context) ([]fleet.Gateway, error) {
	return s.gateways(ctx, "")
}

// Gateway returns all that is known of one gateway, or fleet.ErrUnknownDevice.
func (s *Store) Gateway(ctx context.Context, name string) (fleet.Gateway, error) {
	list, err := s.gateways(ctx, name)
	if err != nil {
		return fleet.Gateway{}, err
	}
	if len(list) == 0 {
		return fleet.Gateway{}, fmt.Errorf("device %q: %w", name, fleet.ErrUnknownDevice)
	}
	return list[0], nil
}

func (s *Store) gateways(ctx context.Context, name string) ([]fleet.Gateway, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return nil, fmt.Errorf("read gateways: %w", err)
	}
	defer tx.Rollback()
	list, byID, err := readDevices(ctx, tx, name)
	if err != nil {
		return nil, fmt.Errorf("read gateways: %w", err)
	}
	if err := readRecent(ctx, tx, list, byID, s.now(), name); err != nil {
		return nil, fmt.Errorf("read recent verdicts: %w", err)
	}
	open, err := findings(ctx, tx, FindingsQuery{Device: name, Limit: 10000})
	if err != nil {
		return nil, err
	}
	at := make(map[string]int, len(list))
	for i, g := range list {
		at[g.Name] = i
	}
	for _, f := range open {
		if i, ok := at[f.Device]; ok {
			list[i].Open = append(list[i].Open, f)
		}
	}
	return list, nil
}

func readDevices(ctx context.Context, tx *sql.Tx, name string) ([]fleet.Gateway, map[int64]int, error) {
	rows, err := tx.QueryContext(ctx, `SELECT d.id, d.name, d.event_key, d.title, d.place, d.added_us, d.heard_us, d.online,
		d.state_us, d.birth, d.birth_us, d.births, d.health, d.health_us, d.report, d.report_us,
		COALESCE(e.epoch, 0), COALESCE(e.mark, 0), COALESCE(e.stored_us, 0)
		FROM devices d LEFT JOIN epochs e ON e.id = (SELECT id FROM epochs x WHERE x.device = d.id ORDER BY stored_us DESC, id DESC LIMIT 1)
		WHERE $1 = '' OR d.name = $1 ORDER BY d.name`, name)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var list []fleet.Gateway
	byID := make(map[int64]int)
	for rows.Next() {
		id, g, err := scanGateway(rows)
		if err != nil {
			return nil, nil, err
		}
		byID[id] = len(list)
		list = append(list, g)
	}
	return list, byID, rows.Err()
}

func scanGateway(rows *sql.Rows) (int64, fleet.Gateway, error) {
	var g fleet.Gateway
	var id, added, heard, since, birthUS, healthUS, reportUS, epoch, mark, stored int64
	var online int
	var birth, health, report []byte
	err := rows.Scan(&id, &g.Name, &g.Key, &g.Title, &g.Place, &added, &heard, &online,
		&since, &birth, &birthUS, &g.Births, &health, &healthUS, &report, &reportUS, &epoch, &mark, &stored)
	if err != nil {
		return 0, g, err
	}
	g.Added, g.Heard, g.Since, g.Stored = fromMicros(added), fromMicros(heard), fromMicros(since), fromMicros(stored)
	g.BirthAt, g.HealthAt, g.ReportAt = fromMicros(birthUS), fromMicros(healthUS), fromMicros(reportUS)
	g.Presence = fleet.Presence(online)
	g.Epoch, g.Mark = uint64(epoch), uint64(mark)
	// A payload that does not parse was written by an older build: not known.
	if b, err := wire.DecodeBirth(birth); err == nil {
		g.Birth = &b
	}
	if h, err := wire.DecodeHealth(health); err == nil {
		g.Health = &h
	}
	if r, err := wire.DecodeReport(report); err == nil {
		g.Report = &r
	}
	return id, g, nil
}

func readRecent(ctx context.Context, tx *sql.Tx, list []fleet.Gateway, byID map[int64]int, now time.Time, name string) error {
	from := now.Truncate(Slot).Add(-3 * Slot)
	rows, err := tx.QueryContext(ctx, `SELECT c.device, c.verdict, SUM(c.n) FROM counts c WHERE c.slot_us >= $1
		AND ($2 = '' OR c.device = (SELECT id FROM devices WHERE name = $2)) GROUP BY c.device, c.verdict`, micros(from), name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var device, n int64
		var verdict string
		if err := rows.Scan(&device, &verdict, &n); err != nil {
			return err
		}
		if i, ok := byID[device]; ok {
			if list[i].Recent == nil {
				list[i].Recent = make(map[string]int64)
			}
			list[i].Recent[verdict] = n
		}
	}
	return rows.Err()
}

// Count is how often one verdict was given in one quarter of an hour.
type Count struct {
	Slot    time.Time
	Verdict string
	N       int64
	// Quick counts those that were read and checked in under 100 ms.
	Quick int64
}

// Counts returns the verdicts from one time to another, by quarter of an hour
// of the gateway's clock. An empty device means all of them together.
func (s *Store) Counts(ctx context.Context, device string, from, to time.Time) ([]Count, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT slot_us, verdict, SUM(n), SUM(quick) FROM counts
		WHERE slot_us >= $1 AND slot_us < $2 AND ($3 = '' OR device = (SELECT id FROM devices WHERE name = $3))
		GROUP BY slot_us, verdict ORDER BY slot_us, verdict`, micros(from), micros(to), device)
	if err != nil {
		return nil, fmt.Errorf("count verdicts: %w", err)
	}
	defer rows.Close()
	var out []Count
	for rows.Next() {
		var c Count
		var slot int64
		if err := rows.Scan(&slot, &c.Verdict, &c.N, &c.Quick); err != nil {
			return nil, fmt.Errorf("count verdicts: %w", err)
		}
		c.Slot = fromMicros(slot)
		out = append(out, c)
	}
	return out, rows.Err()
}

// Sizes returns, for each log, the largest size that any gateway reported.
func (s *Store) Sizes(ctx context.Context) (map[string]uint64, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT log, MAX(size) FROM heads GROUP BY log`)
	if err != nil {
		return nil, fmt.Errorf("read log sizes: %w", err)
	}
	defer rows.Close()
	out := make(map[string]uint64)
	for rows.Next() {
		var log string
		var size int64
		if err := rows.Scan(&log, &size); err != nil {
			return nil, fmt.Errorf("read log sizes: %w", err)
		}
		out[log] = uint64(size)
	}
	return out, rows.Err()
}
