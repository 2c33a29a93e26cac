package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed migrations
var migrations embed.FS

// migrate applies the embedded files of one database in the order of their
// names, each once. All of it is one transaction, which lock makes the only one
// of its kind, so that two servers may start at once.
func migrate(ctx context.Context, db *sql.DB, dir, lock string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if lock != "" {
		if _, err := tx.ExecContext(ctx, lock); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)`); err != nil {
		return err
	}
	files, err := fs.Glob(migrations, dir+"/*.sql")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := migrations.ReadFile(file)
		if err != nil {
			return err
		}
		if err := applyMigration(ctx, tx, strings.TrimPrefix(file, dir+"/"), string(text)); err != nil {
			return fmt.Errorf("migration %s: %w", file, err)
		}
	}
	return tx.Commit()
}

func applyMigration(ctx context.Context, tx *sql.Tx, name, text string) error {
	var have int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM migrations WHERE name = $1`, name).Scan(&have); err != nil {
		return err
	}
	if have > 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, text); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO migrations (name) VALUES ($1)`, name)
	return err
}
