package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"citygate/trust/ledger"
)

// This file implements a mirror in a folder.

// Dir is a mirror in a folder: a USB stick, or a registry's public tree.
type Dir struct {
	// Path is the folder that holds one folder for each log.
	Path string
}

// Checkpoint returns the log's newest checkpoint.
func (d Dir) Checkpoint(ctx context.Context, log string) ([]byte, error) {
	return reader{d.get}.checkpoint(ctx, log)
}

// Rotation returns the last checkpoint under the n-th root policy.
func (d Dir) Rotation(ctx context.Context, n int) ([]byte, error) {
	return reader{d.get}.rotation(ctx, n)
}

// Root returns the log's newest root as a COSE_Sign1.
func (d Dir) Root(ctx context.Context, log string) ([]byte, error) {
	return reader{d.get}.root(ctx, log)
}

// Tile returns a tile with at least width hashes, if it is whole.
func (d Dir) Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error) {
	return reader{d.get}.tile(ctx, log, level, n, width)
}

// Entries returns an entry bundle with at least width entries, if it is whole.
func (d Dir) Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error) {
	return reader{d.get}.entries(ctx, log, n, width)
}

func (d Dir) get(ctx context.Context, log string, r ledger.Resource) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// os.Root keeps links in a foreign folder from leading out of it.
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(filepath.FromSlash(log + "/" + r.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	return readAll(f, limit(r.Kind))
}

// readAll reads to the end and refuses more than most bytes.
func readAll(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("longer than %d bytes", most)
	}
	return b, nil
}
