package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"citygate/internal/durable"
	"citygate/internal/keyindex"
)

// lockRetry is how often a lock that another process holds is asked for again.
const lockRetry = 10 * time.Millisecond

// exclusive runs f while no other operation on the folder runs, in this process or another, and after bringing all books and logs up to
// date. It waits for its turn until ctx ends.
func (r *Registry) exclusive(ctx context.Context, f func() error) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for another operation: %w", ctx.Err())
	}
	if err := flock(ctx, r.lock); err != nil {
		return fmt.Errorf("wait for another process's operation on %s: %w", r.dir, err)
	}
	defer syscall.Flock(int(r.lock.Fd()), syscall.LOCK_UN)
	if err := r.unchanged(); err != nil {
		return err
	}
	for _, l := range r.logs {
		if err := l.sync(ctx); err != nil {
			return err
		}
	}
	r.keepKeys(keyindex.MaxDelta)
	return f()
}

func flock(ctx context.Context, f *os.File) error {
	t := time.NewTicker(lockRetry)
	defer t.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

// claim keeps this process from opening the folder twice: Tessera's locks are POSIX record locks, which hold between processes only.
// Several processes are welcome.
func claim(dir string) (*os.File, error) {
	claims := filepath.Join(dir, "open")
	if err := durable.MkdirAll(claims, 0o755); err != nil {
		return nil, err
	}
	mine := strconv.Itoa(os.Getpid())
	f, err := os.OpenFile(filepath.Join(claims, mine), os.O_CREATE|os.O_RDWR, keyMode)
	if err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("registry %s is already open in this process", dir)
	}
	// Files of processes that were killed are of no use to anyone.
	others, _ := os.ReadDir(claims)
	for _, e := range others {
		if e.Name() != mine {
			dropStale(filepath.Join(claims, e.Name()))
		}
	}
	return f, nil
}

func dropStale(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		os.Remove(path)
	}
}
