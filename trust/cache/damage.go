package cache

import (
	"errors"

	"github.com/mattn/go-sqlite3"
)

// This file implements the one look into the driver's errors.

// damage wraps an error of SQLite that says that the file itself is bad.
func damage(err error) error {
	if e := (sqlite3.Error{}); errors.As(err, &e) && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB) {
		return damagedError{err}
	}
	return err
}
