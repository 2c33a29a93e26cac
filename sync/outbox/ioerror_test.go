package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"citygate/sync/outbox"
	"citygate/sync/wire"
)

const writesFailVar = "CITYGATE_OUTBOX_TEST_WRITES_FAIL"

// writesFail appends while writes fail from some size of a file on, again and again: the kernel's limit of file size
// is lowered to a little above what the write-ahead log has, and lifted after the first error. It runs in a process of
// its own, because the limit holds for a whole process. It returns an error if a promise was broken.
func writesFail(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	b, err := outbox.Open(path, outbox.Options{Device: device, Keep: 50})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	promised := map[uint64]string{}
	failed := 0
	for round := range 40 {
		low := old
		low.Cur = uint64(b.Stats(ctx).WALBytes) + rand.Uint64N(20000)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &low); err != nil {
			return err
		}
		if untilError(ctx, b, round, promised) {
			failed++
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			return err
		}
		s, err := b.Append(ctx, scan(fmt.Sprintf("after-%d", round)))
		if err != nil {
			return fmt.Errorf("append after writes work again: %w", err)
		}
		promised[s.Seq] = fmt.Sprintf("after-%d", round)
	}
	err = everythingIsThere(ctx, b, promised)
	if failed < 20 {
		err = errors.Join(err, fmt.Errorf("only %d of 40 rounds saw a write fail", failed))
	}
	cancel()
	return errors.Join(err, <-done, b.Close())
}

// untilError appends up to 200 events and reports whether one failed.
func untilError(ctx context.Context, b *outbox.Outbox, round int, promised map[uint64]string) bool {
	for i := range 200 {
		text := fmt.Sprintf("r%d-%d", round, i)
		s, err := b.Append(ctx, scan(text))
		if err != nil {
			return true
		}
		promised[s.Seq] = text
	}
	return false
}

// everythingIsThere reads all that waits and compares it with what Append returned. Events whose Append failed may be
// there or not.
func everythingIsThere(ctx context.Context, b *outbox.Outbox, promised map[uint64]string) error {
	c, err := b.Acked(ctx)
	if err != nil {
		return err
	}
	var chain wire.Hash
	for {
		batch, next, err := b.Next(ctx, c, wire.MaxItems)
		if err != nil {
			return err
		}
		if len(batch.Items) == 0 {
			break
		}
		if chain != (wire.Hash{}) && batch.Prev != chain {
			return fmt.Errorf("the chain is broken at %d", batch.First)
		}
		for i := range batch.Items {
			e, err := batch.Event(i)
			if err != nil {
				return err
			}
			if text, ok := promised[e.Seq]; ok && text != e.Verdict {
				return fmt.Errorf("event %d is %s, Append returned it for %s", e.Seq, e.Verdict, text)
			}
			delete(promised, e.Seq)
		}
		c, chain = next, batch.Chain()
	}
	if len(promised) > 0 {
		return fmt.Errorf("%d promised events are not there: %v", len(promised), promised)
	}
	return nil
}

// TestWritesThatFail: an I/O error fails the Append that meets it and no other, in the middle of a run too.
func TestWritesThatFail(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), writesFailVar+"="+filepath.Join(t.TempDir(), "outbox.db"))
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "ok" {
		t.Errorf("%v\n%s", err, out)
	}
}
