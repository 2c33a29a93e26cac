package cache_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// killEnv names the database for the process that is killed.
const killEnv = "CITYGATE_TEST_KILL"

// TestMain runs the process that is killed, or the one that is measured, where the
// environment asks for it.
func TestMain(m *testing.M) {
	if path := os.Getenv(killEnv); path != "" {
		if err := syncForEver(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	if dir := os.Getenv(firstEnv); dir != "" {
		if err := firstSync(dir, os.Getenv(firstEnv+"_DB")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// growing is a nation whose city's logs are the same in every process.
func growing() (*ledgertest.Nation, *ledgertest.Registry) {
	n := ledgertest.NewNation()
	city := n.AddRegistry("MA.156.1301", "sjz")
	n.AddIssuer(city, "ID.SJZ.EXAMPLE")
	return n, city
}

// step grows the city's logs to the next size.
func step(n *ledgertest.Nation, city *ledgertest.Registry) {
	city.Records.Fill(333)
	for range 20 {
		n.SetStatus(city, city.Status.Size(), ledger.Suspended)
	}
}

// syncForEver synchronises growing logs until it is killed, and prints each size
// that it was told is held.
func syncForEver(path string) error {
	n, city := growing()
	c, err := cache.Open(path, cache.Options{Root: n.Root})
	if err != nil {
		return err
	}
	if l := c.View().Log(city.Records.Short); l != nil {
		for city.Records.Size() < l.Size {
			step(n, city)
		}
	}
	src := ledgertest.NewSource(n)
	for {
		step(n, city)
		if _, err := c.Sync(context.Background(), src); err != nil {
			return err
		}
		fmt.Println(city.Records.Size())
	}
}

// killed runs a process that synchronises, kills it after it has promised some
// sizes, and returns the last one.
func killed(t *testing.T, path string, promises int) uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := "0"
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		if last = lines.Text(); i == promises {
			// The next synchronisation is under way. Lines that were printed
			// before the signal arrives count as well.
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed
	size, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// After SIGKILL at any moment the file holds what was promised, and no root that
// the log never had.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trust.db")
	n, city := growing()
	for round := range 6 {
		promised := killed(t, path, 2*round)
		c, err := cache.Open(path, cache.Options{Root: n.Root})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []*ledgertest.Log{city.Records, city.Status} {
			got := c.View().Log(l.Short)
			if got == nil {
				t.Fatalf("log %s is not held", l.Short)
			}
			for l.Size() < got.Size {
				step(n, city)
			}
			if got.Root != l.Root(got.Size) {
				t.Errorf("log %s of size %d has a root that it never had", l.Short, got.Size)
			}
		}
		if got := c.View().Log(city.Records.Short).Size; got < promised {
			t.Errorf("size %d was promised, %d is held", promised, got)
		}
		if a := c.Alarms(); len(a) != 0 {
			t.Errorf("alarms %v", a)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Readers see whole views while several goroutines update the logs.
func TestReadersSeeWholeViews(t *testing.T) {
	w := newWorld(t)
	w.sync(t)
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := uint64(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				l := w.c.View().Log(w.city.Records.Short)
				if l.Size < last || l.Tree.Size() != l.Size || l.Tree.Root() != l.Root {
					t.Error("a view that is not whole, or went back")
					return
				}
				last = l.Size
			}
		})
	}
	var notes [][]byte
	for range 20 {
		w.city.Records.Fill(100)
		notes = append(notes, w.city.Records.Checkpoint(w.Time))
	}
	for range 3 {
		writers.Go(func() {
			for _, raw := range notes {
				// An older note than another goroutine's is refused, rightly.
				_ = w.c.Apply(t.Context(), w.city.Records.Short, raw, w.src)
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	w.same(t)
}
