package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"citygate/fleet"
	"citygate/sync/wire"
)

// How the online column is written.
const (
	onlineUnknown = 0
	onlineYes     = 1
	onlineNo      = 2
)

// Birth stores a birth, a will or a goodbye. An "off" of another connection
// than the newest birth's is an old will that came late: it is ignored, and
// changed is false. An epoch that is born again after a later one is a Clone.
func (s *Store) Birth(ctx context.Context, device string, b wire.Birth) (changed bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		id, err := deviceID(ctx, tx, device)
		if err != nil {
			return err
		}
		var conn int64
		var online int
		if err := tx.QueryRowContext(ctx, `SELECT connection, online FROM devices WHERE id = $1`, id).Scan(&conn, &online); err != nil {
			return fmt.Errorf("read connection: %w", err)
		}
		same := uint64(conn) == b.Conn
		if b.State == wire.StateOff {
			if online != onlineUnknown && !same || online == onlineNo {
				return nil
			}
			changed = true
			_, err := tx.ExecContext(ctx, `UPDATE devices SET online = $1, state_us = $2, connection = $3 WHERE id = $4`,
				onlineNo, micros(s.now()), int64(b.Conn), id)
			return err
		}
		if same && online == onlineYes {
			return nil // the retained birth, read again
		}
		changed = true
		if err := s.born(ctx, tx, id, device, b); err != nil {
			return err
		}
		return s.checkLives(ctx, tx, id, device, b)
	})
	if err != nil {
		return false, fmt.Errorf("store birth of %s: %w", device, err)
	}
	if changed {
		s.watch.send(Change{Device: device, What: "state"})
	}
	return changed, nil
}

func (s *Store) born(ctx context.Context, tx *sql.Tx, id int64, device string, b wire.Birth) error {
	raw, err := b.Encode()
	if err != nil {
		return err
	}
	now := micros(s.now())
	_, err = tx.ExecContext(ctx, `UPDATE devices SET online = $1, state_us = $2, birth_us = $2, heard_us = $2,
		connection = $3, epoch = $4, birth = $5, births = births + 1 WHERE id = $6`,
		onlineYes, now, int64(b.Conn), int64(b.Epoch), raw, id)
	return err
}

func (s *Store) checkLives(ctx context.Context, tx *sql.Tx, id int64, device string, b wire.Birth) error {
	var known, newest int64
	err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(CASE WHEN epoch = $1 THEN id END), 0), COALESCE(MAX(id), 0)
		FROM lives WHERE device = $2`, int64(b.Epoch), id).Scan(&known, &newest)
	if err != nil {
		return err
	}
	if known == 0 {
		_, err = tx.ExecContext(ctx, `INSERT INTO lives (device, epoch, first_us) VALUES ($1, $2, $3)`, id, int64(b.Epoch), micros(s.now()))
		return err
	}
	if known == newest {
		return nil
	}
	return s.addFinding(ctx, tx, id, fleet.Finding{
		Device: device, Kind: fleet.Clone, Epoch: b.Epoch, Subject: "births",
		Detail: fmt.Sprintf("epoch %016x was born again after a later one", b.Epoch),
	})
}

// Health keeps the newest health message of a device.
func (s *Store) Health(ctx context.Context, device string, h wire.Health) error {
	raw, err := h.Encode()
	if err != nil {
		return fmt.Errorf("store health of %s: %w", device, err)
	}
	return s.keep(ctx, device, `UPDATE devices SET health = $1, health_us = $2, heard_us = MAX(heard_us, $2) WHERE name = $3`, raw)
}

// Report keeps the newest reported state of a device and compares the size and
// root of each log with what others reported: two roots for one size are a
// SplitView, with both roots.
func (s *Store) Report(ctx context.Context, device string, r wire.Report) error {
	raw, err := r.Encode()
	if err != nil {
		return fmt.Errorf("store report of %s: %w", device, err)
	}
	var found bool
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		id, err := deviceID(ctx, tx, device)
		if err != nil {
			return err
		}
		now := micros(s.now())
		_, err = tx.ExecContext(ctx, `UPDATE devices SET report = $1, report_us = $2, heard_us = MAX(heard_us, $2) WHERE id = $3`, raw, now, id)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM heads WHERE device = $1`, id); err != nil {
			return err
		}
		for _, h := range r.Trust {
			split, err := s.addHead(ctx, tx, id, device, h, raw)
			if err != nil {
				return fmt.Errorf("log %s: %w", h.Log, err)
			}
			found = found || split
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store report of %s: %w", device, err)
	}
	s.watch.send(Change{Device: device, What: "state"})
	if found {
		s.watch.send(Change{Device: device, What: "findings"})
	}
	return nil
}

func (s *Store) addHead(ctx context.Context, tx *sql.Tx, id int64, device string, h wire.Head, raw []byte) (split bool, err error) {
	now := micros(s.now())
	_, err = tx.ExecContext(ctx, `INSERT INTO heads (device, log, size, root, time_us, at_us) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (device, log) DO NOTHING`,
		id, h.Log, int64(h.Size), h.Root[:], h.Time*1e6, now)
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO roots (log, size, root, device, at_us) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (log, size) DO NOTHING`, h.Log, int64(h.Size), h.Root[:], id, now)
	if err != nil {
		return false, err
	}
	var root []byte
	var first string
	err = tx.QueryRowContext(ctx, `SELECT r.root, d.name FROM roots r JOIN devices d ON d.id = r.device
		WHERE r.log = $1 AND r.size = $2`, h.Log, int64(h.Size)).Scan(&root, &first)
	if err != nil || bytes.Equal(root, h.Root[:]) {
		return false, err
	}
	return true, s.addFinding(ctx, tx, id, fleet.Finding{
		Device: device, Kind: fleet.SplitView, Subject: h.Log, First: h.Size, Last: h.Size,
		Detail: fmt.Sprintf("another root of %s at size %d than %s reported", h.Log, h.Size, first),
		Ours:   root, Theirs: h.Root[:], Evidence: raw,
	})
}

func (s *Store) keep(ctx context.Context, device, query string, raw []byte) error {
	res, err := s.write.ExecContext(ctx, query, raw, micros(s.now()), device)
	if err != nil {
		return fmt.Errorf("store health of %s: %w", device, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("device %q: %w", device, fleet.ErrUnknownDevice), err)
	}
	s.watch.send(Change{Device: device, What: "state"})
	return nil
}
