// Package mirror reads the bytes of logs from where they are kept: a tlog-tiles
// server over HTTP (HTTP), a folder with the same layout (Dir), messages that a
// broker hands over (Messages), or several of these in turn (Multi).
//
// A mirror is never trusted. This package bounds what it may send and how long
// it may take, and checks nothing else: whoever reads compares every byte with a
// signed checkpoint. All four satisfy the trust cache's Source.
//
// The layout is {base}/{log}/{resource}, where log is a log's short name and
// resource its path of C2SP tlog-tiles ("checkpoint", "tile/0/x001/234.p/12",
// "tile/entries/000") "rotation/{n}" of the directory, or "root.cose".
package mirror

import (
	"context"
	"errors"
	"fmt"

	"citygate/trust/ledger"
)

// ErrNotFound says that a mirror lacks a resource.
var ErrNotFound = errors.New("not found")

// limit returns the most bytes that a resource of a kind may have.
func limit(kind ledger.ResourceKind) int64 {
	switch kind {
	case ledger.ResourceTile:
		return ledger.MaxTile
	case ledger.ResourceEntries:
		return ledger.MaxBundle
	}
	return ledger.MaxCheckpoint
}

// getter reads one resource of one log.
type getter func(ctx context.Context, log string, r ledger.Resource) ([]byte, error)

// reader gives a getter the methods of a source. A partial tile that is not
// there is asked for in full, because a mirror may drop partial tiles once the
// full one exists.
type reader struct{ get getter }

func (s reader) checkpoint(ctx context.Context, log string) ([]byte, error) {
	return s.named(ctx, log, ledger.Resource{Kind: ledger.ResourceCheckpoint})
}

func (s reader) rotation(ctx context.Context, n int) ([]byte, error) {
	return s.named(ctx, ledger.DirectoryLog, ledger.Resource{Kind: ledger.ResourceRotation, N: uint64(n)})
}

func (s reader) root(ctx context.Context, log string) ([]byte, error) {
	return s.named(ctx, log, ledger.Resource{Kind: ledger.ResourceRoot})
}

func (s reader) tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error) {
	return s.partial(ctx, log, ledger.Resource{Kind: ledger.ResourceTile, Level: level, N: n, Width: width})
}

func (s reader) entries(ctx context.Context, log string, n uint64, width int) ([]byte, error) {
	return s.partial(ctx, log, ledger.Resource{Kind: ledger.ResourceEntries, N: n, Width: width})
}

func (s reader) partial(ctx context.Context, log string, r ledger.Resource) ([]byte, error) {
	b, err := s.named(ctx, log, r)
	if errors.Is(err, ErrNotFound) && r.Width != ledger.TileWidth {
		r.Width = ledger.TileWidth
		return s.named(ctx, log, r)
	}
	return b, err
}

func (s reader) named(ctx context.Context, log string, r ledger.Resource) ([]byte, error) {
	if !ledger.ValidShort(log) {
		return nil, fmt.Errorf("%.80q is not a log's short name", log)
	}
	b, err := s.get(ctx, log, r)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", log, r, err)
	}
	return b, nil
}
