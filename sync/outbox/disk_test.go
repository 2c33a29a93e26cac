package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"citygate/internal/sqlitefault"
	"citygate/sync/outbox"
	"citygate/sync/wire"
)

// diskVar makes the test binary a process that works on a bad disk: the shim under SQLite holds for a whole process.
const diskVar = "CITYGATE_OUTBOX_TEST_DISK"

// TestDiskThatFails: the n-th write, sync or truncation fails, for every n, whether its work was done or not, once or
// from then on; while the outbox runs and while it is opened. What Append returned stays, and nothing that is only an
// error of the disk costs the file.
func TestDiskThatFails(t *testing.T) { onBadDisk(t, "fails") }

// TestPowerCut: a power cut at any moment leaves what was synced, and of everything else any part in any order, also
// torn in the middle of a sector's neighbour. What Append had returned is there after it.
func TestPowerCut(t *testing.T) { onBadDisk(t, "cut") }

func onBadDisk(t *testing.T, what string) {
	t.Helper()
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, fmt.Sprintf("-cycles=%d", *killCycles))
	cmd.Env = append(os.Environ(), diskVar+"="+what+" "+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "ok") {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
}

func badDisk(what string) error {
	if err := sqlitefault.Install(); err != nil {
		return err
	}
	kind, dir, _ := strings.Cut(what, " ")
	if kind == "fails" {
		return diskFails(dir)
	}
	return powerCuts(dir)
}

// alive is an outbox and its Run.
type alive struct {
	*outbox.Outbox
	cancel context.CancelFunc
	done   chan error
}

func open(path string, o outbox.Options) (*alive, error) {
	o.Device = device
	b, err := outbox.Open(path, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &alive{b, cancel, make(chan error, 1)}
	go func() { r.done <- b.Run(ctx) }()
	return r, nil
}

func (r *alive) end() error {
	r.cancel()
	return errors.Join(<-r.done, r.Close())
}

// diskFails tries each fault at each place.
func diskFails(dir string) error {
	faults, missed := 0, 0
	for _, kind := range []sqlitefault.Kind{sqlitefault.Write, sqlitefault.Sync, sqlitefault.Truncate} {
		for _, persisted := range []bool{false, true} {
			for _, sticky := range []bool{false, true} {
				for _, n := range []int{1, 2, 3, 5, 8, 13} {
					f := sqlitefault.Fault{Kind: kind, Nth: n, Persisted: persisted, Sticky: sticky}
					path := filepath.Join(dir, fmt.Sprintf("%d-%v-%v-%d.db", kind, persisted, sticky, n))
					met, err := oneFault(path, f)
					if err != nil {
						return fmt.Errorf("%+v: %w", f, err)
					}
					if faults++; !met {
						missed++
					}
				}
			}
		}
	}
	if missed > faults/2 {
		return fmt.Errorf("only %d of %d faults were met", faults-missed, faults)
	}
	fmt.Printf("ok: %d of %d faults were met\n", faults-missed, faults)
	return nil
}

// oneFault lets one call fail while the outbox runs, and again while it is opened.
func oneFault(path string, f sqlitefault.Fault) (met bool, err error) {
	o := outbox.Options{Tick: 5 * time.Millisecond} // the log is moved into the database all the time
	b, err := open(path, o)
	if err != nil {
		return false, err
	}
	ctx := context.Background()
	promised := map[uint64]string{}
	add := func(text string) error {
		s, err := b.Append(ctx, scan(text))
		if err == nil {
			promised[s.Seq] = text
		}
		return err
	}
	for i := range 5 {
		if err := add(fmt.Sprintf("before-%d", i)); err != nil {
			return false, err
		}
	}
	epoch := b.Epoch()
	sqlitefault.Set(f)
	for i := 0; i < 60 && sqlitefault.Failed() == 0; i++ {
		_ = add(fmt.Sprintf("during-%d", i)) // may fail
	}
	met = sqlitefault.Failed() > 0
	sqlitefault.Set(sqlitefault.Fault{})
	if err := add("after"); err != nil {
		return met, fmt.Errorf("append on a good disk again: %w", err)
	}
	if err := b.end(); err != nil {
		return met, err
	}
	sqlitefault.Set(f)
	b, err = open(path, o)
	if err == nil {
		_ = add("in the next epoch") // its numbers are others, so it is not looked for
		err = b.end()
	}
	sqlitefault.Set(sqlitefault.Fault{})
	if b, err = open(path, o); err != nil {
		return met, fmt.Errorf("open on a good disk again: %w", err)
	}
	defer func() { err = errors.Join(err, b.end()) }()
	if b.Quarantined() != "" {
		return met, errors.New("the file was set aside for an error of the disk")
	}
	return met, epochHolds(ctx, b.Outbox, epoch, promised)
}

// epochHolds reads an epoch's events and looks for what was promised. The chain of each batch is checked.
func epochHolds(ctx context.Context, b *outbox.Outbox, epoch uint64, promised map[uint64]string) error {
	c, err := b.Acked(ctx)
	if err != nil {
		return err
	}
	found := map[uint64]string{}
	chain := wire.Chain0(device, epoch)
	for {
		batch, next, err := b.Next(ctx, c, wire.MaxItems)
		if err != nil {
			return err
		}
		if len(batch.Items) == 0 {
			break
		}
		c = next
		if batch.Epoch != epoch {
			continue
		}
		if batch.Prev != chain {
			return fmt.Errorf("the chain is broken at %d", batch.First)
		}
		chain = batch.Chain()
		for i := range batch.Items {
			e, err := batch.Event(i)
			if err != nil {
				return err
			}
			found[e.Seq] = e.Verdict
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(promised)) {
		if found[seq] != promised[seq] {
			return fmt.Errorf("event %d is %q, Append returned it for %q; %d events are there", seq, found[seq], promised[seq], len(found))
		}
	}
	return nil
}

// promise is an event that Append had returned when so many calls had reached the disk.
type promise struct {
	seq  uint64
	text string
	ops  int
}

// powerCuts records a life of an outbox and builds what a power cut leaves at many of its moments.
func powerCuts(dir string) error {
	path := filepath.Join(dir, "outbox.db")
	sqlitefault.Record()
	b, err := open(path, outbox.Options{Tick: 3 * time.Millisecond})
	if err != nil {
		return err
	}
	opened := sqlitefault.Count()
	var mu sync.Mutex
	var promises []promise
	var writers sync.WaitGroup
	errs := make(chan error, 4)
	for w := range 4 {
		writers.Go(func() {
			for i := range 150 {
				text := fmt.Sprintf("w%d-%d", w, i)
				s, err := b.Append(context.Background(), scan(text))
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				promises = append(promises, promise{s.Seq, text, sqlitefault.Count()})
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	epoch := b.Epoch()
	ops := sqlitefault.Recorded()
	if err := b.end(); err != nil {
		return err
	}
	select {
	case err := <-errs:
		return err
	default:
	}
	moved := 0 // writes into the database itself
	for _, op := range ops[opened:] {
		if op.Kind == sqlitefault.Write && op.File == path {
			moved++
		}
	}
	if moved == 0 {
		return errors.New("the log was never moved into the database")
	}
	cuts := 40
	if *killCycles > 100 {
		cuts = *killCycles // in a long run
	}
	for n := range cuts {
		at := opened + rand.IntN(len(ops)-opened)
		image := filepath.Join(dir, fmt.Sprintf("cut-%d.db", n))
		if err := buildCut(ops[:at], path, image); err != nil {
			return err
		}
		if err := checkCut(image, epoch, at, promises); err != nil {
			return fmt.Errorf("cut after %d of %d calls: %w", at, len(ops), err)
		}
	}
	fmt.Printf("ok: %d cuts in %d calls, %d of them into the database\n", cuts, len(ops), moved)
	return nil
}

// buildCut writes the files as the disk may have them. Of what was not synced, each 512 bytes are new, old or, beyond
// the old end, zero.
func buildCut(ops []sqlitefault.Op, path, image string) error {
	synced := map[string]int{} // by file: calls before this one are on the disk
	for i, op := range ops {
		if op.Kind == sqlitefault.Sync {
			synced[op.File] = i
		}
	}
	files := map[string][]byte{}
	for i, op := range ops {
		sure := i < synced[op.File]
		content := files[op.File]
		switch op.Kind {
		case sqlitefault.Truncate:
			if sure || rand.IntN(2) == 0 {
				if int64(len(content)) > op.Offset {
					content = content[:op.Offset]
				}
			}
		case sqlitefault.Write:
			if end := op.Offset + int64(len(op.Data)); end > int64(len(content)) && (sure || rand.IntN(4) > 0) {
				content = append(content, make([]byte, end-int64(len(content)))...)
			}
			for from := 0; from < len(op.Data); from += 512 {
				piece := op.Data[from:min(from+512, len(op.Data))]
				if at := op.Offset + int64(from); at+int64(len(piece)) <= int64(len(content)) && (sure || rand.IntN(2) == 0) {
					copy(content[at:], piece)
				}
			}
		}
		files[op.File] = content
	}
	for name, content := range files {
		suffix, ours := strings.CutPrefix(name, path)
		if !ours || suffix == "-journal" { // of the time before the file was in WAL mode; it is deleted by now
			continue
		}
		if err := os.WriteFile(image+suffix, bytes.Clone(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func checkCut(image string, epoch uint64, at int, promises []promise) error {
	b, err := open(image, outbox.Options{})
	if err != nil {
		return err
	}
	promised := map[uint64]string{}
	for _, p := range promises {
		if p.ops <= at {
			promised[p.seq] = p.text
		}
	}
	if b.Quarantined() != "" {
		err = errors.New("the file was set aside")
	} else {
		err = epochHolds(context.Background(), b.Outbox, epoch, promised)
	}
	return errors.Join(err, b.end())
}
