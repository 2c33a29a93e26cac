package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"citygate/internal/durable"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
)

// Restored says what came back of one log.
type Restored struct {
	// Log is its short name, Size its number of entries.
	Log  string
	Size uint64
	// Records counts the entries whose record is known again, Lost the commitments to personal records: their content is nowhere but in the
	// lost book and in the holders' codes, which stay valid.
	Records, Lost int
}

// RestoreFromMirror rebuilds logs and books of a registry whose server is gone, from any copy of its logs. What has to be there is a backup of
// registry.json and keys/, which change only at enrolment and rotation. The logs come back byte for byte: entries are compared with the newest
// checkpoint that the registry itself signed and a quorum cosigned, and the first source that has all of one log gives it. Signatures of records are made again with the
// issuer key; request ids are the identifiers. It refuses a folder that has a log or a book.
//
// A copy that is behind cannot do harm: the witnesses know the larger size, and cosign nothing until a newer copy is found.
func RestoreFromMirror(ctx context.Context, dir string, sources ...mirror.Source) ([]Restored, error) {
	cfg, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	for _, log := range cfg.logs() {
		for _, path := range []string{bookFile(dir, log), filepath.Join(dir, "public", log)} {
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("restore: %s is there: move it away first, nothing is overwritten", path)
			}
		}
	}
	for _, sub := range []string{"books", "public"} {
		if err := durable.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("restore: %w", err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "books"), 0o700); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	var all []Restored
	for _, log := range cfg.logs() {
		r, err := restoreLog(ctx, dir, cfg, log, sources)
		if err != nil {
			return nil, fmt.Errorf("restore log %s: %w", log, err)
		}
		all = append(all, r)
	}
	if cfg.National {
		return all, restoreRoot(ctx, dir, cfg, sources)
	}
	return all, nil
}

// restoreLog takes the largest believed checkpoint of the sources, and the log from the first that has all of it.
func restoreLog(ctx context.Context, dir string, cfg Config, log string, sources []mirror.Source) (Restored, error) {
	policies, err := cfg.policies(dir, log)
	if err != nil {
		return Restored{}, err
	}
	var newest ledger.Checkpoint
	var errs []error
	for _, src := range sources {
		raw, err := src.Checkpoint(ctx, log)
		if err == nil {
			var cp ledger.Checkpoint
			if cp, err = policies[0].Open(raw); err == nil && (newest.Raw == nil || cp.Size > newest.Size) {
				newest = cp
			}
		}
		errs = append(errs, err)
	}
	if newest.Raw == nil {
		return Restored{}, errors.Join(errs...)
	}
	errs = nil
	for _, src := range sources {
		err := migrate(ctx, dir, log, newest, src)
		if err == nil {
			return restoreBook(dir, cfg, log, newest)
		}
		errs = append(errs, err)
	}
	return Restored{}, errors.Join(errs...)
}

// migrate has Tessera build the log anew from a source's entries, beside its place. Only a whole log whose root is the checkpoint's moves in.
func migrate(ctx context.Context, dir, log string, cp ledger.Checkpoint, src mirror.Source) error {
	place := filepath.Join(dir, "public", log)
	beside := filepath.Join(dir, "restoring-"+log)
	if err := os.RemoveAll(beside); err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: beside})
	if err != nil {
		return err
	}
	target, err := tessera.NewMigrationTarget(ctx, driver, tessera.NewMigrationOptions())
	if err != nil {
		return err
	}
	entries, err := collect(ctx, log, cp, src)
	if err != nil {
		return err
	}
	if cp.Size > 0 {
		err = target.Migrate(ctx, 1, cp.Size, cp.Root[:], func(_ context.Context, n uint64, _ uint8) ([]byte, error) { return entries(n) })
		if err != nil {
			return err
		}
	}
	if err := durable.WriteFile(filepath.Join(beside, ledger.CheckpointPath), cp.Raw, 0o644); err != nil {
		return err
	}
	if err := os.Rename(beside, place); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(place))
}

// collect checks once that the source has every bundle and that together they have the checkpoint's root, before Tessera, which tries
// again for minutes, asks for them.
func collect(ctx context.Context, log string, cp ledger.Checkpoint, src mirror.Source) (func(n uint64) ([]byte, error), error) {
	read := func(n uint64) ([]byte, error) {
		width := int(min(cp.Size-n*ledger.TileWidth, ledger.TileWidth))
		raw, err := src.Entries(ctx, log, n, width)
		if err != nil {
			return nil, err
		}
		entries, err := ledger.ParseBundle(raw)
		if err != nil || len(entries) < width {
			return nil, fmt.Errorf("bundle %d is damaged", n)
		}
		var b []byte
		for _, e := range entries[:width] {
			if b, err = ledger.AppendBundle(b, e); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	var strip, open []ledger.Hash
	for n := uint64(0); n*ledger.TileWidth < cp.Size; n++ {
		raw, err := read(n)
		if err != nil {
			return nil, err
		}
		entries, err := ledger.ParseBundle(raw)
		if err != nil {
			return nil, err
		}
		hs := make([]ledger.Hash, len(entries))
		for i, e := range entries {
			hs[i] = ledger.LeafHash(e)
		}
		if len(hs) == ledger.TileWidth {
			strip = append(strip, ledger.TileRoot(hs))
		} else {
			open = hs
		}
	}
	if ledger.RebuildRoot(strip, open) != cp.Root {
		return nil, errors.New("the entries are not those of the checkpoint")
	}
	return read, nil
}

// restoreBook writes the log's book from the log.
func restoreBook(dir string, cfg Config, log string, cp ledger.Checkpoint) (Restored, error) {
	r := Restored{Log: log, Size: cp.Size}
	var issuer issuerKey
	if cfg.Key != nil {
		key, err := LoadIssuerKey(cfg.issuerKeyFile(dir))
		if err != nil {
			return r, err
		}
		if issuer, err = newIssuer(key, *cfg.Key); err != nil {
			return r, err
		}
	}
	b, err := openBook(bookFile(dir, log))
	if err != nil {
		return r, err
	}
	defer b.close()
	if err := durable.SyncDir(filepath.Dir(bookFile(dir, log))); err != nil {
		return r, err
	}
	public := mirror.Dir{Path: filepath.Join(dir, "public")}
	for n := uint64(0); n*ledger.TileWidth < cp.Size; n++ {
		raw, err := public.Entries(context.Background(), log, n, int(min(cp.Size-n*ledger.TileWidth, ledger.TileWidth)))
		if err != nil {
			return r, err
		}
		entries, err := ledger.ParseBundle(raw)
		if err != nil {
			return r, err
		}
		rows := make([]row, len(entries))
		for i, e := range entries {
			if rows[i], err = restoredRow(cfg, log, issuer, e, &r); err != nil {
				return r, fmt.Errorf("entry %d: %w", n*ledger.TileWidth+uint64(i), err)
			}
			rows[i].Index = n*ledger.TileWidth + uint64(i)
		}
		if err := b.append(rows); err != nil {
			return r, err
		}
	}
	return r, nil
}

// restoredRow makes a book's row of a log's entry, and counts it.
func restoredRow(cfg Config, log string, issuer issuerKey, e []byte, r *Restored) (row, error) {
	if log != cfg.RecordsLog() {
		return row{Entry: e}, nil
	}
	if bytes.Equal(e, []byte(code.Padding)) {
		return row{}, nil
	}
	claims, err := code.Code{Body: e}.Claims()
	if err != nil || e[0] != code.TypePublic || cfg.Key == nil {
		r.Lost++
		return row{Entry: e}, nil
	}
	id, err := claims.ID()
	if err != nil {
		return row{}, err
	}
	r.Records++
	w := row{Request: id.String(), Body: e}
	return w, issuer.sign(&w)
}
