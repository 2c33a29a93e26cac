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

// Observation is one message in which a device speaks of itself: exactly one of
// the three is set.
type Observation struct {
	Device string
	Birth  *wire.Birth
	Health *wire.Health
	Report *wire.Report
}

// Observe stores observations in their order, in one transaction. The first
// result has an error for each observation that could not be stored, such as
// fleet.ErrUnknownDevice; the second is an error of the store itself, after
// which nothing of them is stored.
//
// Of births: an "off" of another connection than the newest birth's is an old
// will that came late and is ignored; an epoch that is born again after a later
// one is a Clone. Of reports: two roots that any two devices report for one size
// of a log are a SplitView, with both roots.
func (s *Store) Observe(ctx context.Context, list []Observation) ([]error, error) {
	errs := make([]error, len(list))
	whats := make([]string, len(list))
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = o.Device
	}
	err := s.inTx(ctx, names, func(tx *sql.Tx) error {
		for i, o := range list {
			id, err := deviceID(ctx, tx, o.Device)
			if errors.Is(err, fleet.ErrUnknownDevice) {
				errs[i] = err
				continue
			}
			if err == nil {
				whats[i], err = s.observe(ctx, tx, id, o)
			}
			if err != nil {
				return fmt.Errorf("store state of %s: %w", o.Device, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, o := range list {
		if whats[i] != "" {
			s.watch.send(Change{Device: o.Device, What: whats[i]})
		}
	}
	return errs, nil
}

// observe stores one observation and says what changed, if anything did.
func (s *Store) observe(ctx context.Context, tx *sql.Tx, id int64, o Observation) (what string, err error) {
	switch {
	case o.Birth != nil:
		return s.birth(ctx, tx, id, o.Device, *o.Birth)
	case o.Health != nil:
		return "state", s.keep(ctx, tx, id, "health", o.Health.Encode)
	case o.Report != nil:
		return s.report(ctx, tx, id, o.Device, *o.Report)
	}
	return "", nil
}

func (s *Store) birth(ctx context.Context, tx *sql.Tx, id int64, device string, b wire.Birth) (what string, err error) {
	var conn, epoch int64
	var online int
	if err := tx.QueryRowContext(ctx, `SELECT connection, epoch, online FROM devices WHERE id = $1`, id).Scan(&conn, &epoch, &online); err != nil {
		return "", fmt.Errorf("read connection: %w", err)
	}
	// Devices without a clock that begin at the same time each time may take the same connection number in two lives.
	same := uint64(conn) == b.Conn && uint64(epoch) == b.Epoch
	if b.State == wire.StateOff {
		if online != onlineUnknown && !same || online == onlineNo {
			return "", nil
		}
		_, err := tx.ExecContext(ctx, `UPDATE devices SET online = $1, state_us = $2, connection = $3 WHERE id = $4`,
			onlineNo, micros(s.now()), int64(b.Conn), id)
		return "state", err
	}
	if same && online == onlineYes {
		return "", nil // the retained birth, read again
	}
	if err := s.born(ctx, tx, id, b); err != nil {
		return "", err
	}
	return "state", s.checkLives(ctx, tx, id, device, b)
}

func (s *Store) born(ctx context.Context, tx *sql.Tx, id int64, b wire.Birth) error {
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

// keep replaces a device's newest message of a kind.
func (s *Store) keep(ctx context.Context, tx *sql.Tx, id int64, column string, encode func() ([]byte, error)) error {
	raw, err := encode()
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE devices SET `+column+` = $1, `+column+`_us = $2, heard_us = CASE WHEN heard_us < $2 THEN $2 ELSE heard_us END WHERE id = $3`,
		raw, micros(s.now()), id)
	return err
}

func (s *Store) report(ctx context.Context, tx *sql.Tx, id int64, device string, r wire.Report) (what string, err error) {
	if err := s.keep(ctx, tx, id, "report", r.Encode); err != nil {
		return "", err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM heads WHERE device = $1`, id); err != nil {
		return "", err
	}
	what = "state"
	for _, h := range r.Trust {
		split, err := s.addHead(ctx, tx, id, device, h, r)
		if err != nil {
			return "", fmt.Errorf("log %s: %w", h.Log, err)
		}
		if split {
			what = "findings"
		}
	}
	return what, nil
}

func (s *Store) addHead(ctx context.Context, tx *sql.Tx, id int64, device string, h wire.Head, r wire.Report) (split bool, err error) {
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
	raw, err := r.Encode()
	if err != nil {
		return false, err
	}
	return true, s.addFinding(ctx, tx, id, fleet.Finding{
		Device: device, Kind: fleet.SplitView, Subject: h.Log, First: h.Size, Last: h.Size,
		Detail: fmt.Sprintf("another root of %s at size %d than %s reported", h.Log, h.Size, first),
		Ours:   root, Theirs: h.Root[:], Evidence: raw,
	})
}
