package outbox_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"citygate/sync/outbox"
	"citygate/sync/wire"
)

const childVar = "CITYGATE_OUTBOX_TEST_CHILD"

// childIfAsked makes the test binary a process of a test's own. For the test that kills, it appends to the outbox it is
// told and prints "epoch seq text" after each Append that has returned, until something ends it.
func childIfAsked() {
	if path := os.Getenv(writesFailVar); path != "" {
		if err := writesFail(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ok")
		os.Exit(0)
	}
	if what := os.Getenv(diskVar); what != "" {
		flag.Parse() // the kind of run is told by -cycles
		if err := badDisk(what); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	path := os.Getenv(childVar)
	if path == "" {
		return
	}
	err := child(path)
	fmt.Fprintln(os.Stderr, "child:", err)
	os.Exit(1)
}

func child(path string) error {
	b, err := outbox.Open(path, outbox.Options{Device: device, Keep: 50})
	if err != nil {
		return err
	}
	errs := make(chan error, 9)
	go func() { errs <- b.Run(context.Background()) }()
	var out sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("w%d-%d", w, i)
				s, err := b.Append(context.Background(), scan(text))
				if err != nil {
					errs <- err
					return
				}
				out.Lock()
				_, err = fmt.Println(s.Epoch, s.Seq, text) // one write: a line is printed whole or not at all
				out.Unlock()
				if err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	return <-errs
}

// A long run is asked for with
//
//	go test ./sync/outbox -run KilledAtRandom -cycles 1000 -seed 7 -timeout 1h
var (
	killCycles = flag.Int("cycles", 12, "lives of the process in TestKilledAtRandom")
	killSeed   = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments at which it is killed")
)

// TestKilledAtRandom: whatever Append has returned is there after SIGKILL, under its number, and the chain holds
// through all epochs.
func TestKilledAtRandom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	cycles := *killCycles
	if testing.Short() {
		cycles = min(cycles, 3)
	}
	rnd := rand.New(rand.NewPCG(*killSeed, 0))
	t.Logf("-cycles %d -seed %d", cycles, *killSeed)
	promised := map[outbox.Stamp]string{}
	for i := range cycles {
		runAndKill(t, path, 1+rnd.IntN(300), promised)
		if i%3 == 2 {
			checkPromised(t, path, promised, i%2 == 0)
		}
	}
	checkPromised(t, path, promised, false)
}

// runAndKill lets a child append until it has printed so many lines, and kills it at once.
func runAndKill(t *testing.T, path string, lines int, promised map[outbox.Stamp]string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childVar+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	n := 0
	for in.Scan() { // to the end: what was printed before the kill counts too
		var s outbox.Stamp
		var text string
		if _, err := fmt.Sscan(in.Text(), &s.Epoch, &s.Seq, &text); err != nil {
			t.Errorf("child printed %q", in.Text())
			continue
		}
		promised[s] = text
		if n++; n == lines {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if n < lines {
		t.Fatalf("the child ended after %d lines", n)
	}
}

// checkPromised opens the outbox and looks for every promised event. It may acknowledge half, so that later rounds
// run over deleted rows too; what is acknowledged is not looked for again.
func checkPromised(t *testing.T, path string, promised map[outbox.Stamp]string, acknowledge bool) {
	t.Helper()
	b := start(t, path, outbox.Options{Keep: 50})
	defer b.stop(t)
	batches := drain(t, b)
	found := map[outbox.Stamp]string{}
	last := map[uint64]wire.Before{}
	for _, batch := range batches {
		for i := range batch.Items {
			e, err := batch.Event(i)
			if err != nil {
				t.Fatal(err)
			}
			if e.Before != nil {
				if was, ok := last[e.Before.Epoch]; ok && was != *e.Before {
					t.Errorf("epoch %x names %+v before it, it was %+v", e.Epoch, *e.Before, was)
				}
			}
			found[outbox.Stamp{Epoch: e.Epoch, Seq: e.Seq}] = e.Verdict
		}
		last[batch.Epoch] = wire.Before{Epoch: batch.Epoch, Last: batch.Last(), Chain: batch.Chain()}
	}
	for s, text := range promised {
		if found[s] != text {
			t.Fatalf("event %d of %x is %q, Append returned it for %q", s.Seq, s.Epoch, found[s], text)
		}
	}
	if !acknowledge || len(batches) == 0 {
		return
	}
	for _, batch := range batches[:len(batches)/2] {
		if err := ack(t, b, batch.Epoch, batch.Last(), batch.Chain()); err != nil {
			t.Fatal(err)
		}
		for i := range batch.Items {
			delete(promised, outbox.Stamp{Epoch: batch.Epoch, Seq: batch.First + uint64(i)})
		}
	}
}
