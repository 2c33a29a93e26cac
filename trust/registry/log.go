package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"citygate/trust/ledger"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// Tessera's batching. A batch goes out by age only: the size is never reached, because two ways out could swap two batches, and then the
// log would give other indices than the book.
const (
	window    = 2048 // entries handed to Tessera before their indices are awaited
	batchSize = 1 << 20
	batchAge  = 20 * time.Millisecond
)

// ErrNotCosigned says that fewer witnesses than the quorum answered or knew the log, so that nothing can be published.
var ErrNotCosigned = errors.New("too few witnesses cosigned")

// ledgerLog is one log with its book. append, sync and tail are called with the folder's lock held.
type ledgerLog struct {
	ref      ledger.LogRef      // with the keys of all stages
	policies []ledger.LogPolicy // of all stages
	dir      string             // public/{log}
	book     *book
	appender *tessera.Appender
	reader   tessera.LogReader
	shutdown func(context.Context) error
	visit    func(row) error // folds each row of the book into the registry's memory, in order, once
	between  func()          // runs before each of many rows is folded; nil is nothing
}

// logSettings are what all logs of a registry share.
type logSettings struct {
	interval, recosign, timeout time.Duration
	witnesses                   []byte
	client                      *http.Client
	logger                      *slog.Logger
}

// openLog starts Tessera on public/{log}. Its goroutines end when ctx does.
func openLog(ctx context.Context, dir, log string, c Config, s logSettings) (*ledgerLog, error) {
	l := &ledgerLog{ref: ledger.LogRef{Short: log, Origin: c.origin(log)}, dir: filepath.Join(dir, "public", log)}
	var err error
	if l.policies, err = c.policies(dir, log); err != nil {
		return nil, err
	}
	var signers []note.Signer
	for i, stage := range c.stages() {
		if i > 0 && stage.LogKeys == c.LogKeys {
			continue
		}
		signer, err := loadSigner(dir, logKeyName(log, stage.LogKeys))
		if err != nil {
			return nil, err
		}
		if i == 0 {
			signer = rootSigner{signer, filepath.Join(l.dir, ledger.RootPath), s.logger}
		}
		signers, l.ref.Keys = append(signers, signer), append(l.ref.Keys, l.policies[i].LogKeys...)
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy(s.witnesses)
	if err != nil {
		return nil, fmt.Errorf("witness policy: %w", err)
	}
	driver, err := posix.New(ctx, posix.Config{Path: l.dir, HTTPClient: s.client})
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", log, err)
	}
	l.appender, l.shutdown, l.reader, err = tessera.NewAppender(ctx, driver, appendOptions(signers, witnesses, s))
	if err != nil && strings.Contains(err.Error(), "witness policy was not satisfied") {
		// Tessera's own error value is not exported.
		return nil, fmt.Errorf("begin log %s: %w: %s", log, ErrNotCosigned, oneLine(err))
	}
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", log, err)
	}
	if l.book, err = openBook(bookFile(dir, log)); err != nil {
		return nil, err
	}
	return l, nil
}

// oneLine is an error's text without line breaks: Tessera gives one line for each witness.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func appendOptions(signers []note.Signer, witnesses tessera.WitnessGroup, s logSettings) *tessera.AppendOptions {
	return tessera.NewAppendOptions().
		WithCheckpointSigner(signers[0], signers[1:]...).
		WithBatching(batchSize, batchAge).
		WithCheckpointInterval(s.interval).
		WithCheckpointRepublishInterval(s.recosign).
		WithWitnesses(witnesses, &tessera.WitnessOptions{Timeout: s.timeout})
}

func bookFile(dir, log string) string { return filepath.Join(dir, "books", log+".jsonl") }

// sync brings memory up to the book, and the log up to the book.
func (l *ledgerLog) sync(ctx context.Context) error {
	before := l.book.len()
	if err := l.book.refresh(l.fold); err != nil {
		return err
	}
	size, err := l.reader.IntegratedSize(ctx)
	if err != nil {
		return fmt.Errorf("log %s: read its size: %w", l.ref.Short, err)
	}
	if err := l.book.repair(size); err != nil {
		return err
	}
	if l.book.len() > before {
		// Rows that another process wrote may have met an error in its sync.
		if err := l.book.f.Sync(); err != nil {
			return fmt.Errorf("sync book: %w", err)
		}
	}
	return l.push(ctx, size)
}

func (l *ledgerLog) fold(w row) error {
	if l.between != nil {
		l.between()
	}
	return l.visit(w)
}

// append gives the rows to the book and then to the log. The rows have their indices.
func (l *ledgerLog) append(ctx context.Context, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	if err := l.book.append(rows); err != nil {
		return err
	}
	for _, w := range rows {
		if err := l.visit(w); err != nil {
			return err
		}
	}
	return l.add(ctx, rows)
}

// push logs the book's rows from index size on: what a crash, or an operation that was cancelled, left over.
func (l *ledgerLog) push(ctx context.Context, size uint64) error {
	for size < l.book.len() {
		var rows []row
		for ; size < l.book.len() && len(rows) < window; size++ {
			w, err := l.book.row(size)
			if err != nil {
				return err
			}
			rows = append(rows, w)
		}
		if err := l.add(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

// add hands rows to Tessera and compares the index that each gets with its own. It does not give up in the middle of a window when ctx
// ends: an entry whose fate is unknown would cost the next operation a look into the log.
func (l *ledgerLog) add(ctx context.Context, rows []row) error {
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("log %s: %w", l.ref.Short, err)
		}
		part := rows[:min(window, len(rows))]
		rows = rows[len(part):]
		futures := make([]tessera.IndexFuture, len(part))
		for i, w := range part {
			futures[i] = l.appender.Add(context.WithoutCancel(ctx), tessera.NewEntry(w.entry()))
		}
		for i, future := range futures {
			got, err := future()
			if err != nil {
				return fmt.Errorf("log %s: append entry %d: %w", l.ref.Short, part[i].Index, err)
			}
			if got.Index != part[i].Index {
				return fmt.Errorf("log %s gave index %d to the book's row %d: something else has written to the log; stop and compare both",
					l.ref.Short, got.Index, part[i].Index)
			}
		}
	}
	return nil
}

// checkTail compares the log's last entry bundle with the book, so that a log and a book that do not belong together are found before
// anything is added to either.
func (l *ledgerLog) checkTail(ctx context.Context) error {
	size, err := l.reader.IntegratedSize(ctx)
	if err != nil || size == 0 {
		return err
	}
	first := (size - 1) / ledger.TileWidth * ledger.TileWidth
	raw, err := l.reader.ReadEntryBundle(ctx, first/ledger.TileWidth, uint8(size-first))
	if err != nil {
		return fmt.Errorf("log %s: read its last entries: %w", l.ref.Short, err)
	}
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(raw); err != nil {
		return fmt.Errorf("log %s: read its last entries: %w", l.ref.Short, err)
	}
	for i := first; i < size; i++ {
		w, err := l.book.row(i)
		if err != nil {
			return err
		}
		if int(i-first) >= len(bundle.Entries) || !bytes.Equal(bundle.Entries[i-first], w.entry()) {
			return fmt.Errorf("log %s and its book differ at entry %d: they do not belong together", l.ref.Short, i)
		}
	}
	return nil
}

// leaves reads the leaf hashes of a full subtree.
func (l *ledgerLog) leaves(ctx context.Context, subtree uint64) (*[ledger.TileWidth]ledger.Hash, error) {
	raw, err := l.reader.ReadTile(ctx, 0, subtree, 0)
	if err != nil {
		return nil, fmt.Errorf("log %s: read tile 0/%d: %w", l.ref.Short, subtree, err)
	}
	var hs [ledger.TileWidth]ledger.Hash
	if len(raw) != len(hs)*len(hs[0]) {
		return nil, fmt.Errorf("log %s: tile 0/%d has %d bytes", l.ref.Short, subtree, len(raw))
	}
	for i := range hs {
		copy(hs[i][:], raw[i*len(hs[i]):])
	}
	return &hs, nil
}

// published reads the checkpoint that the witnesses have cosigned, and checks that readers take it, during a change those of the old row
// and those of the new; its size is 0 if there is none yet.
func (l *ledgerLog) published(ctx context.Context) (cp ledger.Checkpoint, err error) {
	raw, err := l.reader.ReadCheckpoint(ctx)
	if errors.Is(err, os.ErrNotExist) {
		return ledger.Checkpoint{}, nil
	}
	if err != nil {
		return ledger.Checkpoint{}, fmt.Errorf("log %s: %w", l.ref.Short, err)
	}
	for _, p := range l.policies {
		if cp, err = p.Open(raw); err != nil {
			return ledger.Checkpoint{}, err
		}
	}
	return cp, nil
}
