package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"citygate/fleet"
)

// AddDevice enrols a device. Enrolling the same name with the same key again
// changes title and place; another key is fleet.ErrDeviceExists.
func (s *Store) AddDevice(ctx context.Context, d fleet.Device) error {
	if err := d.Validate(); err != nil {
		return err
	}
	return s.inTx(ctx, []string{d.Name}, func(tx *sql.Tx) error { return s.addDevice(ctx, tx, d) })
}

func (s *Store) addDevice(ctx context.Context, tx *sql.Tx, d fleet.Device) error {
	// The row first, so that of two servers that enrol one name at once the second finds the first one's key.
	_, err := tx.ExecContext(ctx, `INSERT INTO devices (name, event_key, title, place, added_us)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING`, d.Name, d.Key, d.Title, d.Place, micros(s.now()))
	var key []byte
	if err == nil {
		err = tx.QueryRowContext(ctx, `SELECT event_key FROM devices WHERE name = $1`, d.Name).Scan(&key)
	}
	if err == nil && !bytes.Equal(key, d.Key) {
		return fmt.Errorf("device %s: %w", d.Name, fleet.ErrDeviceExists)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE devices SET title = $1, place = $2 WHERE name = $3`, d.Title, d.Place, d.Name)
	}
	if err != nil {
		return fmt.Errorf("enrol device %s: %w", d.Name, err)
	}
	return nil
}

// Device returns one row of the enrolment list, or fleet.ErrUnknownDevice.
func (s *Store) Device(ctx context.Context, name string) (fleet.Device, error) {
	var d fleet.Device
	var added int64
	err := s.read.QueryRowContext(ctx, `SELECT name, event_key, title, place, added_us FROM devices WHERE name = $1`, name).
		Scan(&d.Name, &d.Key, &d.Title, &d.Place, &added)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fmt.Errorf("device %q: %w", name, fleet.ErrUnknownDevice)
	}
	if err != nil {
		return d, fmt.Errorf("read device %s: %w", name, err)
	}
	d.Added = fromMicros(added)
	return d, nil
}

// deviceID finds a device's row for use inside a transaction.
func deviceID(ctx context.Context, tx *sql.Tx, name string) (int64, error) {
	var id int64
	err := tx.QueryRowContext(ctx, `SELECT id FROM devices WHERE name = $1`, name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("device %q: %w", name, fleet.ErrUnknownDevice)
	}
	if err != nil {
		return 0, fmt.Errorf("find device %s: %w", name, err)
	}
	return id, nil
}
