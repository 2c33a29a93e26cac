package mirror

import (
	"context"
	"errors"
)

// This file implements several mirrors as one.

// Source is what a mirror can be asked for. It is an alias of the same interface
// that the trust cache declares for itself, so that neither imports the other.
type Source = interface {
	Checkpoint(ctx context.Context, log string) ([]byte, error)
	Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error)
	Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error)
}

// Multi is several mirrors in order of preference: the first that answers. It
// cannot know whether an answer is true, so the cache asks for Alternatives and
// turns to the next mirror itself when a tile was bad.
type Multi []Source

// Alternatives returns the mirrors.
func (m Multi) Alternatives() []Source { return m }

// Checkpoint returns the log's newest checkpoint of the first mirror that has it.
func (m Multi) Checkpoint(ctx context.Context, log string) ([]byte, error) {
	return m.first(ctx, func(s Source) ([]byte, error) { return s.Checkpoint(ctx, log) })
}

// Rotation returns the last checkpoint under the n-th root policy.
func (m Multi) Rotation(ctx context.Context, n int) ([]byte, error) {
	return m.first(ctx, func(s Source) ([]byte, error) {
		r, ok := s.(interface {
			Rotation(ctx context.Context, n int) ([]byte, error)
		})
		if !ok {
			return nil, ErrNotFound
		}
		return r.Rotation(ctx, n)
	})
}

// Tile returns a tile of the first mirror that has it.
func (m Multi) Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error) {
	return m.first(ctx, func(s Source) ([]byte, error) { return s.Tile(ctx, log, level, n, width) })
}

// Entries returns an entry bundle of the first mirror that has it.
func (m Multi) Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error) {
	return m.first(ctx, func(s Source) ([]byte, error) { return s.Entries(ctx, log, n, width) })
}

func (m Multi) first(ctx context.Context, read func(Source) ([]byte, error)) ([]byte, error) {
	errs := []error{}
	for _, s := range m {
		b, err := read(s)
		if err == nil {
			return b, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) == 0 {
		return nil, errors.New("no mirror")
	}
	return nil, errors.Join(errs...)
}
