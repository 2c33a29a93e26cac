package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestServiceManagerIsToldAndTheWatchdogFed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "150000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	o := newOffice(t)
	stop := newSite(t, o, o.text["valid"]).start(t)
	next := func() string {
		if err := l.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 256)
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	if got := next(); got != "READY=1" {
		t.Errorf("first message %q", got)
	}
	for range 3 {
		if got := next(); got != "WATCHDOG=1" {
			t.Errorf("then %q", got)
		}
	}
	if code, errs := stop(); code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
	for got := next(); got != "STOPPING=1"; got = next() {
		if !strings.HasPrefix(got, "WATCHDOG") {
			t.Errorf("at the end %q", got)
		}
	}
}

// A pipeline that hangs starves the watchdog, though the goroutine that feeds it runs on; one that goes on is fed again.
func TestWatchdogStarvesWithThePipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const every = 10 * time.Second // WatchdogSec=30
		last, fed := time.Now(), 0
		go feedWatchdog(ctx, every, func() time.Time { return last }, func() { fed++ })
		pass := func(d time.Duration) int {
			before := fed
			time.Sleep(d)
			synctest.Wait()
			return fed - before
		}
		for range 3 {
			last = time.Now().Add(every)
			if n := pass(every); n != 1 {
				t.Fatalf("fed %d times in %v of progress, want once", n, every)
			}
		}
		if n := pass(30 * time.Second); n > 0 {
			t.Errorf("fed %d times in half a minute without progress", n)
		}
		last = time.Now().Add(every)
		if n := pass(every); n != 1 {
			t.Errorf("fed %d times after the pipeline went on, want once", n)
		}
		cancel()
		synctest.Wait()
	})
}
