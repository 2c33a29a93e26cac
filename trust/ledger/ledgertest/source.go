package ledgertest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"citygate/trust/ledger"
)

// Source serves a Nation's logs as a mirror does. It satisfies the cache's
// Source. A test makes it lie or fail by setting Fault.
type Source struct {
	mu sync.Mutex // guards all below
	n  *Nation
	// fault, if set, sees every answer and may change or refuse it.
	fault func(log, resource string, b []byte) ([]byte, error)
	reads map[string]int // by log/resource
	// logs replaces logs of the nation by others with the same short name.
	logs      map[string]server
	rotations [][]byte
}

// server is a log that can be served.
type server interface {
	Checkpoint(at time.Time) []byte
	Tile(level int, n uint64, width int) ([]byte, error)
	Bundle(n uint64, width int) ([]byte, error)
}

// NewSource returns a mirror of the nation's logs, which follows their growth.
func NewSource(n *Nation) *Source {
	return &Source{n: n, reads: map[string]int{}, logs: map[string]server{}}
}

// SetFault sets what happens to each answer; nil answers truly.
func (s *Source) SetFault(f func(log, resource string, b []byte) ([]byte, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Replace serves l instead of the nation's log of that short name.
func (s *Source) Replace(l *Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[l.Short] = l
}

// ReplaceBig serves b instead of the nation's log of that short name.
func (s *Source) ReplaceBig(b *Big) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[b.Short] = b
}

// AddRotation adds the last checkpoint under a root policy that has ended.
func (s *Source) AddRotation(checkpoint []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotations = append(s.rotations, checkpoint)
}

// Reads returns how often a resource was read, and the number of all reads if
// resource is empty.
func (s *Source) Reads(log, resource string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if resource != "" {
		return s.reads[log+"/"+resource]
	}
	sum := 0
	for _, n := range s.reads {
		sum += n
	}
	return sum
}

// Checkpoint returns the log's newest checkpoint at the nation's time.
func (s *Source) Checkpoint(ctx context.Context, log string) ([]byte, error) {
	return s.answer(ctx, log, ledger.CheckpointPath, func(l server) ([]byte, error) { return l.Checkpoint(s.n.Time), nil })
}

// Tile returns width hashes of a tile.
func (s *Source) Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error) {
	return s.answer(ctx, log, ledger.TilePath(level, n, width), func(l server) ([]byte, error) { return l.Tile(level, n, width) })
}

// Entries returns width entries of a bundle.
func (s *Source) Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error) {
	return s.answer(ctx, log, ledger.EntriesPath(n, width), func(l server) ([]byte, error) { return l.Bundle(n, width) })
}

// Rotation returns the last checkpoint under the n-th root policy.
func (s *Source) Rotation(ctx context.Context, n int) ([]byte, error) {
	return s.answer(ctx, ledger.DirectoryLog, ledger.RotationPath(n), func(server) ([]byte, error) {
		if n >= len(s.rotations) {
			return nil, fmt.Errorf("no rotation %d", n)
		}
		return s.rotations[n], nil
	})
}

// answer finds the log, counts the read and lets the fault act.
func (s *Source) answer(ctx context.Context, short, resource string, read func(server) ([]byte, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads[short+"/"+resource]++
	l := s.logs[short]
	for _, known := range s.n.Logs() {
		if l == nil && known.Short == short {
			l = known
		}
	}
	if l == nil {
		return nil, fmt.Errorf("no log %s", short)
	}
	b, err := read(l)
	if err == nil && s.fault != nil {
		return s.fault(short, resource, append([]byte(nil), b...))
	}
	return b, err
}
