package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"citygate/fleet"
	"citygate/sync/wire"
)

// ErrCommandExists is returned for a second command under one identifier, and
// ErrOldNumber for a desired state whose number is not above the last one.
var (
	ErrCommandExists = errors.New("a command with this identifier was given before")
	ErrOldNumber     = errors.New("a desired state with this number or a higher one was set before")
	// ErrUnknownCommand is returned for the progress of a command that was not given.
	ErrUnknownCommand = errors.New("no such command was given")
)

// GiveCommand stores a signed command. A running server publishes it soon after,
// and again at each birth of its gateway, until a final result has come or its
// time is over.
func (s *Store) GiveCommand(ctx context.Context, c wire.Command) error {
	payload, err := c.Encode()
	if err != nil {
		return err
	}
	return s.inTx(ctx, []string{c.Device}, func(tx *sql.Tx) error {
		device, err := deviceID(ctx, tx, c.Device)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO commands (device, name, not_after, payload, given_us) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (device, name) DO NOTHING`, device, c.ID, c.NotAfter, payload, micros(s.now()))
		if err != nil {
			return fmt.Errorf("store command %s: %w", c.ID, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fmt.Errorf("command %s of %s: %w", c.ID, c.Device, ErrCommandExists), err)
		}
		return nil
	})
}

// CommandsQuery narrows Commands.
type CommandsQuery struct {
	Device string // empty: of all
	// Open leaves out those with a final result, and those whose time is over.
	Open bool
	// Unsent leaves out those that were published before.
	Unsent bool
	Limit  int // 0 means 100
}

// Commands lists commands, those given last first.
func (s *Store) Commands(ctx context.Context, q CommandsQuery) ([]fleet.Command, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	open, unsent := "", ""
	if q.Open {
		open = fmt.Sprintf(" AND c.state IN ('', 'accepted', 'running') AND c.not_after >= %d", s.now().Unix())
	}
	if q.Unsent {
		unsent = " AND c.sent_us = 0"
	}
	rows, err := s.read.QueryContext(ctx, `SELECT c.payload, c.given_us, c.sent_us, c.state, c.result, c.result_us
		FROM commands c JOIN devices d ON d.id = c.device WHERE ($1 = '' OR d.name = $1)`+open+unsent+`
		ORDER BY c.id DESC LIMIT $2`, q.Device, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("list commands: %w", err)
	}
	defer rows.Close()
	var out []fleet.Command
	for rows.Next() {
		c, err := scanCommand(rows)
		if err != nil {
			return nil, fmt.Errorf("list commands: %w", err)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

func scanCommand(rows *sql.Rows) (fleet.Command, error) {
	var c fleet.Command
	var given, sent, at int64
	var result []byte
	err := rows.Scan(&c.Payload, &given, &sent, &c.State, &result, &at)
	if err != nil {
		return c, err
	}
	c.Given, c.Sent, c.At = fromMicros(given), fromMicros(sent), fromMicros(at)
	if r, err := wire.DecodeCommandResult(result); err == nil {
		c.Reason, c.Detail = r.Reason, r.Detail
	}
	c.Command, err = wire.DecodeCommand(c.Payload)
	return c, err
}

// CommandSent notes that a command was published.
func (s *Store) CommandSent(ctx context.Context, device, id string) error {
	return s.inTx(ctx, []string{device}, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE commands SET sent_us = $1 WHERE name = $2 AND device = (SELECT id FROM devices WHERE name = $3)`,
			micros(s.now()), id, device)
		if err != nil {
			return fmt.Errorf("note that command %s was sent: %w", id, err)
		}
		return nil
	})
}

// CommandResult stores the progress of a command where it goes forward. One that
// comes late or again changes nothing.
func (s *Store) CommandResult(ctx context.Context, device string, r wire.CommandResult) error {
	raw, err := r.Encode()
	if err != nil {
		return err
	}
	err = s.inTx(ctx, []string{device}, func(tx *sql.Tx) error {
		var id int64
		var state string
		err := tx.QueryRowContext(ctx, `SELECT c.id, c.state FROM commands c JOIN devices d ON d.id = c.device
			WHERE d.name = $1 AND c.name = $2`, device, r.ID).Scan(&id, &state)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("command %s of %s: %w", r.ID, device, ErrUnknownCommand)
		}
		if err == nil && fleet.Follows(state, r.State) {
			_, err = tx.ExecContext(ctx, `UPDATE commands SET state = $1, result = $2, result_us = $3 WHERE id = $4`,
				r.State, raw, micros(s.now()), id)
		}
		if err != nil {
			return fmt.Errorf("store progress of command %s: %w", r.ID, err)
		}
		return nil
	})
	if err == nil {
		s.watch.send(Change{Device: device, What: "state"})
	}
	return err
}

// Desired is a signed desired state and when it was set.
type Desired struct {
	wire.Desired
	Payload []byte
	Set     time.Time
}

// SetDesired stores the desired state of a target. Its number must be above that
// of the one before.
func (s *Store) SetDesired(ctx context.Context, d wire.Desired) error {
	payload, err := d.Encode()
	if err != nil {
		return err
	}
	return s.inTx(ctx, nil, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO desired (target, number, payload, set_us) VALUES ($1, $2, $3, $4)
			ON CONFLICT (target) DO UPDATE SET number = excluded.number, payload = excluded.payload, set_us = excluded.set_us, sent = 0
			WHERE excluded.number > desired.number`, d.Target, int64(d.Number), payload, micros(s.now()))
		if err != nil {
			return fmt.Errorf("store desired state of %s: %w", d.Target, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fmt.Errorf("desired state %d of %s: %w", d.Number, d.Target, ErrOldNumber), err)
		}
		return nil
	})
}

// DesiredStates lists the desired states of a target, or of all for an empty one;
// unsent leaves out those that were published since they were set.
func (s *Store) DesiredStates(ctx context.Context, target string, unsent bool) ([]Desired, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT payload, set_us FROM desired WHERE ($1 = '' OR target = $1)
		AND (sent = 0 OR $2 = 0) ORDER BY target`, target, flag(unsent))
	if err != nil {
		return nil, fmt.Errorf("list desired states: %w", err)
	}
	defer rows.Close()
	var out []Desired
	for rows.Next() {
		var d Desired
		var set int64
		if err := rows.Scan(&d.Payload, &set); err != nil {
			return nil, fmt.Errorf("list desired states: %w", err)
		}
		if d.Desired, err = wire.DecodeDesired(d.Payload); err != nil {
			return nil, fmt.Errorf("list desired states: %w", err)
		}
		d.Set = fromMicros(set)
		out = append(out, d)
	}
	return out, rows.Err()
}

// DesiredSent notes that a desired state was published, if it is still the newest.
func (s *Store) DesiredSent(ctx context.Context, target string, number uint64) error {
	return s.inTx(ctx, nil, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE desired SET sent = 1 WHERE target = $1 AND number = $2`, target, int64(number))
		return err
	})
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
