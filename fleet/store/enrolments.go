package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"citygate/fleet"
)

// Limits of the requests that wait: whoever reaches the endpoint can make new keys
// and ask with them. A device whose row has been dropped asks again and is there.
const (
	WaitingPerSource = 256                // from one address: a depot behind one router
	WaitingInAll     = 10_000             // the one that was silent longest goes first
	waitingFor       = 7 * 24 * time.Hour // without being asked again
	seenEvery        = time.Minute        // how often "last seen" is written
)

// AskEnrolment stores a request that is new, notes that one known by its identity
// was seen again, with what it now says, and returns the row.
func (s *Store) AskEnrolment(ctx context.Context, e fleet.Enrolment) (fleet.Enrolment, error) {
	now := s.now()
	have, err := enrolment(ctx, s.read, `id = $1`, e.ID)
	if err == nil && (have.State != fleet.EnrolmentWaiting || now.Sub(have.Seen) < seenEvery) {
		return have, nil
	}
	err = s.inTx(ctx, nil, func(tx *sql.Tx) error {
		if err := makeRoom(ctx, tx, e.ID, e.Source, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO enrolments (id, code, request, source, first_us, seen_us, state)
			VALUES ($1, $2, $3, $4, $5, $5, 'waiting')
			ON CONFLICT (id) DO UPDATE SET request = excluded.request, source = excluded.source, seen_us = excluded.seen_us
			WHERE enrolments.state = 'waiting'`, e.ID, e.Code, e.Request, e.Source, micros(now))
		if err == nil {
			have, err = enrolment(ctx, tx, `id = $1`, e.ID)
		}
		if err != nil {
			return fmt.Errorf("store enrolment request: %w", err)
		}
		return nil
	})
	return have, err
}

// makeRoom holds the limits before a row of this identity and source is written.
func makeRoom(ctx context.Context, tx *sql.Tx, id []byte, source string, now time.Time) error {
	var ofSource, all int
	_, err := tx.ExecContext(ctx, `DELETE FROM enrolments WHERE state = 'waiting' AND seen_us < $1`, micros(now.Add(-waitingFor)))
	if err == nil {
		err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM enrolments WHERE state = 'waiting' AND source = $1 AND id <> $2`, source, id).Scan(&ofSource)
	}
	if err == nil {
		err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM enrolments WHERE state = 'waiting' AND id <> $1`, id).Scan(&all)
	}
	switch {
	case err != nil:
	case ofSource >= WaitingPerSource:
		return fleet.ErrEnrolmentsFull
	case all >= WaitingInAll:
		_, err = tx.ExecContext(ctx, `DELETE FROM enrolments WHERE id IN
			(SELECT id FROM enrolments WHERE state = 'waiting' ORDER BY seen_us, id LIMIT $1)`, all-WaitingInAll+1)
	}
	if err != nil {
		return fmt.Errorf("make room for an enrolment request: %w", err)
	}
	return nil
}

// Enrolment returns the request with a claim code, or fleet.ErrUnknownEnrolment.
func (s *Store) Enrolment(ctx context.Context, code string) (fleet.Enrolment, error) {
	return enrolment(ctx, s.read, `code = $1`, code)
}

// Enrolments lists requests, the newest first; of those that were decided only
// when decided is set.
func (s *Store) Enrolments(ctx context.Context, decided bool) ([]fleet.Enrolment, error) {
	return enrolments(ctx, s.read, `state = 'waiting' OR $1 = 1`, flag(decided))
}

// GrantEnrolment puts the device into the enrolment list and stores what the
// request's sender is given, in one transaction. A request that was refused may
// still be granted, one that was granted not again.
func (s *Store) GrantEnrolment(ctx context.Context, code string, d fleet.Device, grant []byte) error {
	if err := d.Validate(); err != nil {
		return err
	}
	return s.inTx(ctx, []string{d.Name}, func(tx *sql.Tx) error {
		if err := s.addDevice(ctx, tx, d); err != nil {
			return err
		}
		return s.decide(ctx, tx, code, `state = 'granted', device = $1, grant_cbor = $2, reason = '', decided_us = $3`, d.Name, grant)
	})
}

// RefuseEnrolment refuses a request, with a reason that its sender is told.
func (s *Store) RefuseEnrolment(ctx context.Context, code, reason string) error {
	return s.inTx(ctx, nil, func(tx *sql.Tx) error {
		return s.decide(ctx, tx, code, `state = 'refused', device = $1, reason = $2, decided_us = $3`, "", reason)
	})
}

// decide sets columns, whose values are numbered from 1 in their order, of a request that was not granted before.
func (s *Store) decide(ctx context.Context, tx *sql.Tx, code, set, device string, what any) error {
	res, err := tx.ExecContext(ctx, `UPDATE enrolments SET `+set+` WHERE code = $4 AND state <> 'granted'`, device, what, micros(s.now()), code)
	var n int64
	if err == nil {
		n, err = res.RowsAffected()
	}
	if err == nil && n == 0 {
		if _, err = enrolment(ctx, tx, `code = $1`, code); err == nil {
			err = fleet.ErrEnrolmentDecided
		}
	}
	if err != nil {
		return fmt.Errorf("decide on request %s: %w", code, err)
	}
	return nil
}

// enrolment is the one row for which where holds.
func enrolment(ctx context.Context, q querier, where string, arg any) (fleet.Enrolment, error) {
	list, err := enrolments(ctx, q, where, arg)
	if err == nil && len(list) == 0 {
		err = fleet.ErrUnknownEnrolment
	}
	if err != nil {
		return fleet.Enrolment{}, err
	}
	return list[0], nil
}

func enrolments(ctx context.Context, q querier, where string, arg any) ([]fleet.Enrolment, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, code, request, source, first_us, seen_us, state, decided_us, device, grant_cbor, reason
		FROM enrolments WHERE `+where+` ORDER BY first_us DESC, code`, arg)
	if err != nil {
		return nil, fmt.Errorf("read enrolments: %w", err)
	}
	defer rows.Close()
	var out []fleet.Enrolment
	for rows.Next() {
		var e fleet.Enrolment
		var first, seen, decided int64
		err := rows.Scan(&e.ID, &e.Code, &e.Request, &e.Source, &first, &seen, &e.State, &decided, &e.Device, &e.Grant, &e.Reason)
		if err != nil {
			return nil, fmt.Errorf("read enrolments: %w", err)
		}
		e.First, e.Seen, e.Decided = fromMicros(first), fromMicros(seen), fromMicros(decided)
		out = append(out, e)
	}
	return out, rows.Err()
}
